/**
 * The bytes of one segment: fetched, authenticated, opened and cached.
 *
 * Invariants:
 * - Nothing leaves here opened that was not checked: the segment's end against the manifest's root, every chunk
 *   against its Merkle leaf, and then both by the AEAD.
 * - Kept bytes are never views of a larger buffer, so that the cache's bound holds.
 */

import type { CallOptions, ObjectStore } from '@holdfast/object-store';
import { compareBytes, copyBytes } from '../object/bytes.js';
import { openCipher, type Sealing } from '../object/envelope.js';
import { corrupt } from '../object/errors.js';
import { MAX_VALUE_BYTES } from '../value/value.js';
import { Block, BlockCursor } from './block.js';
import { type BlockCache, type CachedSegment, META_SLOT } from './block-cache.js';
import { VALUE_PIECE_BYTES } from './entry.js';
import type { SegmentEntry } from './segment-entry.js';
import { SegmentMeta } from './segment-meta.js';
import { SegmentObject, type VerifyOptions } from './segment-object.js';

/** Of the cache's size, what one large value may take. */
const CACHED_VALUE_SHARE = 1 / 16;

export interface SegmentDeps {
  readonly store: ObjectStore;
  readonly sealing: Sealing;
  readonly cache: BlockCache;
}

export class SegmentSource extends SegmentObject<SegmentEntry> {
  readonly cache: BlockCache;
  readonly #sealing: Sealing;
  /** Of nobody before the first load: a segment that nothing is read of takes no room. */
  #cached: CachedSegment | undefined;

  constructor(deps: SegmentDeps, entry: SegmentEntry) {
    super(deps.store, deps.sealing.provider.sha256, entry);
    this.#sealing = deps.sealing;
    this.cache = deps.cache;
  }

  /** What is cached of the segment. */
  get #slots(): CachedSegment {
    if (!this.#cached || this.#cached.ended) this.#cached = this.cache.segment(this.entry.root);
    return this.#cached;
  }

  get cachedMeta(): SegmentMeta | undefined {
    return this.#cached?.get(META_SLOT);
  }

  meta(o: CallOptions | undefined): Promise<SegmentMeta> {
    return this.#slots.load(META_SLOT, (signal) => this.fetchMeta({ ...o, signal }), o?.signal);
  }

  /** From the store, whatever is cached. */
  async fetchMeta(o: VerifyOptions | undefined): Promise<SegmentMeta> {
    const { entry, name } = this;
    const { table, sealedMeta, envelope } = await this.fetchEnd(o);
    const cipher = await openCipher(this.#sealing, envelope, entry.id, name, { signal: o?.signal });
    const plaintext = await cipher.open(table.chunks, true, sealedMeta, table.bytes);
    if (!plaintext)
      throw corrupt(name, `at offset ${entry.bytes - entry.metaBytes}, its meta chunk fails authentication`);
    return new SegmentMeta(ownBytes(plaintext), table, entry, cipher, name);
  }

  /** Checks and opens one chunk. */
  async openChunk(
    meta: SegmentMeta,
    chunk: number,
    sealed: Uint8Array,
    o: CallOptions | undefined,
  ): Promise<Uint8Array> {
    await this.publishedChunk(meta.table, chunk, sealed, o);
    const plaintext = await meta.cipher.open(chunk, false, sealed);
    if (!plaintext) throw this.chunkCorrupt(meta.table, chunk);
    return plaintext;
  }

  /** Checks and opens block i. Its first key is the one that the meta chunk names. */
  async openBlock(
    meta: SegmentMeta,
    i: number,
    sealed: Uint8Array,
    o: CallOptions | undefined,
  ): Promise<Block> {
    const chunk = meta.blockChunk(i);
    const plaintext = ownBytes(await this.openChunk(meta, chunk, sealed, o));
    const block = new Block(plaintext, `${this.name} (block in chunk ${chunk})`);
    const cursor = new BlockCursor(block);
    if (!cursor.next() || meta.compareFirstKey(i, cursor.key) !== 0)
      throw corrupt(block.label, 'its first key is not the one that the meta chunk names');
    return block;
  }

  cachedBlock(meta: SegmentMeta, i: number): Block | undefined {
    return this.#cached?.get(meta.blockChunk(i));
  }

  hasBlock(meta: SegmentMeta, i: number): boolean {
    return this.#cached?.has(meta.blockChunk(i)) ?? false;
  }

  keepBlock(meta: SegmentMeta, i: number, block: Block): void {
    this.#slots.set(meta.blockChunk(i), block);
  }

  /** The block has grown in memory. */
  resizeBlock(meta: SegmentMeta, i: number, block: Block): void {
    if (this.cachedBlock(meta, i) === block) this.keepBlock(meta, i, block);
  }

  block(meta: SegmentMeta, i: number, o: CallOptions | undefined): Promise<Block> {
    const chunk = meta.blockChunk(i);
    return this.#slots.load(
      chunk,
      async (signal) => {
        const shared = { ...o, signal };
        const sealed = await this.fetchChunks(meta.table, chunk, chunk + 1, shared);
        return this.openBlock(meta, i, sealed, shared);
      },
      o?.signal,
    );
  }

