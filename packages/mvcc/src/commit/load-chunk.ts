/**
 * Rows of a load in memory, up to a bound, to be sorted: as bytes in one buffer, without an object for each.
 *
 * Invariants:
 * - `sorted()` gives each key once, ascending, with what was added for it last.
 * - What it gives are views, valid until `clear()`.
 */
import { encodeKeyTo, encodeValueTo, type Key } from '@holdfast/core';
import { USER_SPACE } from '../state/space.js';

/** A row as it is written. */
export interface LoadedRow {
  /** Stored key. */
  readonly key: Uint8Array;
  /** Encoded value. */
  readonly value: Uint8Array;
  readonly expiresMs: number | undefined;
}

/** A buffer of rows grows from here. */
const BYTES_MIN = 64 * 1024;
const ROWS_MIN = 1024;
/** What a row takes beside its key and value: where it begins, three lengths and moments, and its place when sorted. */
const ROW_OVERHEAD_BYTES = 34;
/** Digits that fit into a number: keys are compared by so many bytes at once, after those that all of them share. */
const DIGITS = 6;
/** What is shorter is copied faster byte by byte. */
const SHORT_BYTES = 48;

export class LoadChunk {
  #bytes = new Uint8Array(0);
  #length = 0;
  #at = new Uint32Array(0);
  #keyLength = new Uint16Array(0);
  #valueLength = new Uint32Array(0);
  #expiresMs = new Float64Array(0);
  #rows = 0;
  /** Bytes at the beginning that all keys have in common. */
  #shared = 0;
  #isAscending = true;
  /** Of the key whose value is to follow. */
  #newKeyLength = 0;

  readonly #bytesMax: number;

  /** @param bytesMax what its rows will weigh at most, but for the last one. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get rows(): number {
    return this.#rows;
  }

  /** What it weighs in memory. */
  get bytes(): number {
    return this.#length + this.#rows * ROW_OVERHEAD_BYTES;
  }

  /** Whether each key came after those before it. */
  get isAscending(): boolean {
    return this.#isAscending;
  }

  /** Adds a key, at once where nothing is wrong with it; its value follows. @throws as `encodeKey`. */
  addKey(key: Key): void {
    encodeKeyTo(key, this.#takeKey);
  }

  readonly #takeKey = (bytes: Uint8Array, length: number): void => {
    const at = this.#length;
    if (at + 1 + length > this.#bytes.length) this.#growBytes(at + 1 + length);
    this.#bytes[at] = USER_SPACE;
    if (length < SHORT_BYTES) for (let i = 0; i < length; i++) this.#bytes[at + 1 + i] = bytes[i]!;
    else this.#bytes.set(bytes.subarray(0, length), at + 1);
    this.#newKeyLength = 1 + length;
  };

  /** Adds the value of the key before it: now they are a row. @throws as `encodeValue`; then there is no row. */
  addValue(value: unknown, expiresMs = 0): void {
    encodeValueTo(value, this.#takeValue);
    this.#expiresMs[this.#rows - 1] = expiresMs;
  }

  readonly #takeValue = (kind: number, body: Uint8Array): void => {
    const row = this.#rows;
    if (row === this.#at.length) this.#growRows();
    const at = this.#length;
    const valueAt = at + this.#newKeyLength;
    const end = valueAt + 1 + body.length;
    if (end > this.#bytes.length) this.#growBytes(end, valueAt);
    this.#bytes[valueAt] = kind;
    this.#bytes.set(body, valueAt + 1);
    this.#length = end;
    this.#at[row] = at;
    this.#keyLength[row] = this.#newKeyLength;
    this.#valueLength[row] = end - valueAt;
    this.#rows++;
    if (row === 0) this.#shared = this.#newKeyLength;
    else this.#compareWithLast(row);
  };

  #compareWithLast(row: number): void {
    const order = this.#compare(row - 1, row);
    if (order >= 0) this.#isAscending = false;
    const first = this.#at[0]!;
    const at = this.#at[row]!;
    const length = Math.min(this.#shared, this.#keyLength[row]!);
    const bytes = this.#bytes;
    let shared = 0;
    while (shared < length && bytes[first + shared] === bytes[at + shared]) shared++;
    this.#shared = shared;
  }

  /** Order of two rows' keys. */
  #compare(a: number, b: number): number {
    const bytes = this.#bytes;
    const [aAt, bAt] = [this.#at[a]!, this.#at[b]!];
    const [aLength, bLength] = [this.#keyLength[a]!, this.#keyLength[b]!];
    const length = Math.min(aLength, bLength);
    for (let i = 0; i < length; i++) {
      const difference = bytes[aAt + i]! - bytes[bAt + i]!;
      if (difference !== 0) return difference;
    }
    return aLength - bLength;
  }

  #row(row: number): LoadedRow {
    const at = this.#at[row]!;
    const valueAt = at + this.#keyLength[row]!;
    return {
      key: this.#bytes.subarray(at, valueAt),
      value: this.#bytes.subarray(valueAt, valueAt + this.#valueLength[row]!),
      expiresMs: this.#expiresMs[row] || undefined,
    };
  }

  /** The least key. There must be a row. */
  first(): Uint8Array {
    let first = 0;
    if (!this.#isAscending)
      for (let row = 1; row < this.#rows; row++) if (this.#compare(row, first) < 0) first = row;
    return this.#row(first).key;
  }

  *sorted(): Generator<LoadedRow, void, undefined> {
    if (this.#isAscending) {
      for (let row = 0; row < this.#rows; row++) yield this.#row(row);
      return;
    }
    const order = this.#sort();
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      const next = order[i + 1];
      // Of one key's rows the last one comes last.
      if (next === undefined || this.#compare(row, next) !== 0) yield this.#row(row);
    }
  }

  #sort(): Uint32Array {
    const digits = new Float64Array(this.#rows);
    const order = new Uint32Array(this.#rows);
    for (let row = 0; row < this.#rows; row++) {
      const at = this.#at[row]!;
      let digit = 0;
      for (let i = this.#shared; i < this.#shared + DIGITS; i++)
        digit = digit * 256 + (i < this.#keyLength[row]! ? this.#bytes[at + i]! : 0);
      digits[row] = digit;
      order[row] = row;
    }
    return order.sort((a, b) => digits[a]! - digits[b]! || this.#compare(a, b) || a - b);
  }

  /** Empty again; its memory is used once more. */
  clear(): void {
    this.#length = 0;
    this.#rows = 0;
    this.#isAscending = true;
  }

  /** @param used so much of what is there is kept. */
  #growBytes(needed: number, used = this.#length): void {
    const doubled = Math.max(BYTES_MIN, this.#bytes.length * 2);
    // Half of the way to the bound it takes all of it: what is copied is there twice.
    const wanted = doubled * 2 > this.#bytesMax ? this.#bytesMax : doubled;
    const grown = new Uint8Array(Math.max(needed, wanted));
    grown.set(this.#bytes.subarray(0, used));
    this.#bytes = grown;
  }

  #growRows(): void {
    const count = Math.max(ROWS_MIN, this.#at.length * 2);
    const at = new Uint32Array(count);
    at.set(this.#at);
    this.#at = at;
    const keyLength = new Uint16Array(count);
    keyLength.set(this.#keyLength);
    this.#keyLength = keyLength;
    const valueLength = new Uint32Array(count);
    valueLength.set(this.#valueLength);
    this.#valueLength = valueLength;
    const expiresMs = new Float64Array(count);
    expiresMs.set(this.#expiresMs);
    this.#expiresMs = expiresMs;
  }
}
