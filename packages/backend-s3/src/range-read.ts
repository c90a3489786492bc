/** Byte ranges as the Range header has them (RFC 9110 section 14), and what of an answer was asked for. */
import { cutRange, type GetOptions, StoreError } from '@holdfast/object-store';

type Range = NonNullable<GetOptions['range']>;

/**
 * The header that asks for `range`, or for a little more: a range that ends before the object's end, counted
 * from its end, does not exist in HTTP, so the whole suffix is asked for.
 * @param range not empty: HTTP has no empty ranges.
 */
export function rangeHeader({ offset, length }: Range): string {
  if (offset < 0) return `bytes=${offset}`;
  return `bytes=${offset}-${Math.min(offset + length, Number.MAX_SAFE_INTEGER) - 1}`;
}

/**
 * Cuts an answer to what was asked for.
 * @param contentRange of the answer: undefined if the server sent the object whole.
 * @returns undefined if the answer does not hold the range: not every server knows suffixes.
 * @throws StoreError UNAVAILABLE if it contradicts itself.
 */
export function cutAnswer(
  bytes: Uint8Array,
  contentRange: string | undefined,
  range: Range | undefined,
): { bytes: Uint8Array; size: number } | undefined {
  let first = 0;
  let size = bytes.length;
  if (contentRange !== undefined) {
    // MinIO answers a suffix of an empty object with `bytes 0--1/0` rather than with 416.
    const match = /^bytes (\d+)-(-1|\d+)\/(\d+)$/.exec(contentRange);
    if (!match) throw wrongRange(`a Content-Range with the object's size`, contentRange);
    first = Number(match[1]);
    size = Number(match[3]);
    if (Number(match[2]) - first + 1 !== bytes.length) {
      throw wrongRange(`the ${contentRange} that it announced`, `${bytes.length} bytes`);
    }
  }
  const wanted = cutRange(size, range);
  if (wanted.start === wanted.end) return { bytes: new Uint8Array(0), size };
  if (wanted.start < first || wanted.end > first + bytes.length) return undefined;
  return { bytes: bytes.subarray(wanted.start - first, wanted.end - first), size };
}

function wrongRange(expected: string, found: string): StoreError {
  return new StoreError('UNAVAILABLE', `The store should have sent ${expected}, but sent ${found}.`);
}
