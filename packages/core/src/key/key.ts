/**
 * Tuple keys in FoundationDB's tuple encoding (github.com/apple/foundationdb, design/tuple.md): the order of the
 * encoded bytes, compared as unsigned, is the order of the tuples.
 *
 * | code | part |
 * | --- | --- |
 * | 0x00 | null; inside a nested tuple followed by 0xff |
 * | 0x01, 0x02 | bytes, UTF-8 string: 0x00 escaped as 0x00 0xff, ended by 0x00 |
 * | 0x05 | nested tuple, ended by 0x00 |
 * | 0x0b, 0x0c … 0x14 … 0x1c, 0x1d | integers by the bytes of their magnitude; negative ones complemented |
 * | 0x21 | double, big-endian, sign flipped (negative: all bits) |
 * | 0x26, 0x27 | false, true |
 *
 * Invariants:
 * - One key, one encoding: only what `encodeKey` writes is decoded, so bytes that compare unequal are unequal keys.
 * - 1 and 1n are the same key. All integers sort before all doubles: 10 comes before 0.5. -0 is a double, 0 is not.
 * - A key's children (the tuples that begin with it and are longer) lie together, right after it.
 */
import { isUint8Array } from '@holdfast/crypto';
import { HoldfastError } from '../object/errors.js';
import {
  BIG_NEGATIVE,
  BIG_POSITIVE,
  BYTES,
  DOUBLE,
  doubleMask,
  FALSE,
  isIntegerKey,
  MAX_BIGINT_BYTES,
  NAN_BITS,
  NESTED,
  NULL,
  STRING,
  TRUE,
  ZERO,
} from './key-code.js';

export type KeyPart = string | number | bigint | boolean | null | Uint8Array | readonly KeyPart[];

/** A bare string or Uint8Array is a tuple of one part. */
export type Key = readonly KeyPart[] | string | Uint8Array;

export type KeyTuple = KeyPart[];

/** A key's encoding is at most this long. */
export const MAX_KEY_BYTES = 8192;
/** Tuples nest at most this deep; a key without nested tuples has depth 0. */
export const MAX_KEY_DEPTH = 64;

const SMALL_BYTES = 64;
const PARTS = 'string, number, bigint, boolean, null, Uint8Array or array of these';
const double = new DataView(new ArrayBuffer(8));

// Scratch of the encoder in progress. Taken while in use, so that an exotic array (a proxy) that encodes a key
// while it is being encoded gets its own.
let spare: Uint8Array | undefined;
/** Where the encoder is: trail[d] is the index at depth d. For messages only. */
const trail: number[] = [];

/**
 * @throws TypeError for a part that is none of KeyPart, naming it by index, or a string with a lone surrogate.
 * @throws HoldfastError LIMIT_EXCEEDED over MAX_KEY_BYTES, MAX_KEY_DEPTH, or for a bigint over 255 bytes.
 */
export function encodeKey(key: Key): Uint8Array {
  return encodeAfter(undefined, key);
}

/** The key's encoding behind a byte that says whose it is. */
export function encodeKeyIn(space: number, key: Key): Uint8Array {
  return encodeAfter(space, key);
}

function encodeAfter(space: number | undefined, key: Key): Uint8Array {
  const out = spare ?? new Uint8Array(MAX_KEY_BYTES + 1);
  spare = undefined;
  const start = space === undefined ? 0 : 1;
  if (space !== undefined) out[0] = space;
  const end = writeKey(out, start, key);
  spare = out;
  // Small arrays cost little to make, and a call of `slice` more than a few bytes do.
  if (end > SMALL_BYTES) return out.slice(0, end);
  const bytes = new Uint8Array(end);
  for (let i = 0; i < end; i++) bytes[i] = out[i]!;
  return bytes;
}

/**
 * Encodes a key without memory of its own: `take` is given bytes that begin with it, good until it returns, and its
 * length.
 * @throws as `encodeKey`.
 */
export function encodeKeyTo(key: Key, take: (bytes: Uint8Array, length: number) => void): void {
  const out = spare ?? new Uint8Array(MAX_KEY_BYTES + 1);
  spare = undefined;
  take(out, writeKey(out, 0, key));
  spare = out;
}

/** @returns where it ends. */
function writeKey(out: Uint8Array, start: number, key: Key): number {
  let end: number;
  if (typeof key === 'string') end = writeString(out, start, key, -1);
  else if (Array.isArray(key)) end = writeParts(out, start, key as readonly KeyPart[], 0);
  else if (isUint8Array(key)) end = writeBytes(out, start, key);
  else
    throw new TypeError(
      `expected a key that is an array, a string or a Uint8Array, found ${describe(key)}; write [part, …]`,
    );
  const length = end - start;
  if (length > MAX_KEY_BYTES)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `the key takes ${length} bytes encoded, at most ${MAX_KEY_BYTES} are allowed; keep what is long in the value`,
    );
  return end;
}

// The writers take the offset to write at and return the one after. Past the end of `out` typed arrays ignore
// writes, so an oversized key is measured without being stored.

