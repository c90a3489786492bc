/**
 * Decodes tuple keys from bytes that may be hostile.
 *
 * Invariants:
 * - Only canonical encodings decode: encodeKey(decodeKey(bytes)) equals bytes, else CORRUPT.
 * - Work and memory are bounded by MAX_KEY_BYTES, the stack by MAX_KEY_DEPTH.
 */
import { corrupt, type HoldfastError } from '../object/errors.js';
import { type KeyPart, type KeyTuple, MAX_KEY_BYTES, MAX_KEY_DEPTH } from './key.js';
import {
  BIG_NEGATIVE,
  BIG_POSITIVE,
  BYTES,
  DOUBLE,
  doubleMask,
  FALSE,
  isIntegerKey,
  NAN_BITS,
  NESTED,
  NULL,
  STRING,
  TRUE,
  ZERO,
} from './key-code.js';

const SHORT_BYTES = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const double = new DataView(new ArrayBuffer(8));

/**
 * Integers come back as numbers where they are safe, else as bigints. Uint8Arrays are copies.
 * @param object how errors name what is being decoded.
 * @param from where it begins in the bytes.
 * @throws HoldfastError CORRUPT for any bytes that `encodeKey` does not write.
 */
export function decodeKey(bytes: Uint8Array, object = 'a key', from = 0): KeyTuple {
  if (bytes.length - from > MAX_KEY_BYTES)
    throw corrupt(object, `expected at most ${MAX_KEY_BYTES} bytes, found ${bytes.length - from}`);
  return new KeyDecoder(bytes, object, from).parts(0);
}

/** Eight at a time: each `+` makes another string. */
function ascii(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let i = start;
  for (; i + 8 <= end; i += 8)
    text += String.fromCharCode(
      bytes[i]!,
      bytes[i + 1]!,
      bytes[i + 2]!,
      bytes[i + 3]!,
      bytes[i + 4]!,
      bytes[i + 5]!,
      bytes[i + 6]!,
      bytes[i + 7]!,
    );
  for (; i + 2 <= end; i += 2) text += String.fromCharCode(bytes[i]!, bytes[i + 1]!);
  return i < end ? text + String.fromCharCode(bytes[i]!) : text;
}

class KeyDecoder {
  readonly #bytes: Uint8Array;
  readonly #object: string;
  #at: number;

  constructor(bytes: Uint8Array, object: string, from: number) {
    this.#bytes = bytes;
    this.#object = object;
    this.#at = from;
  }

  #fail(expected: string): HoldfastError {
    return corrupt(this.#object, `at offset ${this.#at}, expected ${expected}`);
  }

  /** The offset after `count` more bytes, which must be there. */
  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at)
      throw this.#fail(`${count} more bytes, found ${this.#bytes.length - at}`);
    this.#at = at + count;
    return at;
  }

  parts(depth: number): KeyTuple {
    const bytes = this.#bytes;
    const parts: KeyTuple = [];
    while (this.#at < bytes.length) {
      if (depth > 0 && bytes[this.#at] === 0) {
        if (bytes[this.#at + 1] !== 0xff) {
          this.#at++;
          return parts;
        }
        this.#at += 2;
        parts.push(null);
      } else parts.push(this.#part(depth));
    }
    if (depth > 0) throw this.#fail('the end of a nested tuple');
    return parts;
  }

  #part(depth: number): KeyPart {
    const code = this.#bytes[this.#at]!;
    if (code > BIG_NEGATIVE && code < BIG_POSITIVE) return this.#integer(code);
    switch (code) {
      case STRING:
        return this.#string();
      case BYTES:
        return this.#escaped();
      case NULL:
        this.#at++;
        return null;
      case FALSE:
      case TRUE:
        this.#at++;
        return code === TRUE;
      case NESTED:
        if (depth === MAX_KEY_DEPTH) throw this.#fail(`tuples nested at most ${MAX_KEY_DEPTH} deep`);
        this.#at++;
        return this.parts(depth + 1);
      case DOUBLE:
        return this.#double();
      case BIG_NEGATIVE:
      case BIG_POSITIVE:
        return this.#bigInteger(code === BIG_NEGATIVE);
      default:
        throw this.#fail(`a type code, found 0x${code.toString(16).padStart(2, '0')}`);
    }
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    // Short ASCII without escapes, which is nearly all keys, needs no decoder.
    for (let i = start; i < bytes.length && i - start < SHORT_BYTES; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x80) break;
      if (byte !== 0) continue;
      if (bytes[i + 1] === 0xff) break;
      this.#at = i + 1;
      return ascii(bytes, start, i);
    }
    const at = this.#at;
    const raw = this.#escaped();
    try {
      return utf8.decode(raw);
    } catch {
      this.#at = at;
      throw this.#fail('a string of well-formed UTF-8');
    }
  }

  /** Bytes with 0x00 0xff for 0x00, up to a 0x00 that is not escaped: a copy. */
  #escaped(): Uint8Array {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let end = start;
    let escapes = 0;
    for (; ; end++) {
      if (end >= bytes.length) throw this.#fail('the end of a string or byte string');
      if (bytes[end] !== 0) continue;
      if (bytes[end + 1] !== 0xff) break;
      escapes++;
      end++;
    }
    const raw = new Uint8Array(end - start - escapes);
    for (let i = start, to = 0; i < end; i++) {
      const byte = bytes[i]!;
      raw[to++] = byte;
      if (byte === 0) i++;
    }
    this.#at = end + 1;
    return raw;
  }

  #integer(code: number): number | bigint {
    const length = Math.abs(code - ZERO);
    const from = this.#take(1 + length) + 1;
    const complement = code < ZERO ? 0xff : 0;
    if (length > 0 && this.#bytes[from] === complement)
      throw this.#fail('an integer in its shortest form before here');
    if (length === 8) return this.#magnitude(from, length, code < ZERO);
    let magnitude = 0;
    for (let i = from; i < from + length; i++) magnitude = magnitude * 256 + (this.#bytes[i]! ^ complement);
    if (magnitude > Number.MAX_SAFE_INTEGER) return this.#magnitude(from, length, code < ZERO);
    // Zero has no negative form here, so -magnitude is never -0.
    return code < ZERO ? -magnitude : magnitude;
  }

  #bigInteger(negative: boolean): bigint {
    const complement = negative ? 0xff : 0;
    const length = this.#bytes[this.#take(2) + 1]! ^ complement;
    const from = this.#take(length);
    if (length < 9 || this.#bytes[from] === complement)
      throw this.#fail('an integer in its shortest form before here');
    return this.#magnitude(from, length, negative);
  }

  #magnitude(from: number, length: number, negative: boolean): bigint {
    const complement = negative ? 0xff : 0;
    let hex = '0x';
    for (let i = from; i < from + length; i++)
      hex += (this.#bytes[i]! ^ complement).toString(16).padStart(2, '0');
    return negative ? -BigInt(hex) : BigInt(hex);
  }

  #double(): number {
    const from = this.#take(9) + 1;
    const negative = this.#bytes[from]! < 0x80;
    for (let i = 0; i < 8; i++) double.setUint8(i, this.#bytes[from + i]! ^ doubleMask(negative, i));
    const value = double.getFloat64(0);
    if (isIntegerKey(value)) throw this.#fail('a safe integer to be encoded as one before here');
    if (Number.isNaN(value) && double.getBigUint64(0) !== NAN_BITS)
      throw this.#fail('the one NaN that keys have before here');
    return value;
  }
}
