/**
 * The check of a whole segment that needs no key: every byte of the object is the one that was published.
 * What the plaintext says is for `SegmentReader.verify`.
 */
import type { ObjectStore } from '@holdfast/object-store';
import type { Sha256 } from '../merkle/merkle.js';
import type { ClearSegmentEntry } from './segment-entry.js';
import { SegmentObject, type VerifyOptions } from './segment-object.js';

/**
 * Reads a segment from the store in windows of about 1 MiB, and compares each chunk with its Merkle leaf, the
 * leaves and all that follows them with the root.
 * @param entry what a manifest page says of the segment: see `readPageClear`.
 * @throws HoldfastError CORRUPT, UNSUPPORTED_FORMAT, or the store's StoreError.
 */
export async function auditSegment(
  store: ObjectStore,
  sha256: Sha256,
  entry: ClearSegmentEntry,
  o: VerifyOptions = {},
): Promise<{ chunks: number }> {
  const object = new SegmentObject(store, sha256, entry);
  const { table } = await object.fetchEnd(o);
  await object.eachChunk(table, o, (chunk, sealed) => object.publishedChunk(table, chunk, sealed, o));
  return { chunks: table.chunks };
}
