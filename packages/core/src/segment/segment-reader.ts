/**
 * Reads one segment: point gets, cursors, a full check. All that it returns was authenticated by `SegmentSource`.
 */
import type { CallOptions } from '@holdfast/object-store';
import { Block, BlockCursor } from './block.js';
import { KIND_LARGE, KIND_STREAM, KIND_TOMBSTONE } from './block-builder.js';
import { BlockIndex } from './block-index.js';
import type { Entry } from './entry.js';
import { Fetched } from './fetched.js';
import { SoughtKey } from './filter.js';
import { MISS } from './miss.js';
import type { RangeTombstone } from './range-tombstone.js';
import { type CursorOptions, SegmentCursor } from './segment-cursor.js';
import type { SegmentEntry } from './segment-entry.js';
import type { SegmentMeta } from './segment-meta.js';
import type { VerifyOptions } from './segment-object.js';
import { hasEntryNear, mayHold, type SegmentDeps, SegmentSource } from './segment-source.js';
import { verifySegment } from './segment-verify.js';
import { StreamPart } from './stream-part.js';

/** So often a block is asked for a key before it gets an index: making one costs as much as so many searches. */
const INDEX_AFTER = 8;

/** For looks, each of which is over before another begins: none needs a cursor of its own. */
const scratch = new BlockCursor(new Block(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1), 'nothing'));

export class SegmentReader {
  readonly entry: SegmentEntry;
  readonly #source: SegmentSource;

  constructor(deps: SegmentDeps, entry: SegmentEntry) {
    this.entry = entry;
    this.#source = new SegmentSource(deps, entry);
  }

  /** The object's name in the store. */
  get name(): string {
    return this.#source.name;
  }

  /**
   * False: the segment says nothing of the key. At most one request, none once the meta chunk is cached.
   */
  async mayContain(key: Uint8Array, o?: CallOptions): Promise<boolean> {
    if (!mayHold(this.entry, key)) return false;
    const meta = this.#source.cachedMeta ?? (await this.#source.meta(o));
    return meta.mayContain(new SoughtKey(key)) || meta.rangeOver(key) !== undefined;
  }

  /**
   * The newest write of a key, a tombstone included, also one of a range over it; undefined where the segment has
   * none. Two requests in a cold segment (one if it is small), none in a warm one; one more for a large value.
   * @throws HoldfastError CORRUPT, or the store's StoreError.
   */
  async get(key: Uint8Array, o: CallOptions = {}): Promise<Entry | undefined> {
    const sought = new SoughtKey(key);
    const fetched = new Fetched();
    for (;;) {
      const found = this.peek(sought, fetched);
      if (found !== MISS) return found;
      await fetched.fetch(o);
    }
  }

  /**
   * As `get`, from what is cached; MISS where something would have to be fetched.
   * @param fetched what was fetched already; it is told what is missing.
   * @param isLikely the key is likely here: the filter is asked only where it spares a request.
   */
  peek(sought: SoughtKey, fetched?: Fetched, isLikely = false): Entry | undefined | typeof MISS {
    const { entry } = this;
    const source = this.#source;
    const key = sought.bytes;
    if (!mayHold(entry, key)) return undefined;
    const meta = source.cachedMeta ?? fetched?.meta(source);
    if (!meta) return MISS;
    const range = meta.ranges.length === 0 ? undefined : meta.rangeOver(key);
    if (!hasEntryNear(entry, key) || (!isLikely && !meta.mayContain(sought)))
      return range && deleted(key, range);
    const i = meta.findBlock(key, true);
    if (i < 0) return range && deleted(key, range);
    let block = source.cachedBlock(meta, i);
    if (!block) {
      if (isLikely && !meta.mayContain(sought)) return range && deleted(key, range);
      block = fetched?.block(source, i);
      if (!block) return MISS;
    }
    const cursor = scratch;
    if (!this.#seek(cursor, meta, i, block, sought)) return range && deleted(key, range);
    const version = source.version(cursor);
    const order = source.order(cursor);
    if (range && (range.version > version || (range.version === version && range.order > order)))
      return deleted(key, range);
    const { kind, expiresMs } = cursor;
    if (kind === KIND_TOMBSTONE) return { key, version, order, value: undefined };
    let value: Uint8Array | undefined;
    if (kind === KIND_LARGE) {
      const { valueLength: length, valueAt: first } = cursor;
      value = source.cachedValue(first, length) ?? fetched?.value(source, { i, length, first });
      if (!value) return MISS;
    } else value = cursor.inlineValue;
    const stream = kind === KIND_STREAM ? true : undefined;
    return { key, version, order, value, expiresMs: expiresMs === 0 ? undefined : expiresMs, stream };
  }

  /** Moves to the entry of the key. False: the block has none. */
  #seek(cursor: BlockCursor, meta: SegmentMeta, i: number, block: Block, sought: SoughtKey): boolean {
    if (block.index === undefined) {
      if (++block.asked !== INDEX_AFTER) {
        cursor.reset(block);
        return cursor.seek(sought.bytes) && cursor.compareKey(sought.bytes) === 0;
      }
      block.index = BlockIndex.of(block);
      // It may be pushed out by that: it serves this call all the same.
      this.#source.resizeBlock(meta, i, block);
      if (block.index === undefined) return this.#seek(cursor, meta, i, block, sought);
    }
    const offset = block.index.find(sought.bytes, sought.hash);
    if (offset < 0) return false;
    cursor.readAt(block, offset);
    return true;
  }

  /** Its range tombstones. At most one request, none once the meta chunk is cached. */
  async ranges(o?: CallOptions): Promise<readonly RangeTombstone[]> {
    if (this.entry.ranges === 0) return [];
    return (this.#source.cachedMeta ?? (await this.#source.meta(o))).ranges;
  }

  /** Walks `[begin, end)`. Nothing is read before its `start`. */
  cursor(o: CursorOptions): SegmentCursor {
    return new SegmentCursor(this.#source, o);
  }

  /**
   * The segment as a part of the stream with this key. Two requests, one if it is small.
   * @param length bytes of the part.
   * @throws HoldfastError CORRUPT where it is another.
   */
  streamPart(key: Uint8Array, length: number, o?: CallOptions): Promise<StreamPart> {
    return StreamPart.open(this.#source, key, length, o);
  }

  /**
   * Reads the whole object, past the cache and in bounded memory, and checks all there is to check: every leaf
   * and the root, every entry, their order, counts and versions, that the filter knows every key.
   * @returns `streams`: how many of the entries are streams' descriptors.
   */
  verify(o: VerifyOptions = {}): Promise<{ entries: number; chunks: number; streams: number }> {
    return verifySegment(this.#source, o);
  }
}

function deleted(key: Uint8Array, { version, order }: { version: number; order: number }): Entry {
  return { key, version, order, value: undefined };
}
