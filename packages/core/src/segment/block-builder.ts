/**
 * Writes the plaintext of one data block (FORMAT.md, "Data block").
 *
 * Invariant: every 16th entry, the first included, is a restart: it shares nothing with the key before it, so
 * that a reader can begin there.
 */
import { ByteWriter } from '../object/bytes.js';
import type { Entry } from './entry.js';

export const RESTART_INTERVAL = 16;
export const KIND_TOMBSTONE = 0;
export const KIND_VALUE = 1;
export const KIND_LARGE = 2;
export const KIND_STREAM = 3;
/** Added to the kind of an entry that expires. */
export const EXPIRES = 16;

/** What an entry says before its value. */
type EntryHead = Omit<Entry, 'value' | 'stream'>;

export class BlockBuilder {
  readonly #writer: ByteWriter;
  readonly #restarts: number[] = [];
  #entries = 0;

  constructor(capacity: number) {
    this.#writer = new ByteWriter(capacity);
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes of the entries, without the restart table. */
  get entryBytes(): number {
    return this.#writer.length;
  }

  /** What `finish` would return, in bytes. */
  get bytes(): number {
    return this.#writer.length + 4 * this.#restarts.length + 4;
  }

  /** @param shared bytes that `key` has in common with the key added before it to this segment. */
  #head({ key, version, order, expiresMs }: EntryHead, shared: number, kind: number): void {
    let common = shared;
    if (this.#entries++ % RESTART_INTERVAL === 0) {
      this.#restarts.push(this.#writer.length);
      common = 0;
    }
    const expires = expiresMs === undefined ? 0 : EXPIRES;
    this.#writer
      .varint(common)
      .bytes(key.subarray(common))
      .u8(kind + expires)
      .varint(version)
      .varint(order);
    if (expiresMs !== undefined) this.#writer.varint(expiresMs);
  }

  addTombstone(entry: EntryHead, shared: number): void {
    this.#head(entry, shared, KIND_TOMBSTONE);
  }

  /** @param kind KIND_VALUE, or KIND_STREAM where the value is a stream's descriptor. */
  addValue(entry: EntryHead, shared: number, kind: number, value: Uint8Array): void {
    this.#head(entry, shared, kind);
    this.#writer.bytes(value);
  }

  /** @param firstChunk index of the chunk that holds the value's first piece. */
  addLarge(entry: EntryHead, shared: number, length: number, firstChunk: number): void {
    this.#head(entry, shared, KIND_LARGE);
    this.#writer.varint(length).varint(firstChunk);
  }

  /** The block; the next one begins, in the same memory. */
  finish(): Uint8Array {
    for (const offset of this.#restarts) this.#writer.u32(offset);
    const block = this.#writer.u32(this.#restarts.length).finish();
    this.#writer.clear();
    this.#restarts.length = 0;
    this.#entries = 0;
    return block;
  }
}
