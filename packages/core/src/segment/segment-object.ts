/**
 * The sealed bytes of one segment: fetched, and checked as far as that needs no key.
 *
 * Invariants:
 * - The end is checked against the manifest's root, so that each chunk can be checked against its leaf.
 * - A missing object, or one of another size, is `CORRUPT`: "missing" never becomes "key absent" (I7). The
 *   store's own errors pass through.
 * - Each read takes the bytes that were asked for and no more. What is damaged is read once more (checked-read.ts).
 */
import type { CallOptions, ObjectStore, StoredObject } from '@holdfast/object-store';
import { leafHash, type Sha256 } from '../merkle/merkle.js';
import { equalBytes } from '../object/bytes.js';
import { getBounded, readChecked } from '../object/checked-read.js';
import { corrupt, type HoldfastError, missingObject } from '../object/errors.js';
import { objectName, SEGMENT_PREFIX } from '../object/names.js';
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

  /**
   * Bytes `[offset, offset + length)` of the object, as `check` sees them.
   * @param atHand what an earlier read of these bytes has yielded.
   */
  async #fetch<T>(
    offset: number,
    length: number,
    o: VerifyOptions | undefined,
    check: (bytes: Uint8Array) => T,
    atHand?: Uint8Array,
  ): Promise<T> {
    const { name, entry } = this;
    const range = { offset, length };
    const read = async (again: boolean): Promise<Pick<StoredObject, 'bytes' | 'size'> | undefined> => {
      if (atHand && !again) return { bytes: atHand, size: entry.bytes };
      return getBounded(this.#store, name, length, { range, signal: o?.signal, meter: o?.meter });
    };
    const checked = await readChecked(read, (found) => {
      if (found.size !== entry.bytes)
        throw corrupt(name, `expected an object of ${entry.bytes} bytes, found ${found.size}`);
      if (found.bytes.length !== length)
        throw corrupt(name, `at offset ${offset}, expected ${length} bytes, found ${found.bytes.length}`);
      return { value: check(found.bytes) };
    });
    if (checked === undefined) throw missingObject(name, 'the manifest names it, and it is missing');
    return checked.value;
  }

  /** All that follows the chunks, in one request; a small segment comes whole. */
  async fetchEnd(o: VerifyOptions | undefined): Promise<SegmentEnd> {
    const { bytes, metaBytes } = this.entry;
    const dataBytes = bytes - metaBytes;
    const from = bytes > SMALL_SEGMENT_BYTES ? dataBytes : 0;
    const end = await this.#fetch(from, bytes - from, o, (fetched) => {
      const sealed = from === 0 ? fetched.slice(0, dataBytes) : undefined;
      return readSegmentEnd(this.#sha256, fetched.subarray(dataBytes - from), sealed, this.entry, this.name);
    });
    o?.onBytes?.(bytes - from);
    return end;
  }

  /** The bytes of chunks `[from, to)`, not yet checked: in one request if they did not come with the table. */
  async fetchChunks(
    table: ChunkTable,
    from: number,
    to: number,
    o: VerifyOptions | undefined,
  ): Promise<Uint8Array> {
    const start = table.chunkAt[from]!;
    const end = table.chunkAt[to]!;
    if (table.sealed) return table.sealed.subarray(start, end);
    const sealed = await this.#fetch(start, end - start, o, (bytes) => bytes);
    o?.onBytes?.(end - start);
    return sealed;
  }

  /**
   * Sees to it that a sealed chunk is the one that was published: where what was read is not, it is read once
   * more, alone, and put in its place.
   */
  async publishedChunk(
    table: ChunkTable,
    chunk: number,
    sealed: Uint8Array,
    o: VerifyOptions | undefined,
  ): Promise<void> {
    if (this.#isLeaf(table, chunk, sealed)) return;
    const check = (found: Uint8Array): Uint8Array => {
      if (!this.#isLeaf(table, chunk, found)) throw this.chunkCorrupt(table, chunk);
      return found;
    };
    sealed.set(await this.#fetch(table.chunkAt[chunk]!, sealed.length, o, check, sealed));
  }

  #isLeaf(table: ChunkTable, chunk: number, sealed: Uint8Array): boolean {
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