function writeParts(out: Uint8Array, start: number, parts: readonly KeyPart[], depth: number): number {
  let at = start;
  for (let i = 0; i < parts.length; i++) {
    trail[depth] = i;
    const part = parts[i];
    if (typeof part === 'string') at = writeString(out, at, part, depth);
    else if (typeof part === 'number') at = writeNumber(out, at, part);
    else if (part === null) {
      out[at++] = NULL;
      if (depth > 0) out[at++] = 0xff;
    } else if (typeof part === 'boolean') out[at++] = part ? TRUE : FALSE;
    else if (typeof part === 'bigint') at = writeBigint(out, at, part, depth);
    else if (isUint8Array(part)) at = writeBytes(out, at, part);
    else if (Array.isArray(part)) {
      if (depth === MAX_KEY_DEPTH)
        throw new HoldfastError(
          'LIMIT_EXCEEDED',
          `${place(0)} nests tuples deeper than ${MAX_KEY_DEPTH}; flatten it, and check it does not contain itself`,
        );
      out[at++] = NESTED;
      at = writeParts(out, at, part as readonly KeyPart[], depth + 1);
      out[at++] = 0;
    } else
      throw new TypeError(
        `${place(depth)}: expected a ${PARTS}, found ${i in parts ? describe(part) : 'a hole'}`,
      );
  }
  return at;
}

function writeString(out: Uint8Array, start: number, text: string, depth: number): number {
  let at = start;
  out[at++] = STRING;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      out[at++] = unit;
      if (unit === 0) out[at++] = 0xff;
    } else if (unit < 0x800) {
      out[at++] = 0xc0 | (unit >> 6);
      out[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      out[at++] = 0xe0 | (unit >> 12);
      out[at++] = 0x80 | ((unit >> 6) & 0x3f);
      out[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = text.codePointAt(i)!;
      if (point < 0x10000)
        throw new TypeError(
          `${place(depth)}: expected well-formed Unicode, found a lone surrogate at ${i}; use a Uint8Array for arbitrary data`,
        );
      i++;
      out[at++] = 0xf0 | (point >> 18);
      out[at++] = 0x80 | ((point >> 12) & 0x3f);
      out[at++] = 0x80 | ((point >> 6) & 0x3f);
      out[at++] = 0x80 | (point & 0x3f);
    }
  }
  out[at++] = 0;
  return at;
}

function writeBytes(out: Uint8Array, start: number, bytes: Uint8Array): number {
  let at = start;
  out[at++] = BYTES;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    out[at++] = byte;
    if (byte === 0) out[at++] = 0xff;
  }
  out[at++] = 0;
  return at;
}

function writeNumber(out: Uint8Array, at: number, value: number): number {
  if (!isIntegerKey(value)) {
    out[at] = DOUBLE;
    double.setFloat64(0, value);
    if (Number.isNaN(value)) double.setBigUint64(0, NAN_BITS);
    const negative = double.getUint8(0) >= 0x80;
    for (let i = 0; i < 8; i++) out[at + 1 + i] = double.getUint8(i) ^ doubleMask(negative, i);
    return at + 9;
  }
  const complement = value < 0 ? 0xff : 0;
  let magnitude = Math.abs(value);
  const length = byteLength(magnitude);
  out[at] = value < 0 ? ZERO - length : ZERO + length;
  for (let i = at + length; i > at; i--) {
    out[i] = (magnitude % 256) ^ complement;
    magnitude = Math.floor(magnitude / 256);
  }
  return at + 1 + length;
}

function writeBigint(out: Uint8Array, start: number, value: bigint, depth: number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return writeNumber(out, start, number);
  const negative = value < 0n;
  const complement = negative ? 0xff : 0;
  const hex = (negative ? -value : value).toString(16);
  const length = (hex.length + 1) >> 1;
  if (length > MAX_BIGINT_BYTES)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `${place(depth)} is a bigint of ${length} bytes, at most ${MAX_BIGINT_BYTES} are allowed in a key`,
    );
  let at = start;
  if (length <= 8) out[at++] = negative ? ZERO - length : ZERO + length;
  else {
    out[at++] = negative ? BIG_NEGATIVE : BIG_POSITIVE;
    out[at++] = length ^ complement;
  }
  const padded = hex.padStart(length * 2, '0');
  for (let i = 0; i < length; i++)
    out[at++] = Number.parseInt(padded.slice(i * 2, i * 2 + 2), 16) ^ complement;
  return at;
}

/** Bytes of a safe magnitude, 0 for 0. */
function byteLength(magnitude: number): number {
  let length = 0;
  for (let bound = 1; magnitude >= bound; bound *= 256) length++;
  return length;
}

/** How messages name the part at `depth` of the trail; -1 for a bare string. */
function place(depth: number): string {
  let path = 'key';
  for (let d = 0; d <= depth; d++) path += `[${trail[d]}]`;
  return path;
}

/** For messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'no prototype'})`;
  return `a ${typeof value}`;
}
