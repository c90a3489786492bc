/** What is interrupted at each of its calls: the things that change a database, and their traces in it. */
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
  /** How often it is there; default: as often as its name was left. @throws where half of it is. */
  readonly countEffects?: (db: Database) => Promise<number>;
}

/** Counts itself, and leaves its name. */
export async function leaveTrace(tx: Transaction, name: string): Promise<number> {
  const [n = 0, names = []] = (await tx.getMany([['n'], ['names']])) as [number?, string[]?];
  tx.set(['n'], n + 1);
  tx.set(['names'], [...names, name]);
  return n;
}

const NAME = 'it';

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

/** Of one part: one more makes each case ten times as long, and struck no differently (616 cases, once). */
const STREAM: Uint8Array = new Uint8Array(100_000).map((_, i) => i % 251);

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000);
}

const session: RequestId = { session: 's', number: 1 };

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
  },
  {
    name: 'stream',
    request: 'request',
    prepare,
    run: (db) => db.setStream(['stream'], cut(STREAM), { requestId: 'request' }),
    effects: 1,
    countEffects: async (db) => {
      const stream = await db.getStream(['stream']);
      if (stream === undefined) return 0;
      let length = 0;
      for await (const chunk of stream) {
        if (chunk.some((byte, i) => byte !== STREAM[length + i]))
          throw new Error(`The stream is another one from byte ${length} on.`);
        length += chunk.length;
      }
      if (length !== STREAM.length) throw new Error(`The stream has ${length} bytes.`);
      return 1;
    },
  },
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
