/**
 * Ends a database.
 *
 * Invariants:
 * - What was begun has `patienceMs` to settle; then it is cut off. No call is left without an answer.
 * - A commit that is cut off says truly whether it may have happened.
 * - Once it resolves, nothing of the database touches the store again.
 */
import type { Clock } from '@holdfast/object-store';
import type { Committer } from './commit/committer.js';
import { inTime } from './context/in-time.js';
import type { Lifetime } from './context/lifetime.js';
import type { StoreGate } from './context/store-gate.js';
import type { Compactor } from './upkeep/compactor.js';
import type { Flusher } from './upkeep/flusher.js';
import type { Tiler } from './upkeep/tiler.js';

interface Parts {
  readonly lifetime: Lifetime;
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly tiler: Tiler;
  readonly compactor: Compactor;
  readonly committer: Committer;
  readonly gate: StoreGate;
  readonly patienceMs: number;
}

export async function closeDown({
  lifetime,
  clock,
  flusher,
  tiler,
  compactor,
  committer,
  gate,
  patienceMs,
}: Parts): Promise<void> {
  lifetime.close();
  const settled = async (): Promise<void> => {
    await lifetime.idle();
    await flusher.idle();
    await tiler.idle();
    await compactor.idle();
    await committer.idle();
    await committer.tidy();
  };
  if (!(await inTime(clock, settled(), patienceMs))) {
    const closed = lifetime.cut();
    gate.shut(closed);
    // Commits are told first, and truly; then those who never came to one.
    await inTime(clock, committer.idle(), patienceMs);
    await clock.sleep(0);
    lifetime.abandon();
  }
  // What nobody waits for any more: a hedge that lost, blocks read ahead, a probe that came late.
  gate.shut(lifetime.cut());
  await inTime(clock, gate.idle(), patienceMs);
  await gate.close();
}
