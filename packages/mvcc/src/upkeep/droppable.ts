/**
 * What a merge may leave out. That older writes of a key go is no question: its newest one is found by its stamp,
 * wherever that lies, and old versions read the segments that their own records name.
 *
 * A deletion is left out only if nobody can miss it:
 * - its version is below the floor: conflicts are found in the state, and a transaction that has read floor - 1 or later
 *   may still ask whether the key was written since;
 * - its version is not above `flushedThrough`: the tail then holds nothing older, nor does any flush to come. (A large
 *   transaction's segment may be newer than writes that are in the tail.)
 * - no other live segment could hold an older write of the key, which it hides.
 *
 * All of that is known of the state that the merge was planned on, and holds for good: what is published later is newer
 * (flushes, large transactions), or merged of segments that were looked at.
 *
 * An entry that has expired for every reader's clock reads as absent. It is left out likewise; where it may not be, a
 * deletion of the same stamp stands for it, so that who looks for conflicts finds what was there.
 */
import { compareBytes, endsBefore, mayHold, type SegmentEntry, segmentBegin } from '@holdfast/core';
import type { View } from '../state/view.js';

/** However short the grace period is: by so much clocks may differ. */
const CLOCKS_APART_MS = 3_600_000;

/** By how much longer than it says an entry is kept. */
export function expiryMarginMs({ graceMs }: Pick<View, 'graceMs'>): number {
  return Math.max(graceMs, CLOCKS_APART_MS);
}

export type DropState = Pick<View, 'floor' | 'flushedThrough' | 'graceMs' | 'timeMs'>;

export class Droppable {
  readonly #belowVersion: number;
  readonly #others: readonly SegmentEntry[];
  readonly #expiredMs: number;

  /**
   * @param others the live segments that are searched and not merged.
   * @param nowMs by the earlier of two clocks that are not one writer's. The newest record's time counts too: the earliest
   * of all, less the margin.
   */
  constructor(state: DropState, others: readonly SegmentEntry[], nowMs: number) {
    this.#belowVersion = Math.min(state.floor, state.flushedThrough + 1);
    this.#others = others;
    this.#expiredMs = Math.min(nowMs, state.timeMs) - expiryMarginMs(state);
  }

  /** Whether it reads as absent by every clock. @param expiresMs 0: never. */
  isExpired(expiresMs: number): boolean {
    return expiresMs > 0 && expiresMs <= this.#expiredMs;
  }

  /** Whether a deletion of this key can go. */
  mayDrop(key: Uint8Array, version: number): boolean {
    if (version >= this.#belowVersion) return false;
    return !this.#others.some((other) => other.minVersion <= version && mayHold(other, key));
  }

  /** Whether a deletion of [begin, end) can. */
  mayDropRange(begin: Uint8Array, end: Uint8Array, version: number): boolean {
    if (version >= this.#belowVersion) return false;
    return !this.#others.some(
      (other) =>
        other.minVersion <= version &&
        !endsBefore(other, begin) &&
        compareBytes(segmentBegin(other), end) < 0,
    );
  }
}