  /** The version of the current entry: the stamp's where it has none of its own. */
  version(cursor: BlockCursor): number {
    if (cursor.version !== 0) return cursor.version;
    if (this.entry.stampVersion === 0)
      throw corrupt(cursor.block.label, 'an entry has no version, and the manifest gives its run no stamp');
    return this.entry.stampVersion;
  }

  /** The order of the current entry: the stamp's where it has no version of its own. */
  order(cursor: BlockCursor): number {
    return cursor.version === 0 ? this.entry.stampOrder : cursor.order;
  }

  /**
   * Checks, before anything is allocated, that the pieces of a large value can be what block i says.
   * @returns the chunk after the last piece.
   */
  checkPieces(meta: SegmentMeta, i: number, length: number, first: number): number {
    const pieces = Math.ceil(length / VALUE_PIECE_BYTES);
    const after = i === 0 ? 0 : meta.blockChunk(i - 1) + 1;
    const end = first + pieces;
    let fits =
      length > VALUE_PIECE_BYTES && length <= MAX_VALUE_BYTES && first >= after && end <= meta.blockChunk(i);
    for (let chunk = first; fits && chunk < end; chunk++) {
      const piece = Math.min(VALUE_PIECE_BYTES, length - (chunk - first) * VALUE_PIECE_BYTES);
      fits = meta.table.chunkBytes(chunk) === piece + meta.cipher.overheadBytes;
    }
    if (!fits)
      throw corrupt(
        `${this.name} (block in chunk ${meta.blockChunk(i)})`,
        `it names a value of ${length} bytes from chunk ${first}, where there are no such pieces`,
      );
    return end;
  }

  /** A large value of this length that begins with chunk `first`, if it is cached: it was checked then. */
  cachedValue(first: number, length: number): Uint8Array | undefined {
    const value = this.#cached?.get<Uint8Array>(first);
    return value?.length === length ? value : undefined;
  }

  /** A large value, put together from its pieces. */
  async value(
    meta: SegmentMeta,
    i: number,
    length: number,
    first: number,
    o: CallOptions | undefined,
  ): Promise<Uint8Array> {
    const end = this.checkPieces(meta, i, length, first);
    const load = async (signal: AbortSignal | undefined): Promise<Uint8Array> => {
      const shared = { ...o, signal };
      const sealed = await this.fetchChunks(meta.table, first, end, shared);
      return this.openValue(meta, first, end, length, sealed, first, shared);
    };
    return length <= this.cache.maxBytes * CACHED_VALUE_SHARE
      ? this.#slots.load(first, load, o?.signal)
      : load(o?.signal);
  }

  /**
   * Checks and opens the pieces `[first, end)`, which `checkPieces` has approved, one by one.
   * @param sealed bytes that begin with chunk `from`.
   */
  async openValue(
    meta: SegmentMeta,
    first: number,
    end: number,
    length: number,
    sealed: Uint8Array,
    from: number,
    o: CallOptions | undefined,
  ): Promise<Uint8Array> {
    const value = new Uint8Array(length);
    let at = 0;
    for (let chunk = first; chunk < end; chunk++) {
      const piece = await this.openChunk(meta, chunk, meta.table.slice(sealed, from, chunk), o);
      value.set(piece, at);
      at += piece.length;
    }
    return value;
  }
}

/** The bytes in a buffer of their own. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : copyBytes(bytes);
}

/** Whether the segment can say anything of `key`: an entry of it, or a range tombstone over it. */
export function mayHold(entry: SegmentEntry, key: Uint8Array): boolean {
  return hasEntryNear(entry, key) || hasRangeNear(entry, key);
}

/** Whether `key` lies between the segment's first and last key. */
export function hasEntryNear(entry: SegmentEntry, key: Uint8Array): boolean {
  return entry.entries > 0 && compareBytes(key, entry.firstKey) >= 0 && compareBytes(key, entry.lastKey) <= 0;
}

function hasRangeNear({ ranges, rangeBegin, rangeEnd }: SegmentEntry, key: Uint8Array): boolean {
  return ranges > 0 && compareBytes(key, rangeBegin) >= 0 && compareBytes(key, rangeEnd) < 0;
}
