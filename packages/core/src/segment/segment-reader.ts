/**
 * Reads one segment: point gets, cursors, a full check. All that it returns was authenticated by `SegmentSource`.
 */
import type { CallOptions } from '@holdfast/object-store';
import { BlockCursor } from './block.js';
import { KIND_LARGE, KIND_TOMBSTONE } from './block-builder.js';
import type { Entry } from './entry.js';
import { MISS } from './miss.js';
import { type CursorOptions, SegmentCursor } from './segment-cursor.js';
import type { SegmentEntry } from './segment-entry.js';
import type { VerifyOptions } from './segment-object.js';
import { inKeyRange, type SegmentDeps, SegmentSource } from './segment-source.js';
import { verifySegment } from './segment-verify.js';

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

  /** False: the key is not in this segment. At most one request, none once the meta chunk is cached. */
  async mayContain(key: Uint8Array, o?: CallOptions): Promise<boolean> {
    if (!inKeyRange(this.entry, key)) return false;
    return (this.#source.cachedMeta ?? (await this.#source.meta(o))).mayContain(key);
  }

  /**
   * The entry of a key, a tombstone included; undefined where the segment has none. Two requests in a cold
   * segment (one if it is small), none in a warm one; one more for a large value.
   * @throws HoldfastError CORRUPT, or the store's StoreError.
   */
  async get(key: Uint8Array, o?: CallOptions): Promise<Entry | undefined> {
    if (!inKeyRange(this.entry, key)) return undefined;
    const source = this.#source;
    const meta = source.cachedMeta ?? (await source.meta(o));
    if (!meta.mayContain(key)) return undefined;
    const i = meta.findBlock(key, true);
    if (i < 0) return undefined;
    const cursor = new BlockCursor(source.cachedBlock(meta, i) ?? (await source.block(meta, i, o)));
    if (!cursor.seek(key) || cursor.compareKey(key) !== 0) return undefined;
    const version = source.version(cursor);
    const order = source.order(cursor);
    let value: Uint8Array | undefined;
    if (cursor.kind === KIND_LARGE)
      value = await source.value(meta, i, cursor.valueLength, cursor.valueAt, o);
    else if (cursor.kind !== KIND_TOMBSTONE) value = cursor.inlineValue;
    return { key, version, order, value };
  }

  /** As `get`, from what is cached; MISS where something would have to be fetched. */
  peek(key: Uint8Array): Entry | undefined | typeof MISS {
    if (!inKeyRange(this.entry, key)) return undefined;
    const source = this.#source;
    const meta = source.cachedMeta;
    if (!meta) return MISS;
    if (!meta.mayContain(key)) return undefined;
    const i = meta.findBlock(key, true);
    if (i < 0) return undefined;
    const block = source.cachedBlock(meta, i);
    if (!block) return MISS;
    const cursor = new BlockCursor(block);
    if (!cursor.seek(key) || cursor.compareKey(key) !== 0) return undefined;
    const version = source.version(cursor);
    const order = source.order(cursor);
    if (cursor.kind === KIND_TOMBSTONE) return { key, version, order, value: undefined };
    const value =
      cursor.kind === KIND_LARGE
        ? source.cachedValue(cursor.valueAt, cursor.valueLength)
        : cursor.inlineValue;
    return value ? { key, version, order, value } : MISS;
  }

  /** Walks `[begin, end)`. Nothing is read before its `start`. */
  cursor(o: CursorOptions): SegmentCursor {
    return new SegmentCursor(this.#source, o);
  }

  /**
   * Reads the whole object, past the cache and in bounded memory, and checks all there is to check: every leaf
   * and the root, every entry, their order, counts and versions, that the filter knows every key.
   */
  verify(o: VerifyOptions = {}): Promise<{ entries: number; chunks: number }> {
    return verifySegment(this.#source, o);
  }
}
