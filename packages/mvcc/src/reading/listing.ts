/**
 * Walks over a range as users hold them: one by one, or in batches.
 *
 * Invariants:
 * - The range is what it was at the call. A range that can't be meant fails at the first step, as every failure of
 *   a walk does.
 * - The walk itself begins with its first step; each of `batches()` is a walk of its own.
 */
import type { KeyTuple } from '@holdfast/core';
import { atCall } from '../context/steps.js';
import { isAlive } from '../state/alive.js';
import { tupleOf } from '../state/space.js';
import { type Entry, toEntry, userValueOf } from './entry-reader.js';
import { NO_VALUE, type Scan, Steps, type Walk } from './steps.js';

/** Lets each step of a generator through, or not. */
export type Guard = <T>(steps: AsyncGenerator<T, void, undefined>) => AsyncGenerator<T, void, undefined>;

const BATCH_SIZE = 256;
/** A batch ends early when its values weigh this much: a walk over large values stays small in memory. */
const BATCH_BYTES_MAX = 1024 * 1024;

/** Items in order: `for await` it, or its `batches()`. */
export interface Listing<T> extends AsyncGenerator<T, void, undefined> {
  /**
   * The same items in arrays of up to `size` (default 256), fewer where they weigh over 1 MiB together: one step
   * for many.
   */
  batches(size?: number): AsyncGenerator<T[], void, undefined>;
}

/** @param prepare makes the walk, at once; what it throws is told at the first step. */
export function listing<T>(prepare: () => Walk<T>, guard: Guard): Listing<T> {
  const prepared = atCall(prepare);
  const steps = guard(new Steps(prepared)) as Listing<T>;
  steps.batches = (size = BATCH_SIZE) => guard(batches(prepared, size));
  return steps;
}

async function* batches<T>(prepared: () => Walk<T>, size: number): AsyncGenerator<T[], void, undefined> {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new RangeError(`batches: expected a whole number of items from 1, found ${String(size)}.`);
  const { open, range, keysOnly, make } = prepared();
  let left = range.limit;
  if (left === 0) return;
  const { cursor, nowMs, signal } = await open();
  let batch: T[] = [];
  let weight = 0;
  for (await cursor.start(); !cursor.done && left > 0; ) {
    if (isAlive(cursor, nowMs)) {
      const value = keysOnly ? NO_VALUE : cursor.value();
      const bytes = value instanceof Uint8Array ? value : await value;
      batch.push(make(cursor, bytes));
      weight += bytes.length;
      left--;
    }
    // Before the cursor moves on: what it reads next may have to be fetched.
    if (batch.length >= size || weight >= BATCH_BYTES_MAX) {
      yield batch;
      signal?.throwIfAborted();
      batch = [];
      weight = 0;
    }
    if (left === 0) break;
    const pending = cursor.next();
    if (pending) {
      await pending;
      signal?.throwIfAborted();
    }
  }
  if (batch.length > 0) yield batch;
}

/** Entries: the cursor's values, decoded. */
export const ENTRIES: Pick<Walk<Entry>, 'keysOnly' | 'make'> = {
  keysOnly: false,
  make: (cursor, value) => toEntry(cursor.key, cursor, userValueOf({ value, stream: cursor.stream })),
};

/** Their keys. */
export const KEYS: Pick<Walk<KeyTuple>, 'keysOnly' | 'make'> = {
  keysOnly: true,
  make: (cursor) => tupleOf(cursor.key),
};

/** How many, up to the limit. */
export async function countLive({ cursor, nowMs, signal }: Scan, limit: number): Promise<number> {
  let count = 0;
  for (await cursor.start(); !cursor.done && count < limit; ) {
    if (isAlive(cursor, nowMs)) count++;
    if (count % 4096 === 0) signal?.throwIfAborted();
    const pending = cursor.next();
    if (pending) await pending;
  }
  return count;
}

/** The first entry of a walk; undefined: there is none. */
export async function firstOf({ cursor, nowMs }: Scan): Promise<Entry | undefined> {
  for (await cursor.start(); !cursor.done; await cursor.next())
    if (isAlive(cursor, nowMs)) return ENTRIES.make(cursor, await cursor.value());
  return undefined;
}
