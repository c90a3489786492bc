/** Garbage collection, interrupted at each of its calls: what is retained is there, and the next one ends what it began. */
import type { Database } from '@holdfast/mvcc';
import { chunks, streamBytes } from '../workload/streams.js';
import type { Worker } from '../world/fleet.js';
import { type Interrupted, type Looked, leaveTrace, prepare } from './interrupted.js';

const GRACE_MS = 20_000;
const KEYS = 6;
/** What a checkpoint keeps. */
const KEPT = 'kept';

/** Segments and pages that nobody names any more, of flushes, large transactions and streams, and a checkpoint of some. */
async function prepareGarbage(db: Database, worker: Worker): Promise<void> {
  await prepare(db);
  const pass = (): Promise<void> => worker.machine.clock.sleep(GRACE_MS + 1_000);
  for (let round = 0; round < 3; round++) {
    await db.transact(async (tx) => {
      for (let key = 0; key < KEYS; key++) tx.set(['run', key], `${round}`.repeat(300));
      await leaveTrace(tx, `run ${round}`);
    });
    await db.setStream(['stream'], chunks(streamBytes(round + 1, 5_000)));
    await db.flush();
    if (round === 0) await db.checkpoint(KEPT);
    await db.compact({ all: true });
  }
  // The floor passes what is dead, and what is dead is of before the floor that the root says.
  for (let floors = 0; floors < 2; floors++) {
    await db.gc();
    await pass();
  }
}

async function lookAtRest(db: Database): Promise<Looked> {
  const problems: string[] = [];
  const look = async (
    what: string,
    of: Pick<Database, 'get' | 'getStream'>,
    round: number,
  ): Promise<void> => {
    for (let key = 0; key < KEYS; key++)
      if ((await of.get(['run', key])) !== `${round}`.repeat(300))
        problems.push(`${what}: key ${key} is another.`);
  };
  await look('The newest version', db, 2);
  const [kept] = await db.checkpoints();
  await look('The checkpoint', (await db.snapshot({ at: kept!.version })) as unknown as Database, 0);
  await db.gc();
  const { problems: found, unreferenced } = await db.verify({ deep: true });
  problems.push(...found);
  // What the checkpoint names is not of a version that `verify` walks.
  if (unreferenced > 12) problems.push(`${unreferenced} objects are left that nobody names.`);
  return { problems };
}

export const collections: readonly Interrupted[] = [
  {
    name: 'collection',
    prepare: prepareGarbage,
    run: (db) => db.gc(),
    graceMs: GRACE_MS,
    retention: { versions: 0, ms: 0 },
    effects: 0,
    look: lookAtRest,
  },
];
