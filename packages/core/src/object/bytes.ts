/**
 * Reading and writing of byte strings, the alphabet of every format here.
 *
 * Invariants:
 * - A reader gives out plain Uint8Arrays, whatever it reads: a Buffer's `slice` would be a view.
 * - A reader never reads past its end and never allocates by a length it has not checked against the bytes
 *   that are there: it throws `CORRUPT`, naming the object and the offset.
 * - A varint is unsigned LEB128, at most 2^53-1, in its shortest form: one number, one encoding.
 */
import { corrupt, type HoldfastError } from './errors.js';

const TWO_POW_28 = 2 ** 28;

export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get length(): number {
    return this.#length;
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** 8 bytes, big-endian; `value` is a safe integer. */
  u64(value: number): this {
    this.#reserve(8);
    this.#view.setUint32(this.#length, Math.floor(value / 2 ** 32));
    this.#view.setUint32(this.#length + 4, value >>> 0);
    this.#length += 8;
    return this;
  }

  varint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= TWO_POW_28) {
      this.#buffer[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** The bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A varint length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** What was written so far, not copied: valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A copy of what was written so far. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** Empty again, in the same memory. */
  clear(): void {
    this.#length = 0;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #object: string;
  #offset: number;
  readonly #end: number;

  /** @param object how errors name what is being read. */
  constructor(bytes: Uint8Array, object: string, offset = 0, end: number = bytes.length) {
    this.#bytes = plainBytes(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#object = object;
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  corrupt(detail: string): HoldfastError {
    return corrupt(this.#object, `at offset ${this.#offset}, ${detail}`);
  }

  #need(count: number): void {
    if (count > this.#end - this.#offset)
      throw this.corrupt(`expected ${count} more bytes, found ${this.#end - this.#offset}`);
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#offset++]!;
  }

  u32(): number {
    this.#need(4);
    const value = this.#view.getUint32(this.#offset);
    this.#offset += 4;
    return value;
  }

  u64(): number {
    this.#need(8);
    const high = this.#view.getUint32(this.#offset);
    const value = high * 2 ** 32 + this.#view.getUint32(this.#offset + 4);
    if (high >= 2 ** 21) throw this.corrupt('expected a number below 2^53, found a larger one');
    this.#offset += 8;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw this.corrupt('expected a varint in its shortest form');
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw this.corrupt('expected a varint below 2^53, found a larger one');
  }

  /** A varint that counts things of at least `bytesEach` bytes still to come, so a lie can't cost memory. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach > this.remaining)
      throw this.corrupt(
        `expected at most ${Math.floor(this.remaining / bytesEach)} items, found a count of ${count}`,
      );
    return count;
  }

  /** The next `length` bytes: a view, not a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    const bytes = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return bytes;
  }

  /** The next `length` bytes in a buffer of their own. */
  copy(length: number): Uint8Array {
    return copyBytes(this.raw(length));
  }

  /** A varint length, then that many bytes: a view, not a copy. */
  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#offset !== this.#end)
      throw this.corrupt(`expected the end, found ${this.remaining} more bytes`);
  }
}

/** The same bytes, not copied, as a plain Uint8Array of this realm. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same bytes in a buffer of their own. Not `slice`: a Buffer's would be a view. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Order of byte strings: unsigned, a prefix before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}
