/** What is interrupted at each of its calls: the things that change a database, and their traces in it. */
import type { Database, RequestId } from '@holdfast/mvcc';
import { largeValue } from '../workload/programs.js';
import type { Worker } from '../world/fleet.js';
import { Random } from '../world/random.js';
import { collections } from './collections.js';
import { compactions } from './compactions.js';
import { expiring } from './expiring.js';
import { commit, type Interrupted, leaveTrace, NAME, prepare } from './interrupted.js';
import { loads } from './loads.js';
import { rangeDeletes } from './range-deletes.js';
import { streams } from './streams.js';

/** So much that the newest record names holders instead of carrying all of it. */
async function prepareLongTail(db: Database): Promise<void> {
  await prepare(db);
  for (let i = 0; i < 12; i++) await db.set(['filler', i], 'x'.repeat(6_000));
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
  ...streams,
  ...loads,
  {
    name: 'flush',
    prepare: prepareLongTail,
    run: (db) => db.flush(),
    effects: 0,
  },
  ...compactions,
  ...collections,
  ...compactions.map((compaction) => ({
    ...compaction,
    name: 'compaction, closed under way',
    run: (db: Database, worker: Worker) => closedUnder(db.compact({ all: true }), worker),
  })),
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
