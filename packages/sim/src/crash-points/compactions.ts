/** Compaction, interrupted at each of its calls: whatever is left, the state says what it said. */
import type { Database } from '@holdfast/mvcc';
import { chunks, streamBytes } from '../workload/streams.js';
import { type Interrupted, type Looked, leaveTrace, prepare } from './interrupted.js';

const KEYS = 6;

/** Runs that overlap, with entries that were overwritten, deleted one by one and as a range, and a stream that was. */
async function prepareRuns(db: Database): Promise<void> {
  await prepare(db);
  await db.setStream(['stream'], chunks(streamBytes(1, 5_000)));
  for (let round = 0; round < 3; round++) {
    await db.transact(async (tx) => {
      for (let key = 0; key < KEYS; key++) tx.set(['run', key], `${round}`.repeat(300));
      if (round === 1) tx.delete(['run', 0]);
      if (round === 1) tx.deleteRange({ gte: ['run', KEYS - 2], lt: ['run', KEYS] });
      await leaveTrace(tx, `run ${round}`);
    });
    if (round === 1) await db.set(['stream'], 'no stream any more');
    await db.flush();
  }
}

async function lookAtRuns(db: Database): Promise<Looked> {
  const problems: string[] = [];
  for (let key = 0; key < KEYS; key++) {
    const value = await db.get(['run', key]);
    if (value !== '2'.repeat(300)) problems.push(`Key ${key} holds ${String(value).slice(0, 10)}.`);
  }
  if ((await db.get(['stream'])) !== 'no stream any more')
    problems.push('A stream that was replaced is back.');
  // Whoever comes next finishes it.
  await db.compact({ all: true });
  const { levels, amplification } = db.stats();
  if (levels.length > 1 || amplification.read > 1)
    problems.push(`After it there are ${levels.length} levels, ${amplification.read} deep.`);
  if ((await db.count({ prefix: ['run'] })) !== KEYS) problems.push('Entries are gone.');
  return { problems };
}

export const compactions: readonly Interrupted[] = [
  {
    name: 'compaction',
    prepare: prepareRuns,
    run: (db) => db.compact({ all: true }),
    effects: 0,
    look: lookAtRuns,
  },
];
