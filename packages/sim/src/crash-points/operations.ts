/** What is interrupted at each of its calls: the things that change a database, and their traces in it. */
import type { KeyRange } from '@holdfast/core';
import type { Database, RequestId, Transaction } from '@holdfast/mvcc';
import { largeValue } from '../workload/programs.js';
import type { Worker } from '../world/fleet.js';
import { Random } from '../world/random.js';

export interface Interrupted {
  readonly name: string;
  /** Undefined: it can't be asked for afterwards, and is not sent again. */
  readonly request?: RequestId;
  /** Makes the state that it starts from. `undefined`: an empty bucket. */
  readonly prepare?: ((db: Database) => Promise<void>) | undefined;
  /** @param worker the one that it is asked of, with the machine and the clock that it has. */
  readonly run: (db: Database, worker: Worker) => Promise<unknown>;
  /** Default 2 s. 0: given up after one failure. */
  readonly commitTimeoutMs?: number;
  /** How often its effect is in the state once it has happened. */
  readonly effects: 0 | 1;
  /** What the rival does besides leaving its name. */
  readonly rival?: (tx: Transaction) => void;
  /** What its state must be; default: nothing but its name among the others. */
  readonly look?: (db: Database, names: readonly string[]) => Promise<Looked>;
}

/** What of an operation is found when all is over. */
export interface Looked {
  /** How often its effect is there; not given: as often as its name. */
  readonly there?: number;
  readonly problems: readonly string[];
}

/** Counts itself, and leaves its name. */
export async function leaveTrace(tx: Transaction, name: string): Promise<number> {
  const [n = 0, names = []] = (await tx.getMany([['n'], ['names']])) as [number?, string[]?];
  tx.set(['n'], n + 1);
  tx.set(['names'], [...names, name]);
  return n;
}

export const NAME = 'it';
export const RIVAL = 'rival';

async function prepare(db: Database): Promise<void> {
  for (let i = 0; i < 3; i++) await db.transact((tx) => leaveTrace(tx, `before ${i}`));
}

/** So much that the newest record names holders instead of carrying all of it. */
async function prepareLongTail(db: Database): Promise<void> {
  await prepare(db);
  for (let i = 0; i < 12; i++) await db.set(['filler', i], 'x'.repeat(6_000));
}

function commit(name: string, request: RequestId | undefined, more: Partial<Interrupted> = {}): Interrupted {
  return {
    name,
    ...(request === undefined ? {} : { request }),
    prepare,
    run: (db) =>
      db.transact(
        (tx) => leaveTrace(tx, NAME),
        request === undefined ? {} : { requestId: request, input: 1 },
      ),
    effects: 1,
    ...more,
  };
}

/** What a caller aborts with: heard as it is, it says that nothing happened. */
export class GivenUp extends Error {
  override readonly name: string = 'GivenUp';
}

/** Closes the database under `work`, which is settled all the same. */
function closedUnder<T>(work: Promise<T>, worker: Worker): Promise<T> {
  work.catch(() => {});
  worker.close(true, new Random(1, 'close'));
  return work;
}

/** Aborted so long after the call: requests take 2 to 8 ms there and back, now and then more. */
function aborted(afterMs: number): Interrupted {
  return commit(`commit, aborted after ${afterMs} ms`, undefined, {
    run: (db, { machine }) => {
      const stop = new AbortController();
      machine.clock.sleep(afterMs).then(() => stop.abort(new GivenUp()));
      return db.transact((tx) => leaveTrace(tx, NAME), { signal: stop.signal });
    },
  });
}

const session: RequestId = { session: 's', number: 1 };

const SPAN: KeyRange = { prefix: ['span'] };
const SPAN_KEYS = 6;

/** Half of the keys lie in segments, half in the tail. */
async function prepareSpan(db: Database): Promise<void> {
  await prepare(db);
  for (let i = 0; i < SPAN_KEYS; i++) {
    await db.set(['span', i], i);
    if (i === SPAN_KEYS / 2) await db.flush();
  }
}

/** All of the old keys or none, and what else lies among them. */
async function lookAtSpan(db: Database): Promise<{ old: number; others: string[]; problems: string[] }> {
  const others: string[] = [];
  let old = 0;
  for await (const [, last] of db.keys(SPAN))
    if (typeof last === 'number') old++;
    else others.push(String(last));
  const half = old !== 0 && old !== SPAN_KEYS;
  return { old, others, problems: half ? [`${old} of ${SPAN_KEYS} keys of a deleted range.`] : [] };
}

const rivalInSpan = (tx: Transaction): void => tx.set(['span', RIVAL], RIVAL);

/** The order of the names tells whether the rival's key was deleted. */
async function lookAtNamedSpan(db: Database, names: readonly string[]): Promise<Looked> {
  const { old, others, problems } = await lookAtSpan(db);
  const [it, rival] = [names.indexOf(NAME), names.indexOf(RIVAL)];
  const expected = [...(it >= 0 ? ['after'] : []), ...(rival > it ? [RIVAL] : [])];
  if (others.join() !== expected.join())
    problems.push(`Beside the deleted range there is ${others.join()}, expected ${expected.join()}.`);
  if ((old === 0) !== it >= 0) problems.push('The range and the name that goes with it: half a transaction.');
  return { problems };
}

function deleteSpan(tx: Transaction): Promise<number> {
  tx.set(['span', 'before'], 'before');
  tx.deleteRange(SPAN);
  tx.set(['span', 'after'], 'after');
  return leaveTrace(tx, NAME);
}

