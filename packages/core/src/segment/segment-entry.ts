/**
 * What is known of a segment outside it: what its builder says, and its place in the manifest.
 *
 * Invariants:
 * - A segment holds entries or range tombstones or both, never neither. Its _reach_ is the hull of both: from
 *   `segmentBegin` through `lastKey`, and up to `rangeEnd`.
 * - Its versions are those of its entries and of its range tombstones.
 */
import { compareBytes, equalBytes } from '../object/bytes.js';
import type { ObjectId } from '../object/names.js';

/** The level of the parts of streams: found by their ids, never searched by key. */
export const STREAM_LEVEL = 255;

/** What a builder says of a finished segment. */
export interface SegmentDescriptor {
  readonly id: ObjectId;
  /** Of the whole object. */
  readonly bytes: number;
  /** Of its chunk table, meta chunk and footer together. */
  readonly metaBytes: number;
  /** Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  readonly epoch: number;
  /** 0: it holds range tombstones only. */
  readonly entries: number;
  readonly tombstones: number;
  /** Range tombstones. */
  readonly ranges: number;
  /** Hull of the range tombstones, its end exclusive; both empty where there are none. */
  readonly rangeBegin: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** When the first of its entries expires, in ms since 1970; 0: none does. */
  readonly earliestExpiryMs: number;
  /** Over range tombstones, and entries with a version of their own; 0, 0 if none. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Of its entries; both empty where it has none. */
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

/** A live segment: what its builder said of it, and its place in the manifest. */
export interface SegmentEntry extends SegmentDescriptor {
  /** 0: may overlap other runs; STREAM_LEVEL: a part of a stream; between them: what compaction has made. */
  readonly level: number;
  /** Segments of one run share it and do not overlap. */
  readonly run: number;
  /** Version of the entries that carry none; 0: there are no such entries. */
  readonly stampVersion: number;
  readonly stampOrder: number;
}

/** What a page says without any key. */
export interface ClearSegmentEntry {
  readonly id: ObjectId;
  readonly bytes: number;
  readonly metaBytes: number;
  readonly root: Uint8Array;
  readonly epoch: number;
}

/** The first key that a segment says something of. */
export function segmentBegin(segment: SegmentDescriptor): Uint8Array {
  const { entries, ranges, firstKey, rangeBegin } = segment;
  if (ranges === 0) return firstKey;
  if (entries === 0) return rangeBegin;
  return compareBytes(firstKey, rangeBegin) <= 0 ? firstKey : rangeBegin;
}

/** Whether all that a segment says something of lies before `key`. */
export function endsBefore(segment: SegmentDescriptor, key: Uint8Array): boolean {
  const { entries, ranges, lastKey, rangeEnd } = segment;
  return (
    (entries === 0 || compareBytes(lastKey, key) < 0) && (ranges === 0 || compareBytes(rangeEnd, key) <= 0)
  );
}

/**
 * Gives a finished segment its place; its versions then cover the stamp too.
 * @param place the stamp is given where the segment was built with version 0 entries, and only there.
 */
export function placeSegment(
  descriptor: SegmentDescriptor,
  place: {
    readonly level: number;
    readonly run: number;
    readonly stampVersion?: number;
    readonly stampOrder?: number;
  },
): SegmentEntry {
  const { level, run, stampVersion = 0, stampOrder = 0 } = place;
  return { ...descriptor, ...coverVersions(descriptor, stampVersion), level, run, stampVersion, stampOrder };
}

/** The versions of all that a segment holds, given those that it carries itself and its run's stamp. */
export function coverVersions(
  own: { readonly minVersion: number; readonly maxVersion: number },
  stampVersion: number,
): { minVersion: number; maxVersion: number } {
  const { minVersion, maxVersion } = own;
  if (stampVersion === 0) return { minVersion, maxVersion };
  return {
    minVersion: minVersion === 0 ? stampVersion : Math.min(minVersion, stampVersion),
    maxVersion: Math.max(maxVersion, stampVersion),
  };
}

/** What is wrong with what is said of a segment, wherever it stands, in words. Undefined: nothing is. */
export function descriptorFault(segment: SegmentDescriptor): string | undefined {
  const { entries, tombstones, ranges, firstKey, lastKey, rangeBegin, rangeEnd } = segment;
  const { minVersion, maxVersion } = segment;
  if (entries === 0 && ranges === 0) return 'expected entries or range tombstones, found neither';
  if (tombstones > entries) return `expected at most ${entries} tombstones, found ${tombstones}`;
  if (entries === 0 && (firstKey.length > 0 || lastKey.length > 0 || segment.earliestExpiryMs !== 0))
    return 'expected neither keys nor an expiry of a segment without entries';
  if (compareBytes(firstKey, lastKey) > 0)
    return 'expected a first key up to the last key, found one above it';
  if (ranges === 0 && (rangeBegin.length > 0 || rangeEnd.length > 0))
    return 'expected no bounds of range tombstones where there are none';
  if (ranges > 0 && compareBytes(rangeBegin, rangeEnd) >= 0)
    return 'expected range tombstones that begin below their end, found others';
  if (minVersion > maxVersion)
    return `expected a lowest version up to the highest, found ${minVersion} and ${maxVersion}`;
  return undefined;
}

/** The same of a part of a stream. */
export function partFault({
  entries,
  tombstones,
  ranges,
  firstKey,
  lastKey,
}: SegmentDescriptor): string | undefined {
  return entries === 1 && tombstones === 0 && ranges === 0 && equalBytes(firstKey, lastKey)
    ? undefined
    : `expected one value in a part of a stream, found ${entries} entries, ${tombstones} tombstones and ${ranges} range tombstones`;
}
