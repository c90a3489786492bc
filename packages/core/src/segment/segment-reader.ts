/**
 * Reads one segment: point gets, cursors, a full check. All that it returns was authenticated by `SegmentSource`.
 */
import type { CallOptions } from '@holdfast/object-store';
import { BlockCursor } from './block.js';
import { KIND_LARGE, KIND_STREAM, KIND_TOMBSTONE } from './block-builder.js';
import type { Entry } from './entry.js';
import { MISS } from './miss.js';
import type { RangeTombstone } from './range-tombstone.js';
import { type CursorOptions, SegmentCursor } from './segment-cursor.js';
import type { SegmentEntry } from './segment-entry.js';
import type { SegmentMeta } from './segment-meta.js';
import type { VerifyOptions } from './segment-object.js';
import { hasEntryNear, mayHold, type SegmentDeps, SegmentSource } from './segment-source.js';
import { verifySegment } from './segment-verify.js';
import { StreamPart } from './stream-part.js';

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
    return meta.mayContain(key) || meta.rangeOver(key) !== undefined;
  }

  /**
   * The newest write of a key, a tombstone included, also one of a range over it; undefined where the segment has
   * none. Two requests in a cold segment (one if it is small), none in a warm one; one more for a large value.
   * @throws HoldfastError CORRUPT, or the store's StoreError.
   */
  async get(key: Uint8Array, o?: CallOptions): Promise<Entry | undefined> {
    if (!mayHold(this.entry, key)) return undefined;
    const source = this.#source;
    const meta = source.cachedMeta ?? (await source.meta(o));
    const range = meta.rangeOver(key);
    const i = this.#blockOf(meta, key);
    if (i < 0) return range && deleted(key, range);
    const cursor = new BlockCursor(source.cachedBlock(meta, i) ?? (await source.block(meta, i, o)));
    const found = this.#find(cursor, key, range);
    if (found !== 'in pieces') return found;
    return this.#entry(cursor, key, await source.value(meta, i, cursor.valueLength, cursor.valueAt, o));
  }

  /** As `get`, from what is cached; MISS where something would have to be fetched. */
  peek(key: Uint8Array): Entry | undefined | typeof MISS {
    if (!mayHold(this.entry, key)) return undefined;
    const source = this.#source;
    const meta = source.cachedMeta;
    if (!meta) return MISS;
    const range = meta.rangeOver(key);
    const i = this.#blockOf(meta, key);
    if (i < 0) return range && deleted(key, range);
    const block = source.cachedBlock(meta, i);
    if (!block) return MISS;
    const cursor = new BlockCursor(block);
    const found = this.#find(cursor, key, range);
    if (found !== 'in pieces') return found;
    const value = source.cachedValue(cursor.valueAt, cursor.valueLength);
    return value ? this.#entry(cursor, key, value) : MISS;
  }

  /** Its range tombstones. At most one request, none once the meta chunk is cached. */
  async ranges(o?: CallOptions): Promise<readonly RangeTombstone[]> {
    if (this.entry.ranges === 0) return [];
    return (this.#source.cachedMeta ?? (await this.#source.meta(o))).ranges;
  }

  /** The block that would hold the key; -1: none does. */
  #blockOf(meta: SegmentMeta, key: Uint8Array): number {
    return hasEntryNear(this.entry, key) && meta.mayContain(key) ? meta.findBlock(key, true) : -1;
  }

  /** `in pieces`: a large value, and the cursor stands on it. */
  #find(
    cursor: BlockCursor,
    key: Uint8Array,
    range: RangeTombstone | undefined,
  ): Entry | undefined | 'in pieces' {
    if (!cursor.seek(key) || cursor.compareKey(key) !== 0) return range && deleted(key, range);
    const version = this.#source.version(cursor);
    const order = this.#source.order(cursor);
    if (range && (range.version > version || (range.version === version && range.order > order)))
      return deleted(key, range);
    if (cursor.kind === KIND_TOMBSTONE) return deleted(key, { version, order });
    return cursor.kind === KIND_LARGE ? 'in pieces' : this.#entry(cursor, key, cursor.inlineValue);
  }

  #entry(cursor: BlockCursor, key: Uint8Array, value: Uint8Array): Entry {
    const { kind, expiresMs } = cursor;
    return {
      key,
      version: this.#source.version(cursor),
      order: this.#source.order(cursor),
      value,
      expiresMs: expiresMs === 0 ? undefined : expiresMs,
      stream: kind === KIND_STREAM ? true : undefined,
    };
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
