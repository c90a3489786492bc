/**
 * What writers do, over and over, each as soon as its last commit is acknowledged. The same as the simulator measures
 * in virtual time, under the same names.
 *
 * Invariants:
 * - Every turn is one commit that writes: where there is nothing left to do, it fails rather than reads only.
 * - The state shows how many commits there were, so that what was acknowledged can be looked for in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Transaction } from 'holdfast';

/** One turn of a writer. */
export interface Turn {
  readonly db: Database;
  readonly writer: number;
  /** From 0. */
  readonly turn: number;
}

export interface Workload {
  readonly name: string;
  readonly what: string;
  /** Writers are databases of their own on one store, or loops in one database. */
  readonly writers: 'databases' | 'loops';
  /** @param seconds that writers are going to have. */
  prepare?(db: Database, seconds: number): Promise<void>;
  commit(turn: Turn): Promise<unknown>;
  /** How many commits the state shows. */
  shown(db: Database): Promise<number>;
}

const COUNTER = ['counter'] as const;
const KEYS_EACH = 100;
/** More than any store here lets be claimed. */
const JOBS_A_SECOND = 2_500;
const JOBS_AT_ONCE = 2_500;
const ACCOUNTS = 100;
const BALANCE = 1_000;

async function counted(db: Database): Promise<number> {
  return (await db.get<number>(COUNTER)) ?? 0;
}

async function increment(tx: Transaction, waitMs: number | undefined): Promise<void> {
  const count = (await tx.get<number>(COUNTER)) ?? 0;
  if (waitMs !== undefined) await sleep(waitMs);
  tx.set(COUNTER, count + 1);
}

const disjoint: Workload = {
  name: 'disjoint',
  what: 'set: each writer its own 100 keys',
  writers: 'databases',
  commit: ({ db, writer, turn }) => db.set(['of', writer, turn % KEYS_EACH], turn),
  async shown(db) {
    const last = new Map<unknown, number>();
    for await (const { key, value } of (await db.snapshot()).list<number>({ prefix: ['of'] }))
      last.set(key[1], Math.max(value, last.get(key[1]) ?? 0));
    return [...last.values()].reduce((sum, turn) => sum + turn + 1, 0);
  },
};

const add: Workload = {
  name: 'add',
  what: 'add 1 to one counter',
  writers: 'databases',
  commit: ({ db }) => db.add(COUNTER, 1),
  shown: counted,
};

const bank: Workload = {
  name: 'bank',
  what: `transfer between two of ${ACCOUNTS} accounts`,
  writers: 'databases',
  prepare: (db) =>
    db.transact((tx) => {
      for (let account = 0; account < ACCOUNTS; account++) tx.set(['account', account], BALANCE);
    }),
  commit: ({ db, writer, turn }) => {
    const from = Math.floor(Math.random() * ACCOUNTS);
    const to = (from + 1 + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS;
    return db.transact(async (tx) => {
      const [here, there] = await tx.getMany<number>([
        ['account', from],
        ['account', to],
      ]);
      tx.set(['account', from], here! - 1);
      tx.set(['account', to], there! + 1);
      // In nobody's way: it says how many there were.
      tx.set(['transfers', writer], turn + 1);
    });
  },
  async shown(db) {
    const snapshot = await db.snapshot();
    const sumOf = async (prefix: string): Promise<number> => {
      let sum = 0;
      for await (const { value } of snapshot.list<number>({ prefix: [prefix] })) sum += value;
      return sum;
    };
    const money = await sumOf('account');
    if (money !== ACCOUNTS * BALANCE)
      throw new Error(`bank: expected ${ACCOUNTS * BALANCE} in all accounts together, found ${money}.`);
    return sumOf('transfers');
  },
};

const queue: Workload = {
  name: 'queue',
  what: 'claim the first job of a queue: first, delete, set',
  writers: 'databases',
  async prepare(db, seconds) {
    const jobs = Math.ceil(JOBS_A_SECOND * seconds);
    for (let from = 0; from < jobs; from += JOBS_AT_ONCE)
      await db.transact((tx) => {
        for (let job = from; job < Math.min(jobs, from + JOBS_AT_ONCE); job++)
          tx.set(['job', job], { task: job });
      });
  },
  commit: ({ db, writer }) =>
    db.transact(async (tx) => {
      const job = await tx.first({ prefix: ['job'] });
      if (!job) throw new Error(`The queue of ${JOBS_A_SECOND} jobs a second is empty.`);
      tx.delete(job.key);
      tx.set(['claimed', job.key[1]!], writer);
    }),
  shown: (db) => db.count({ prefix: ['claimed'] }),
};

/** Read, wait, write one key: a conflict by nature. */
function readWrite(writers: Workload['writers'], waitMs?: number): Workload {
  const waits = waitMs === undefined ? '' : ` wait ${waitMs} ms,`;
  return {
    name: `${writers === 'loops' ? 'loops' : 'read-write'}${waitMs === undefined ? '' : `-wait-${waitMs}`}`,
    what: `${writers === 'loops' ? 'loops in one database: ' : ''}read one counter,${waits} write it`,
    writers,
    commit: ({ db }) => db.transact((tx) => increment(tx, waitMs)),
    shown: counted,
  };
}

export const workloads: readonly Workload[] = [
  disjoint,
  add,
  bank,
  queue,
  readWrite('databases'),
  ...[0, 5, 50].map((waitMs) => readWrite('loops', waitMs)),
];
