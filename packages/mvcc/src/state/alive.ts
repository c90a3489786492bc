/**
 * Whether an entry is there for one who reads at a moment: the only rule of expiry, for all reads.
 *
 * Invariants:
 * - An entry reads as absent from `expiresMs` on, as a deleted one does. Nothing is written when its time comes.
 * - What can turn a stored entry into something that a user sees asks here, with the reader's own moment: its clock
 *   read once, or that of the version that it looks at. Nothing here reads a clock.
 * - Who looks for conflicts does not ask here: an entry that has expired was written all the same.
 */
import type { Cursor } from '@holdfast/core';
import type { TailEntry } from './tail.js';

/** What a key holds: no value, nothing. */
export type Held = Pick<TailEntry, 'value' | 'expiresMs' | 'stream'>;

export type Alive<H extends Held> = H & { readonly value: Uint8Array };

/** What is found there at `nowMs`; undefined: nothing, whether deleted, expired, or never written. */
export function alive<H extends Held>(found: H | undefined, nowMs: number): Alive<H> | undefined {
  if (found?.value === undefined) return undefined;
  if (found.expiresMs !== undefined && found.expiresMs <= nowMs) return undefined;
  return found as Alive<H>;
}

/** Whether a walk stands on something that is there at `nowMs`. */
export function isAlive(cursor: Pick<Cursor, 'tombstone' | 'expiresMs'>, nowMs: number): boolean {
  return !cursor.tombstone && (cursor.expiresMs === 0 || cursor.expiresMs > nowMs);
}
