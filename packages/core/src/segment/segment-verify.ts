/**
 * The full check of one segment, from the store and past the cache, in bounded memory: one window of sealed
 * chunks, one opened chunk, the meta chunk.
 *
 * Invariant: it returns only if every byte of the object was read and is what the builder would have written for
 * the entries found: each leaf and the root, each entry decoded, keys strictly ascending between first and last
 * key, counts and versions those of the manifest, every key in the filter, every piece part of one value.
 */

import { compareBytes, equalBytes } from '../object/bytes.js';
import { corrupt } from '../object/errors.js';
import { BlockCursor } from './block.js';
import { KIND_LARGE, KIND_STREAM, KIND_TOMBSTONE } from './block-builder.js';
import { SoughtKey } from './filter.js';
import type { SegmentMeta } from './segment-meta.js';
import type { VerifyOptions } from './segment-object.js';
import type { SegmentSource } from './segment-source.js';
import { decodeStream } from './stream.js';

export async function verifySegment(
  source: SegmentSource,
  o: VerifyOptions,
): Promise<{ entries: number; chunks: number; streams: number }> {
  const meta = await source.fetchMeta(o);
  const tally = new Tally(source, meta, o);
  await source.eachChunk(meta.table, o, (chunk, sealed) => tally.add(chunk, sealed));
  tally.end();
  return { entries: source.entry.entries, chunks: meta.table.chunks, streams: tally.streams };
}

class Tally {
  readonly #source: SegmentSource;
  readonly #meta: SegmentMeta;
  readonly #o: VerifyOptions;
  /** The next block, and the first chunk that no entry has accounted for. */
  #i = 0;
  #piece = 0;
  #before: Uint8Array | undefined;
  #entries = 0;
  #tombstones = 0;
  #minVersion = Number.MAX_SAFE_INTEGER;
  #maxVersion = 0;
  #earliestExpiryMs = 0;
  streams = 0;

  constructor(source: SegmentSource, meta: SegmentMeta, o: VerifyOptions) {
    this.#source = source;
    this.#meta = meta;
    this.#o = o;
    for (const { version } of meta.ranges) this.#cover(version);
  }

  #cover(version: number): void {
    this.#minVersion = Math.min(this.#minVersion, version);
    this.#maxVersion = Math.max(this.#maxVersion, version);
  }

  async add(chunk: number, sealed: Uint8Array): Promise<void> {
    if (chunk !== this.#meta.blockChunk(this.#i)) {
      await this.#source.openChunk(this.#meta, chunk, sealed, this.#o);
      return;
    }
    const cursor = new BlockCursor(await this.#source.openBlock(this.#meta, this.#i, sealed, this.#o));
    if (this.#before && compareBytes(this.#before, this.#meta.firstKey(this.#i)) >= 0)
      throw corrupt(cursor.block.label, 'its first key is not above the last key of the block before it');
    while (cursor.next()) this.#addEntry(cursor);
    if (this.#piece !== chunk)
      throw corrupt(
        cursor.block.label,
        `expected entries for chunks ${this.#piece} to ${chunk - 1}, found none`,
      );
    this.#before = cursor.key.slice();
    this.#piece = chunk + 1;
    this.#i++;
  }

  #addEntry(cursor: BlockCursor): void {
    this.#entries++;
    if (cursor.kind === KIND_TOMBSTONE) this.#tombstones++;
    this.#cover(this.#source.version(cursor));
    const { expiresMs } = cursor;
    if (expiresMs !== 0 && (this.#earliestExpiryMs === 0 || expiresMs < this.#earliestExpiryMs))
      this.#earliestExpiryMs = expiresMs;
    if (!this.#meta.mayContain(new SoughtKey(cursor.key)))
      throw cursor.corrupt('the filter does not know the key before it');
    if (cursor.kind === KIND_STREAM) this.#addStream(cursor);
    if (cursor.kind !== KIND_LARGE) return;
    const end = this.#source.checkPieces(this.#meta, this.#i, cursor.valueLength, cursor.valueAt);
    if (cursor.valueAt !== this.#piece)
      throw cursor.corrupt(
        `expected a value from chunk ${this.#piece}, found one from chunk ${cursor.valueAt}`,
      );
    this.#piece = end;
  }

  #addStream(cursor: BlockCursor): void {
    decodeStream(cursor.inlineValue, cursor.block.label);
    this.streams++;
  }

  end(): void {
    const { entry, name } = this.#source;
    const found = [
      this.#entries,
      this.#tombstones,
      this.#minVersion,
      this.#maxVersion,
      this.#earliestExpiryMs,
    ].join(', ');
    const { entries, tombstones, minVersion, maxVersion, earliestExpiryMs } = entry;
    const expected = [entries, tombstones, minVersion, maxVersion, earliestExpiryMs].join(', ');
    if (found !== expected)
      throw corrupt(
        name,
        `expected entries, tombstones, versions and earliest expiry to be ${expected}, found ${found}`,
      );
    if (entries === 0) return;
    if (!this.#before || !equalBytes(this.#before, entry.lastKey))
      throw corrupt(name, 'its last key is not the one that the manifest names');
  }
}
