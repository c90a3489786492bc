/**
 * What a transaction read: the keys, and the ranges of keys (FORMAT.md, "Intents"). Whoever writes to any of it
 * conflicts with the transaction.
 *
 * Invariants:
 * - Points ascend and differ: whoever makes a read set to be written sorts them.
 * - Ranges are as they were asked for, in any order, and may overlap. Of one that is empty nothing is written.
 */
import { type ByteReader, ByteWriter, compareBytes, concatBytes, copyBytes } from '../object/bytes.js';

export interface ReadRange {
  readonly begin: Uint8Array;
  /** Excluded. Undefined: every key from `begin` on. */
  readonly end: Uint8Array | undefined;
}

export interface KeysRead {
  /** Stored keys, ascending, none twice; whether they were there or not. */
  readonly points: readonly Uint8Array[];
  readonly ranges: readonly ReadRange[];
}

export function writeKeysRead(writer: ByteWriter, { points, ranges }: KeysRead): void {
  writer.varint(points.length);
  for (const point of points) writer.bytes(point);
  const asked = ranges.filter(({ begin, end }) => end === undefined || compareBytes(begin, end) < 0);
  writer.varint(asked.length);
  for (const { begin, end } of asked) {
    writer.bytes(begin).u8(end === undefined ? 0 : 1);
    if (end !== undefined) writer.bytes(end);
  }
}

/** How many bytes it takes where it is written. */
export function keysReadBytes(reads: KeysRead): number {
  const writer = new ByteWriter();
  writeKeysRead(writer, reads);
  return writer.length;
}

/**
 * The same, or where that takes more than `bytesMax` one range that holds all of it, and maybe more: so that there is
 * always something to write.
 * @param bytesMax enough for two short keys.
 */
export function keysReadWithin(reads: KeysRead, bytesMax: number): KeysRead {
  return keysReadBytes(reads) <= bytesMax ? reads : hullOf(reads, Math.floor(bytesMax / 2) - 8);
}

/** One range that holds all of it. @param keyBytesMax of longer bounds only so much is said, and the range holds more. */
export function hullOf(reads: KeysRead, keyBytesMax: number = Number.POSITIVE_INFINITY): KeysRead {
  const begins = [...reads.points, ...reads.ranges.map(({ begin }) => begin)];
  const begin = begins
    .reduce((low, key) => (compareBytes(key, low) < 0 ? key : low))
    .subarray(0, keyBytesMax);
  const isOpen = reads.ranges.some(({ end }) => end === undefined);
  if (isOpen) return { points: [], ranges: [{ begin, end: undefined }] };
  // A point is below itself and a zero byte.
  const ends = [...reads.points.map((key) => concatBytes(key, ZERO)), ...reads.ranges.map(({ end }) => end!)];
  const end = ends.reduce((high, key) => (compareBytes(key, high) > 0 ? key : high));
  return {
    points: [],
    ranges: [{ begin, end: end.length > keyBytesMax ? after(end.subarray(0, keyBytesMax)) : end }],
  };
}

const ZERO = Uint8Array.of(0);

/** The first key that is above all that begin with `prefix`; undefined: there is none. */
function after(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const next = copyBytes(prefix.subarray(0, length));
  next[length - 1]!++;
  return next;
}

/**
 * @param keep what becomes of each key: by default it is a view of what is read.
 * @throws HoldfastError CORRUPT where the points do not ascend, or a range is empty.
 */
export function readKeysRead(
  reader: ByteReader,
  keep: (key: Uint8Array) => Uint8Array = (key) => key,
): KeysRead {
  const points: Uint8Array[] = [];
  for (let left = reader.count(1); left > 0; left--) {
    const point = reader.bytes();
    const before = points.at(-1);
    if (before && compareBytes(before, point) >= 0)
      throw reader.corrupt('expected the keys read in ascending order, each once');
    points.push(keep(point));
  }
  const ranges: ReadRange[] = [];
  for (let left = reader.count(2); left > 0; left--) {
    const begin = reader.bytes();
    const hasEnd = reader.u8();
    if (hasEnd > 1) throw reader.corrupt(`expected 0 or 1 for whether a range read ends, found ${hasEnd}`);
    const end = hasEnd ? reader.bytes() : undefined;
    if (end && compareBytes(begin, end) >= 0)
      throw reader.corrupt('expected a range read that begins before its end');
    ranges.push({ begin: keep(begin), end: end && keep(end) });
  }
  return { points, ranges };
}