const rangeDeletes: readonly Interrupted[] = [
  commit('commit of a range delete', 'request', {
    prepare: prepareSpan,
    run: (db) => db.transact(deleteSpan, { requestId: 'request', input: 1 }),
    rival: rivalInSpan,
    look: lookAtNamedSpan,
  }),
  commit('large commit of a range delete', 'request', {
    prepare: prepareSpan,
    run: (db) =>
      db.transact(
        (tx) => {
          const deleting = deleteSpan(tx);
          for (let i = 0; i < 3; i++) tx.set(['large', i], largeValue(1, i));
          return deleting;
        },
        { requestId: 'request', input: 1 },
      ),
    rival: rivalInSpan,
    look: lookAtNamedSpan,
  }),
  {
    name: 'range delete alone',
    request: 'request',
    prepare: prepareSpan,
    run: (db) => db.deleteRange(SPAN, { requestId: 'request' }),
    effects: 1,
    look: async (db) => {
      const { old, problems } = await lookAtSpan(db);
      return { there: old === 0 ? 1 : 0, problems };
    },
  },
  {
    name: 'flush of a range delete',
    prepare: async (db) => {
      await prepareSpan(db);
      await db.deleteRange(SPAN);
      await db.set(['span', 'after'], 'after');
    },
    run: (db) => db.flush(),
    effects: 0,
    look: async (db) => {
      const { old, others, problems } = await lookAtSpan(db);
      if (old > 0 || others.join() !== 'after')
        problems.push(`Deleted: ${old} and ${others.join()} are there.`);
      return { problems };
    },
  },
];

/** Longer than all that happens afterwards. */
const LONG_MS = 86_400_000;

/** The one that expires late is there with its moment, the one that expires early is not. */
async function lookAtLeases(db: Database): Promise<{ there: number; problems: string[] }> {
  const [long, short] = [await db.getEntry(['lease', 'long']), await db.getEntry(['lease', 'short'])];
  const problems = short === undefined ? [] : ['What has expired is there.'];
  if (long?.value === 'old') problems.push('What had expired before it is there again.');
  const leftMs = (long?.expiresAt?.getTime() ?? 0) - Date.UTC(2026, 0, 1);
  if (long && !(leftMs > LONG_MS && leftMs < 2 * LONG_MS))
    problems.push(`It expires at ${long.expiresAt?.toISOString() ?? 'no time'}.`);
  return { there: long ? 1 : 0, problems };
}

/** What it replaces has expired, and was never deleted. */
async function prepareLeases(db: Database): Promise<void> {
  await prepare(db);
  for (const name of ['long', 'short']) await db.set(['lease', name], 'old', { expireInMs: 1 });
  await db.flush();
}

const expiring: readonly Interrupted[] = [
  commit('commit of entries that expire', 'request', {
    prepare: prepareLeases,
    run: (db) =>
      db.transact(
        async (tx) => {
          if (await tx.has(['lease', 'long'])) return leaveTrace(tx, NAME);
          tx.set(['lease', 'long'], 'new', { expireInMs: LONG_MS });
          tx.set(['lease', 'short'], 'new', { expireInMs: 20 });
          return leaveTrace(tx, NAME);
        },
        { requestId: 'request', input: 1 },
      ),
    look: async (db, names) => {
      const { there, problems } = await lookAtLeases(db);
      if (there > 0 !== names.includes(NAME)) problems.push('The entry and its name: half a transaction.');
      return { problems };
    },
  }),
  {
    name: 'set with expiry alone',
    request: 'request',
    prepare: prepareLeases,
    run: (db) => db.set(['lease', 'long'], 'new', { expireInMs: LONG_MS, requestId: 'request' }),
    effects: 1,
    look: lookAtLeases,
  },
  // Streams: a `setStream` struck at each of its parts goes here, in a list of its own.
];

export const operations: readonly Interrupted[] = [
  commit('commit', 'request'),
  commit('commit, no request id', undefined),
  commit('commit, given up at once', undefined, { commitTimeoutMs: 0 }),
  commit('commit in a session', session),
  commit('commit on a long tail', 'request', { prepare: prepareLongTail }),
  {
    ...commit('create and commit', 'request'),
    prepare: undefined,
  },
  {
    name: 'large commit',
    request: 'request',
    prepare,
    run: (db) =>
      db.transact(
        async (tx) => {
          for (let i = 0; i < 3; i++) tx.set(['large', i], largeValue(1, i));
          return leaveTrace(tx, NAME);
        },
        { requestId: 'request', input: 1 },
      ),
    effects: 1,
    look: async (db, names) => {
      const large = await db.count({ prefix: ['large'] });
      const there = large === 3 * names.filter((name) => name === NAME).length;
      return { problems: there ? [] : [`${large} large values.`] };
    },
  },
  ...rangeDeletes,
  ...expiring,
  {
    name: 'flush',
    prepare: prepareLongTail,
    run: (db) => db.flush(),
    effects: 0,
  },
  {
    name: 'close of a request',
    prepare,
    run: (db) => db.outcome('request', { close: true }),
    effects: 0,
  },
  commit('commit, closed under way', 'request', {
    run: (db, worker) =>
      closedUnder(
        db.transact((tx) => leaveTrace(tx, NAME), { requestId: 'request', input: 1 }),
        worker,
      ),
  }),
  {
    name: 'flush, closed under way',
    prepare: prepareLongTail,
    run: (db, worker) => closedUnder(db.flush(), worker),
    effects: 0,
  },
  aborted(0),
  aborted(3),
  aborted(20),
];
