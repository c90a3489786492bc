/**
 * One part of a stream: the one value of a segment of one entry, read piece by piece (FORMAT.md, "Streams").
 *
 * Invariants:
 * - An open part is what its stream's descriptor says: the entry's key is the stream's, its value as long as that part
 *   is, and nothing else is in the segment.
 * - Past the cache: a stream is larger than any. It is fetched in windows of 1 MiB, one at a time, and given out piece by
 *   piece: each belongs to who takes it.
 */
import type { CallOptions } from '@holdfast/object-store';
import { copyBytes, toHex } from '../object/bytes.js';
import { corrupt } from '../object/errors.js';
import { BlockCursor } from './block.js';
import { KIND_LARGE, KIND_VALUE } from './block-builder.js';
import type { SegmentMeta } from './segment-meta.js';
import type { SegmentSource } from './segment-source.js';

/** Pieces of a value that are fetched together. */
const WINDOW_PIECES = 16;

export class StreamPart {
  readonly #source: SegmentSource;
  readonly #meta: SegmentMeta;
  /** The value, where it is short enough to stand in its block. */
  readonly #inline: Uint8Array | undefined;

  private constructor(source: SegmentSource, meta: SegmentMeta, inline: Uint8Array | undefined) {
    this.#source = source;
    this.#meta = meta;
    this.#inline = inline;
  }

  /**
   * Reads what says what is in the segment, but not the value.
   * @param key the stream's.
   * @param length bytes of this part.
   * @throws HoldfastError CORRUPT.
   */
  static async open(
    source: SegmentSource,
    key: Uint8Array,
    length: number,
    o: CallOptions | undefined,
  ): Promise<StreamPart> {
    const meta = await source.fetchMeta(o);
    const notPart = (found: string): Error =>
      corrupt(
        source.name,
        `expected a part of the stream with key ${toHex(key)}, ${length} bytes, found ${found}`,
      );
    if (meta.blocks !== 1 || source.entry.entries !== 1)
      throw notPart(`${source.entry.entries} entries in ${meta.blocks} blocks`);
    const chunk = meta.blockChunk(0);
    const sealed = await source.fetchChunks(meta.table, chunk, chunk + 1, o);
    const cursor = new BlockCursor(await source.openBlock(meta, 0, sealed, o));
    cursor.next();
    const { kind, valueLength, valueAt } = cursor;
    if (cursor.compareKey(key) !== 0) throw notPart(`one with key ${toHex(cursor.key)}`);
    if (kind !== KIND_VALUE && kind !== KIND_LARGE) throw notPart(`an entry of kind ${kind}`);
    if (cursor.expiresMs !== 0) throw notPart('one that expires');
    if (valueLength !== length) throw notPart(`${valueLength} bytes`);
    const inline = kind === KIND_VALUE ? copyBytes(cursor.inlineValue) : undefined;
    const [first, end] = inline ? [0, 0] : [valueAt, source.checkPieces(meta, 0, valueLength, valueAt)];
    if (first !== 0 || end !== chunk || cursor.next()) throw notPart('more in its segment');
    return new StreamPart(source, meta, inline);
  }

  /** Its bytes in order, in pieces of up to 64 KiB, each authenticated. */
  async *pieces(o?: CallOptions): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#inline) {
      yield this.#inline;
      return;
    }
    const source = this.#source;
    const meta = this.#meta;
    const end = meta.blockChunk(0);
    for (let from = 0; from < end; from += WINDOW_PIECES) {
      const to = Math.min(from + WINDOW_PIECES, end);
      const sealed = await source.fetchChunks(meta.table, from, to, o);
      for (let chunk = from; chunk < to; chunk++)
        yield await source.openChunk(meta, chunk, meta.table.slice(sealed, from, chunk), o);
    }
  }
}
