/**
 * What writers do, over and over, each as soon as its last commit is acknowledged.
 *
 * Invariant: every turn is one commit that writes: where there is nothing left to do, it fails rather than reads only.
 */
import type { Database, Transaction } from '@holdfast/mvcc';
import type { Clock } from '@holdfast/object-store';
import type { Random } from '../world/random.js';

/** One turn of a writer. */
export interface Turn {
  readonly db: Database;
  readonly writer: number;
  /** From 0. */
  readonly turn: number;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Workload {
  readonly name: string;
  readonly what: string;
  /** Writers are databases of their own on one store, or loops in one database. */
  readonly writers: 'databases' | 'loops';
  prepare?(db: Database): Promise<void>;
  commit(turn: Turn): Promise<unknown>;
  /** How many commits the state shows; at least as many as were acknowledged. */
  shown?(db: Database): Promise<number>;
}

const COUNTER = ['counter'] as const;
const KEYS_EACH = 100;
/** More than are claimed in the longest run that is of use, at 64 commits a round trip. */
const JOBS = 20_000;
const JOBS_AT_ONCE = 2_000;
const ACCOUNTS = 100;
const BALANCE = 1_000;

async function counted(db: Database): Promise<number> {
  return (await db.get<number>(COUNTER)) ?? 0;
}

async function increment(tx: Transaction, { clock }: Turn, waitMs: number | undefined): Promise<void> {
  const count = (await tx.get<number>(COUNTER)) ?? 0;
  if (waitMs !== undefined) await clock.sleep(waitMs);
  tx.set(COUNTER, count + 1);
}

/** Read, wait, write one key: a conflict by nature. */
function readWrite(writers: Workload['writers'], waitMs?: number): Workload {
  const waits = waitMs === undefined ? '' : ` wait ${waitMs} ms,`;
  return {
    name: `${writers === 'loops' ? 'loops' : 'read-write'}${waitMs === undefined ? '' : `-wait-${waitMs}`}`,
    what: `${writers === 'loops' ? 'loops in one database: ' : ''}read one counter,${waits} write it`,
    writers,
    commit: (turn) => turn.db.transact((tx) => increment(tx, turn, waitMs)),
    shown: counted,
  };
}

const disjoint: Workload = {
  name: 'disjoint',
  what: 'set: each writer its own 100 keys',
  writers: 'databases',
  commit: ({ db, writer, turn }) => db.set(['of', writer, turn % KEYS_EACH], turn),
};

const add: Workload = {
  name: 'add',
  what: 'add 1 to one counter',
  writers: 'databases',
  commit: ({ db }) => db.add(COUNTER, 1),
  shown: counted,
};

const queue: Workload = {
  name: 'queue',
  what: 'claim the first job of a queue: first, delete, set',
  writers: 'databases',
  async prepare(db) {
    for (let from = 0; from < JOBS; from += JOBS_AT_ONCE)
      await db.transact((tx) => {
        for (let job = from; job < from + JOBS_AT_ONCE; job++) tx.set(['job', job], { task: job });
      });
  },
  commit: ({ db, writer }) =>
    db.transact(async (tx) => {
      const job = await tx.first({ prefix: ['job'] });
      if (!job) throw new Error(`The queue of ${JOBS} jobs is empty: measure for fewer seconds.`);
      tx.delete(job.key);
      tx.set(['claimed', job.key[1]!], writer);
    }),
  shown: (db) => db.count({ prefix: ['claimed'] }),
};

const bank: Workload = {
  name: 'bank',
  what: 'transfer between two of 100 accounts',
  writers: 'databases',
  prepare: (db) =>
    db.transact((tx) => {
      for (let account = 0; account < ACCOUNTS; account++) tx.set(['account', account], BALANCE);
    }),
  commit: ({ db, random }) => {
    const from = random.below(ACCOUNTS);
    const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    return db.transact(async (tx) => {
      const [here, there] = await tx.getMany<number>([
        ['account', from],
        ['account', to],
      ]);
      tx.set(['account', from], here! - 1);
      tx.set(['account', to], there! + 1);
    });
  },
};

export const workloads: readonly Workload[] = [
  disjoint,
  add,
  bank,
  queue,
  readWrite('databases'),
  ...[0, 5, 50].map((waitMs) => readWrite('databases', waitMs)),
  readWrite('loops'),
  ...[0, 5, 50].map((waitMs) => readWrite('loops', waitMs)),
];
