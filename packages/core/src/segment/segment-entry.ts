/** What is known of a segment outside it: what its builder says, and its place in the manifest. */
import type { ObjectId } from '../object/names.js';

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
  readonly entries: number;
  readonly tombstones: number;
  /** Over entries with a version of their own; 0, 0 if none. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  /** Range tombstones; `entries` may be 0 where there are any, and then the two keys are empty. */
  readonly ranges: number;
  /** The keys that they reach over, the end excluded; empty where there are none. */
  readonly rangeBegin: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** Of the entry that expires first, milliseconds since 1970; 0: none does. */
  readonly earliestExpiryMs: number;
}

/** A live segment: what its builder said of it, and its place in the manifest. */
export interface SegmentEntry extends SegmentDescriptor {
  /** 0: may overlap other runs. */
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

/** The versions of all entries of a segment, given those that entries carry themselves and its run's stamp. */
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
