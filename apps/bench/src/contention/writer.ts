/**
 * A writer that commits, and commits again as soon as it has been told.
 *
 * Invariants:
 * - A commit counts if it was acknowledged before the end. Later ones are told apart, and are looked for in the state
 *   all the same.
 * - Whoever waits when the time is over is counted among the waits, for as long as it has waited: a writer that never
 *   got through is not left out of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from 'holdfast';
import type { Turn, Workload } from './workload.js';

export interface WriterFigures {
  readonly writer: number;
  /** Acknowledged in time. */
  readonly commits: number;
  /** The one that was under way at the end: 1 if it was acknowledged after it. */
  readonly late: number;
  /** Calls that failed, by code: they may have happened. */
  readonly failures: Readonly<Record<string, number>>;
  /** From the call to its acknowledgement, or to the end. */
  readonly waitsMs: readonly number[];
}

export interface Span {
  /** Milliseconds of `performance.now()`. */
  readonly startMs: number;
  readonly endMs: number;
  /** After a call that failed. */
  readonly pauseMs: number;
}

export async function runWriter(
  workload: Workload,
  around: Omit<Turn, 'turn'>,
  { startMs, endMs, pauseMs }: Span,
): Promise<WriterFigures> {
  let commits = 0;
  let late = 0;
  const failures: Record<string, number> = {};
  const waitsMs: number[] = [];
  await sleep(Math.max(0, startMs - performance.now()));
  for (let turn = 0; performance.now() < endMs; turn++) {
    const sinceMs = performance.now();
    try {
      await workload.commit({ ...around, turn });
      if (performance.now() < endMs) commits++;
      else late++;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      failures[error.code] = (failures[error.code] ?? 0) + 1;
      // Not a wait that ended well; what is left of the time is one.
      if (performance.now() < endMs) {
        await sleep(Math.min(pauseMs, endMs - performance.now()));
        continue;
      }
    }
    waitsMs.push(Math.min(performance.now(), endMs) - sinceMs);
  }
  // It never had its turn: that is a wait as well.
  if (waitsMs.length === 0) waitsMs.push(endMs - startMs);
  return { writer: around.writer, commits, late, failures, waitsMs };
}
