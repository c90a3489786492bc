import type { CallOptions, GetOptions } from '@holdfast/object-store';

/**
 * What the commit protocol asks of the world: who owns slot n of the log. A store with conditional creates is one
 * implementation (`StoreSlots`); `@holdfast/mvcc/conformance` checks any.
 *
 * Slots are numbered from 1. They are claimed in order, though a claim may come late, when others have gone further.
 *
 * Every implementation promises, to all processes that share a log:
 * - One owner: at most one sequence of bytes is ever the one of slot n. That holds above the log's floor; a slot below
 *   it may have been collected, and is then free for whoever comes late.
 * - Whole or not at all: a reader sees all bytes of a claim, unchanged, or none.
 * - Read after claim: what a claim has answered, `created` or `occupied`, every later `read` and `newest` shows.
 * - Losing is a value, `occupied`, never an exception.
 * - Failures are `StoreError`s. A claim of which it is not known whether it took effect, or still may, fails with
 *   `UNKNOWN_OUTCOME`; any other code says that it did not and will not.
 * - An aborted signal ends the call with its reason; a claim that may have been sent is `UNKNOWN_OUTCOME` then.
 */
export interface Slots {
  /**
   * Makes `bytes`, at least one, the content of slot `n` if it has none. The same bytes may be claimed again by
   * whoever does not know what became of them: the answer is `created` or `occupied`, and the slot holds them once.
   * @returns `created`: it was free, and is now ours. `occupied`: it has an owner, whose bytes `read` gives.
   */
  claim(n: number, bytes: Uint8Array, options?: CallOptions): Promise<'created' | 'occupied'>;
  /**
   * The content of slot `n`, or `range` of it, as `ObjectStore.get` cuts it. Undefined: nobody has claimed it.
   * @throws StoreError TOO_LARGE where there is more than `maxBytes`, of which no more is taken.
   */
  read(n: number, options?: GetOptions): Promise<Uint8Array | undefined>;
  /** The highest slot that has an owner. Undefined: none has. */
  newest(options?: CallOptions): Promise<number | undefined>;
  /**
   * When slot `n` was claimed: milliseconds since 1970 by one clock, which all slots of the log share; it is no
   * process's. Undefined: nobody has claimed it. Without it nothing is collected.
   * @throws StoreError INVALID where that is not told.
   */
  claimedAt?(n: number, options?: CallOptions): Promise<number | undefined>;
  /** Empties slots, for ever as far as those are concerned who follow the log; one that is empty is not an error. */
  collect?(slots: readonly number[], options?: CallOptions): Promise<void>;
  /** The slots below `n` that have an owner, and how many bytes each holds, in any order. */
  below?(n: number, options?: CallOptions): AsyncIterable<{ readonly n: number; readonly size: number }>;
}
