import { StoreError } from './errors.js';
import type { GetOptions } from './object-store.js';

/**
 * Cuts a requested range to an object's size (see `GetOptions.range`).
 * @param size of the whole object, in bytes.
 * @returns `[start, end)` with 0 <= start <= end <= size.
 * @throws StoreError INVALID for a range that is no range of bytes.
 */
export function cutRange(size: number, range: GetOptions['range']): { start: number; end: number } {
  if (range === undefined) return { start: 0, end: size };
  const { offset, length } = range;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length < 0) {
    throw new StoreError(
      'INVALID',
      `A range needs a whole offset and a whole length of at least 0; got offset ${offset}, length ${length}.`,
    );
  }
  const start = offset < 0 ? Math.max(0, size + offset) : Math.min(offset, size);
  return { start, end: Math.min(size, start + length) };
}
