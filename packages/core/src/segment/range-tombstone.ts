/**
 * A range tombstone: one entry that deletes a range of keys, however many there are.
 *
 * Invariants:
 * - It hides what has a lower stamp. A write of the same transaction stays: ranges come before writes.
 * - A decoded list is fragmented: ascending, no two overlap, none is empty.
 */
import { type ByteReader, type ByteWriter, compareBytes } from '../object/bytes.js';

/** The keys from `begin` up to, not including, `end`. */
export interface RangeDelete {
  readonly begin: Uint8Array;
  readonly end: Uint8Array;
}

export interface RangeTombstone extends RangeDelete {
  /** Number of the record that wrote it. Never 0: the ranges of a large transaction stand in its record, not in its segments. */
  readonly version: number;
  /** The transaction's place in that record. */
  readonly order: number;
}

export function writeRange(writer: ByteWriter, { begin, end }: RangeDelete): void {
  writer.bytes(begin).bytes(end);
}

/**
 * The next range of a list: views of what is read.
 * @param before the one before it; undefined: it is the first.
 * @param mayTouch whether it may begin where the one before ends: fragments of different stamps do.
 * @throws HoldfastError CORRUPT where it is empty or not above the one before.
 */
export function readRange(
  reader: ByteReader,
  before: RangeDelete | undefined,
  mayTouch: boolean,
): RangeDelete {
  const begin = reader.bytes();
  const end = reader.bytes();
  if (compareBytes(begin, end) >= 0) throw reader.corrupt('expected a range that begins before its end');
  const gap = before === undefined ? 1 : compareBytes(begin, before.end);
  if (gap < 0 || (gap === 0 && !mayTouch))
    throw reader.corrupt('expected ranges in ascending order, none over the one before');
  return { begin, end };
}

/** Where the first range that ends above `key` stands in a list that ascends; its length: none does. */
export function rangeAfter(ranges: readonly RangeDelete[], key: Uint8Array): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(ranges[middle]!.end, key) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
