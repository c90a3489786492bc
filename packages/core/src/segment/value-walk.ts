/**
 * Large values as a forward walk meets them: their pieces lie one after another, so many come in one request.
 *
 * Invariant: at most one window of sealed pieces, up to 1 MiB (or one value), is kept. The first value a walk asks
 * for is read alone; only the one that follows it shows that this is a walk over values.
 */

import { CHUNK_OVERHEAD_BYTES } from '@holdfast/crypto';
import type { CallOptions } from '@holdfast/object-store';
import { VALUE_PIECE_BYTES } from './entry.js';
import type { SegmentMeta } from './segment-meta.js';
import type { SegmentSource } from './segment-source.js';
import type { ChunkTable } from './segment-table.js';
import { WINDOW_BYTES_MAX, type WindowBudget } from './window-budget.js';

export class ValueWalk {
  readonly #source: SegmentSource;
  readonly #o: CallOptions & { readonly windows?: WindowBudget | undefined };
  /** The chunk after the last value that was asked for. */
  #next = -1;
  /** Chunks `[from, to)`. */
  #window: { readonly from: number; readonly to: number; readonly sealed: Uint8Array } | undefined;

  constructor(source: SegmentSource, o: CallOptions & { readonly windows?: WindowBudget | undefined }) {
    this.#source = source;
    this.#o = o;
  }

  /** The value of `length` bytes that an entry of block i says begins in chunk `first`. */
  async read(meta: SegmentMeta, i: number, length: number, first: number): Promise<Uint8Array> {
    const source = this.#source;
    const end = source.checkPieces(meta, i, length, first);
    const follows = first === this.#next;
    this.#next = end;
    let window = this.#window;
    if (!window || first < window.from || end > window.to) {
      if (!follows) return source.value(meta, i, length, first, this.#o);
      const bytesMax = this.#o.windows?.windowBytes ?? WINDOW_BYTES_MAX;
      const to = walkEnd(meta.table, first, end, meta.blockChunk(i), bytesMax);
      window = { from: first, to, sealed: await source.fetchChunks(meta.table, first, to, this.#o) };
      this.#window = window;
    }
    return source.openValue(meta, first, end, length, window.sealed, window.from, this.#o);
  }
}

/** The chunk after the last whole value that fits a window with the value `[first, end)`. */
function walkEnd(table: ChunkTable, first: number, end: number, block: number, bytesMax: number): number {
  let whole = end;
  for (let chunk = end; chunk < block; chunk++) {
    if (table.chunkAt[chunk + 1]! - table.chunkAt[first]! > bytesMax) break;
    // A piece that is not full is the last of its value.
    if (table.chunkBytes(chunk) !== VALUE_PIECE_BYTES + CHUNK_OVERHEAD_BYTES) whole = chunk + 1;
  }
  return whole;
}
