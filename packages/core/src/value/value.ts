/**
 * Values as bytes. The first byte says how: 0, a Uint8Array as it is; 1, MessagePack by msgpackr with the
 * extensions below.
 *
 * | extension | type | |
 * | --- | --- | --- |
 * | 0x00 | undefined | msgpackr's |
 * | 0x42 | bigint beyond 64 bits | msgpackr's; smaller ones are int 64 and uint 64, which numbers never are |
 * | 0x73 | Set | msgpackr's: 0xd4 0x73 0x00, then an array |
 * | 0x74 | other typed arrays, ArrayBuffer, DataView | msgpackr's (a Uint8Array is bin): a byte for the type, then little-endian elements |
 * | 0xff | Date | MessagePack's timestamp |
 * | 0x48 | what msgpackr alone would lose | ours: 0xd4 0x48 0x00, then an array that begins with a Tag |
 *
 * Invariants:
 * - What is accepted comes back deeply equal; what can't is a TypeError that says where it is.
 * - Decoded values share no memory with the bytes they come from, which may be a cache's.
 * - Hostile bytes meet `checkMessage` before msgpackr, so lengths are real, nesting is bounded, and no extension
 *   runs but those of the table.
 */
import { isUint8Array } from '@holdfast/crypto';
import { copyBytes } from '../object/bytes.js';
import { corrupt, HoldfastError } from '../object/errors.js';
import { addExtension, Packr, RESET_BUFFER_MODE } from './msgpackr.js';
import { admitValue } from './value-admit.js';
import { checkMessage } from './value-message.js';
import { Tagged, untag } from './value-tag.js';

/** What `encodeValue` keeps. Top-level undefined is absence, so it is none of them. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | readonly (Value | undefined)[]
  | ReadonlyMap<Value | undefined, Value | undefined>
  | ReadonlySet<Value | undefined>
  | { readonly [key: string]: Value | undefined };

/** An encoded value is at most this long: 16 MiB. */
export const MAX_VALUE_BYTES: number = 16 * 1024 * 1024;
/** Arrays, objects, Maps, Sets and errors nest at most this deep. */
export const MAX_VALUE_DEPTH = 512;

const RAW = 0;
const MESSAGE = 1;

addExtension({
  Class: Tagged,
  type: Tagged.EXTENSION,
  write: (tagged: Tagged): readonly unknown[] => tagged.content,
  read: untag,
});

/** msgpackr keeps its write buffer, grown to several times the largest value: past this, it gets a small one. */
const KEPT_BYTES_MAX = 256 * 1024;

/** Of the class that msgpackr makes its own buffers of, whose methods it relies on. */
function smallBuffer(): Uint8Array {
  return typeof Buffer === 'undefined' ? new Uint8Array(8192) : Buffer.allocUnsafeSlow(8192);
}

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  moreTypes: true,
  structuredClone: false,
  useBigIntExtension: true,
  variableMapSize: true,
  useToJSON: false,
  copyBuffers: true,
});

/**
 * @throws TypeError for what can't be kept (undefined, functions, symbols, class instances, cycles, lone
 * surrogates), with its path.
 * @throws HoldfastError LIMIT_EXCEEDED over MAX_VALUE_BYTES or MAX_VALUE_DEPTH.
 */
export function encodeValue(value: unknown): Uint8Array {
  const body = bodyOf(value);
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = kindOfValue(value);
  bytes.set(body, 1);
  return bytes;
}

/**
 * Encodes a value without memory of its own: `take` is given its first byte and the rest, which is good until it returns.
 * @throws as `encodeValue`.
 */
export function encodeValueTo(value: unknown, take: (kind: number, body: Uint8Array) => void): void {
  take(kindOfValue(value), bodyOf(value));
}

function kindOfValue(value: unknown): number {
  return isUint8Array(value) ? RAW : MESSAGE;
}

/** All but the first byte: what was given, or a view of a buffer that the next call writes over. */
function bodyOf(value: unknown): Uint8Array {
  let body: Uint8Array;
  if (isUint8Array(value)) body = value;
  else if (value === undefined)
    throw new TypeError(
      'value is undefined; expected something to store. Use delete to remove a key, or store null',
    );
  else {
    const admitted = admitValue(value, MAX_VALUE_DEPTH, MAX_VALUE_BYTES);
    body = packr.pack(admitted, RESET_BUFFER_MODE);
    if (body.length > KEPT_BYTES_MAX) packr.useBuffer(smallBuffer());
  }
  if (body.length >= MAX_VALUE_BYTES)
    throw new HoldfastError(
      'LIMIT_EXCEEDED',
      `the value takes ${body.length + 1} bytes encoded, at most ${MAX_VALUE_BYTES} are allowed; split it over several keys`,
    );
  return body;
}

/**
 * @param object how errors name what is being decoded.
 * @throws HoldfastError CORRUPT for bytes that are no value.
 */
export function decodeValue(bytes: Uint8Array, object = 'a value'): unknown {
  if (bytes.length > MAX_VALUE_BYTES)
    throw corrupt(object, `expected at most ${MAX_VALUE_BYTES} bytes, found ${bytes.length}`);
  const kind = bytes[0];
  // A Buffer's `slice` would be a view.
  if (kind === RAW) return bytes.constructor === Uint8Array ? bytes.slice(1) : copyBytes(bytes.subarray(1));
  if (kind !== MESSAGE)
    throw corrupt(object, `expected a first byte of 0 or 1, found ${kind === undefined ? 'no byte' : kind}`);
  // A view of its own, not a Buffer's: msgpackr leaves a property on what it reads, and copies by its class.
  const message = new Uint8Array(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1);
  // A tag's array may stand in the innermost container.
  checkMessage(message, MAX_VALUE_DEPTH + 1, object);
  try {
    return packr.unpack(message);
  } catch (cause) {
    throw corrupt(
      object,
      `expected MessagePack, found what can't be decoded (${(cause as Error).message})`,
      cause,
    );
  }
}
