/**
 * The sealed bytes of one segment: fetched, and checked as far as that needs no key.
 *
 * Invariants:
 * - The end is checked against the manifest's root, so that each chunk can be checked against its leaf.
 * - A missing object, or one of another size, is `CORRUPT`: "missing" never becomes "key absent" (I7). The
 *   store's own errors pass through.
 */
import type { CallOptions, ObjectStore } from '@holdfast/object-store';
import { equalBytes } from './bytes.js';
import { corrupt, type HoldfastError } from './errors.js';
import { leafHash, type Sha256 } from './merkle.js';
import { objectName, SEGMENT_PREFIX } from './names.js';
import type { ClearSegmentEntry } from './segment-entry.js';
import { type ChunkTable, readSegmentEnd, type SegmentEnd } from './segment-table.js';

/** A segment no larger than this is fetched whole at the first touch. */
export const SMALL_SEGMENT_BYTES: number = 64 * 1024;
const WINDOW_BYTES = 1024 * 1024;

export interface VerifyOptions extends CallOptions {
  /** Called after each read with its length in bytes. */
  onBytes?(bytes: number): void;
}

export class SegmentObject<E extends ClearSegmentEntry = ClearSegmentEntry> {
  readonly entry: E;
  readonly #store: ObjectStore;
  readonly #sha256: Sha256;

  constructor(store: ObjectStore, sha256: Sha256, entry: E) {
    this.#store = store;
    this.#sha256 = sha256;
    this.entry = entry;
  }

  /** The object's name: how errors name it too. */
  get name(): string {
    return objectName(SEGMENT_PREFIX, this.entry.id);
  }

  /** Bytes `[offset, offset + length)` of the object: as stored, not yet checked. */
  async fetch(offset: number, length: number, o: VerifyOptions | undefined): Promise<Uint8Array> {
    const found = await this.#store.get(this.name, {
      range: { offset, length },
      signal: o?.signal,
      meter: o?.meter,
    });
    if (!found) throw corrupt(this.name, 'the manifest names it, and it is missing');
    if (found.size !== this.entry.bytes)
      throw corrupt(this.name, `expected an object of ${this.entry.bytes} bytes, found ${found.size}`);
    if (found.bytes.length !== length)
      throw corrupt(this.name, `at offset ${offset}, expected ${length} bytes, found ${found.bytes.length}`);
    o?.onBytes?.(length);
    return found.bytes;
  }

  /** All that follows the chunks, in one request; a small segment comes whole. */
  async fetchEnd(o: VerifyOptions | undefined): Promise<SegmentEnd> {
    const { bytes, metaBytes } = this.entry;
    const dataBytes = bytes - metaBytes;
    const from = bytes > SMALL_SEGMENT_BYTES ? dataBytes : 0;
    const fetched = await this.fetch(from, bytes - from, o);
    const sealed = from === 0 ? fetched.slice(0, dataBytes) : undefined;
    return readSegmentEnd(this.#sha256, fetched.subarray(dataBytes - from), sealed, this.entry, this.name);
  }

  /** The sealed bytes of chunks `[from, to)`, in one request if they did not come with the table. */
  async fetchChunks(
    table: ChunkTable,
    from: number,
    to: number,
    o: VerifyOptions | undefined,
  ): Promise<Uint8Array> {
    const start = table.chunkAt[from]!;
    const end = table.chunkAt[to]!;
    return table.sealed ? table.sealed.subarray(start, end) : this.fetch(start, end - start, o);
  }

  /** Whether a sealed chunk is the one that was published. */
  isLeaf(table: ChunkTable, chunk: number, sealed: Uint8Array): boolean {
    return equalBytes(leafHash(this.#sha256, sealed), table.leaf(chunk));
  }

  chunkCorrupt(table: ChunkTable, chunk: number): HoldfastError {
    return corrupt(this.name, `at offset ${table.chunkAt[chunk]}, chunk ${chunk} fails authentication`);
  }

  /** Gives out every chunk in order, as stored, in windows of about 1 MiB: one of them is in memory. */
  async eachChunk(
    table: ChunkTable,
    o: VerifyOptions,
    take: (chunk: number, sealed: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    for (let from = 0; from < table.chunks; ) {
      const to = windowEnd(table, from);
      const sealed = await this.fetchChunks(table, from, to, o);
      for (let chunk = from; chunk < to; chunk++) await take(chunk, table.slice(sealed, from, chunk));
      from = to;
    }
  }
}

/** The chunk after the last of a window of about 1 MiB that begins with chunk `from`. */
function windowEnd(table: ChunkTable, from: number): number {
  let to = from + 1;
  while (to < table.chunks && table.chunkAt[to + 1]! - table.chunkAt[from]! <= WINDOW_BYTES) to++;
  return to;
}
