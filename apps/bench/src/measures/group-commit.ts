/** Acknowledged transactions per second of many clients in one process, against one client. */
import type { Database } from 'holdfast';
import type { Measure, Row, Stage, Target } from '../measure.js';
import { counterOf, openBench } from '../sample-state.js';
import { summarize } from '../stats.js';

interface Load {
  readonly what: string;
  readonly clients: number;
  readonly target?: Target;
  /** One transaction; `turn` counts the client's own. */
  transaction(db: Database, client: number, turn: number): Promise<unknown>;
  /** What the counter must hold after so many acknowledged ones. */
  readonly counter?: readonly string[];
}

const HOT = ['hot'];

const loads: readonly Load[] = [
  {
    what: 'set() of keys of their own',
    clients: 64,
    target: { atLeast: 20 },
    transaction: (db, client, turn) => db.set(['client', client, turn % 50], counterOf(turn)),
  },
  {
    what: 'set() of keys of their own',
    clients: 1024,
    transaction: (db, client, turn) => db.set(['client', client, turn % 50], counterOf(turn)),
  },
  {
    what: 'blind add() to one key',
    clients: 64,
    transaction: (db) => db.transact((tx) => tx.add(HOT, 1)),
    counter: HOT,
  },
  {
    what: 'read and write of one key',
    clients: 64,
    transaction: (db) => db.transact(async (tx) => tx.set(HOT, ((await tx.get<number>(HOT)) ?? 0) + 1)),
    counter: HOT,
  },
];

export const groupCommit: Measure = {
  name: 'group-commit',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const rows: Row[] = [];
    for (const load of loads) rows.push(await runLoad(stage, load));
    return rows;
  },
};

async function runLoad(stage: Stage, load: Load): Promise<Row> {
  const { rounds, loadMs } = stage.scale;
  const db = await openBench(stage.place().store);
  const turns = Array.from({ length: load.clients }, () => 0);
  const one: number[] = [];
  const many: number[] = [];
  let acknowledged = 0;
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [clients, rates] of [
      [1, one],
      [load.clients, many],
    ] as const) {
      stage.progress(`${load.what}: ${clients} clients, round ${round} of ${rounds}`);
      const startedMs = performance.now();
      let count = 0;
      const runClient = async (client: number): Promise<void> => {
        while (performance.now() - startedMs < loadMs) {
          stage.signal.throwIfAborted();
          await load.transaction(db, client, turns[client]!++);
          count++;
        }
      };
      await Promise.all(Array.from({ length: clients }, (_, client) => runClient(client)));
      const seconds = (performance.now() - startedMs) / 1000;
      acknowledged += count;
      if (round > 0) rates.push(count / seconds);
    }
  }
  if (load.counter) {
    const found = await db.get(load.counter);
    if (found !== acknowledged)
      throw new Error(`${load.what}: ${acknowledged} were acknowledged, and the counter holds ${found}.`);
  }
  const { commits, transactions, conflicts, flushes } = db.stats();
  await db.close();
  return {
    measure: groupCommit.name,
    what: `${load.clients} clients: ${load.what}`,
    network: stage.network,
    unit: 'tx/s',
    ours: summarize(many),
    baseline: { what: 'one client doing the same', samples: summarize(one) },
    target: load.target,
    facts: { records: commits, transactions, conflicts, flushes },
  };
}
