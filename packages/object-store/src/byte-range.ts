import { StoreError } from './errors.js';
import type { GetOptions } from './object-store.js';

/**
 * Cuts a requested range to an object's size (see `GetOptions.range`).
 * @param size of the whole object, in bytes.
 * @param maxBytes see `GetOptions.maxBytes`.
 * @returns `[start, end)` with 0 <= start <= end <= size.
 * @throws StoreError INVALID for a range that is no range of bytes; TOO_LARGE when it has more than `maxBytes`.
 */
export function cutRange(
  size: number,
  range: GetOptions['range'],
  maxBytes?: number | undefined,
): { start: number; end: number } {
  const { start, end } = placeOf(size, range);
  expectAtMost(end - start, maxBytes);
  return { start, end };
}

/**
 * @param length of an answer, in bytes.
 * @throws StoreError TOO_LARGE when it is longer than `maxBytes`; INVALID for a bound that is none.
 */
export function expectAtMost(length: number, maxBytes: number | undefined): void {
  if (maxBytes === undefined) return;
  if (!(maxBytes >= 0)) {
    throw new StoreError('INVALID', `maxBytes needs a number of bytes of at least 0; got ${maxBytes}.`);
  }
  if (length > maxBytes) {
    throw new StoreError(
      'TOO_LARGE',
      `The answer has ${length} bytes or more, and its reader takes at most ${maxBytes}.`,
    );
  }
}

function placeOf(size: number, range: GetOptions['range']): { start: number; end: number } {
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
