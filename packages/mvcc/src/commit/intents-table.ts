/**
 * What a record says of intents that its parent did not: the rules of who counts, and when a writer is forgotten
 * (decision 0021).
 *
 * Invariants:
 * - An intent counts at most once, whoever carries it: only if its number is the next of its writer's in the parent, or
 *   it is the first of a writer that the parent doesn't know, and not older than the intent floor.
 * - A writer is dropped only with the floor at or above the version that decided its last intent: what it has out then
 *   counts nowhere any more.
 * - One entry for a writer, in ascending order; what is not decided here is as in the parent.
 */
import { compareBytes, type DecidedIntent, equalBytes, type Intents } from '@holdfast/core';

/** Which intent. */
export interface IntentPlace {
  /** 16 bytes. */
  readonly writerId: Uint8Array;
  /** From 1. */
  readonly k: number;
  /** The version that its writer knew when it was sealed. */
  readonly base: number;
}

/** A writer of whom nothing was heard for so many records is dropped; sooner where many are known. */
const KEPT_RECORDS = 1024;
const CROWD_WRITERS = 128;
const KEPT_RECORDS_IN_A_CROWD = 128;

export function decidedOf({ decided }: Intents, writerId: Uint8Array): DecidedIntent | undefined {
  let [low, high] = [0, decided.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(decided[middle]!.writerId, writerId) < 0) low = middle + 1;
    else high = middle;
  }
  const found = decided[low];
  return found && equalBytes(found.writerId, writerId) ? found : undefined;
}

/** Whether a record on a parent with this table may decide the intent. */
export function counts(parent: Intents, { writerId, k, base }: IntentPlace): boolean {
  const last = decidedOf(parent, writerId);
  return last ? k === last.k + 1 : k === 1 && base >= parent.floor;
}

/** The table of record `version`. @param decided in it; each counts on the parent, and none is another's writer's. */
export function tableAfter(parent: Intents, decided: readonly DecidedIntent[], version: number): Intents {
  const all =
    decided.length === 0
      ? parent.decided
      : [
          ...parent.decided.filter(
            ({ writerId }) => !decided.some((one) => equalBytes(one.writerId, writerId)),
          ),
          ...decided,
        ].sort((a, b) => compareBytes(a.writerId, b.writerId));
  const quietThrough = version - (all.length > CROWD_WRITERS ? KEPT_RECORDS_IN_A_CROWD : KEPT_RECORDS);
  if (!all.some((one) => one.version <= quietThrough))
    return all === parent.decided ? parent : { floor: parent.floor, decided: all };
  const gone = all.filter((one) => one.version <= quietThrough);
  // No further than those that go need: it ends every first intent with an older base.
  const floor = Math.max(parent.floor, ...gone.map((one) => one.version));
  return { floor, decided: all.filter((one) => one.version > quietThrough) };
}
