/**
 * Writes the plaintext of one data block (FORMAT.md, "Data block").
 *
 * Invariant: every 16th entry, the first included, is a restart: it shares nothing with the key before it, so
 * that a reader can begin there.
 */
import { ByteWriter } from '../object/bytes.js';

export const RESTART_INTERVAL = 16;
export const KIND_TOMBSTONE = 0;
export const KIND_VALUE = 1;
export const KIND_LARGE = 2;

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
  #head(key: Uint8Array, shared: number, kind: number, version: number, order: number): void {
    let common = shared;
    if (this.#entries++ % RESTART_INTERVAL === 0) {
      this.#restarts.push(this.#writer.length);
      common = 0;
    }
    this.#writer.varint(common).bytes(key.subarray(common)).u8(kind).varint(version).varint(order);
  }

  addTombstone(key: Uint8Array, shared: number, version: number, order: number): void {
    this.#head(key, shared, KIND_TOMBSTONE, version, order);
  }

  addValue(key: Uint8Array, shared: number, version: number, order: number, value: Uint8Array): void {
    this.#head(key, shared, KIND_VALUE, version, order);
    this.#writer.bytes(value);
  }

  /** @param firstChunk index of the chunk that holds the value's first piece. */
  addLarge(
    key: Uint8Array,
    shared: number,
    version: number,
    order: number,
    length: number,
    firstChunk: number,
  ): void {
    this.#head(key, shared, KIND_LARGE, version, order);
    this.#writer.varint(length).varint(firstChunk);
  }

  finish(): Uint8Array {
    for (const offset of this.#restarts) this.#writer.u32(offset);
    return this.#writer.u32(this.#restarts.length).finish();
  }
}
