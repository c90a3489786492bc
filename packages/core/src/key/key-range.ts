/** Ranges of keys, and the half-open ranges of bytes that they stand for. */
import { isUint8Array } from '@holdfast/crypto';
import { compareBytes } from '../object/bytes.js';
import { describe, encodeKey, type Key } from './key.js';

/**
 * The keys between bounds; fields that are given together all apply. `prefix` stands for a key's children only,
 * not the key itself. No field: all keys.
 */
export interface KeyRange {
  readonly prefix?: Key | undefined;
  readonly gt?: Key | undefined;
  readonly gte?: Key | undefined;
  readonly lt?: Key | undefined;
  readonly lte?: Key | undefined;
}

const RANGE_FIELDS: readonly string[] = ['prefix', 'gt', 'gte', 'lt', 'lte'];

/**
 * Bounds in bytes: begin <= encoded key < end, no upper bound where `end` is undefined. A range whose bounds are
 * inverted holds nothing (begin >= end). A bound may be one byte longer than a key can be.
 * @throws TypeError for a field that ranges don't have; and as `encodeKey` does.
 */
export function keyBounds(range: KeyRange | undefined): { begin: Uint8Array; end: Uint8Array | undefined } {
  let begin: Uint8Array = new Uint8Array(0);
  let end: Uint8Array | undefined;
  if (range === undefined) return { begin, end };
  if (range === null || typeof range !== 'object' || Array.isArray(range) || isUint8Array(range))
    throw new TypeError(
      `expected a range such as { prefix: key }, found ${Array.isArray(range) ? 'an array' : describe(range)}`,
    );
  for (const field of Object.keys(range))
    if (!RANGE_FIELDS.includes(field))
      throw new TypeError(
        `expected a range with ${RANGE_FIELDS.join(', ')}, found ${JSON.stringify(field)}; options such as limit go into the next argument`,
      );
  const from = (bound: Uint8Array): void => {
    if (compareBytes(bound, begin) > 0) begin = bound;
  };
  const to = (bound: Uint8Array): void => {
    if (end === undefined || compareBytes(bound, end) < 0) end = bound;
  };
  const { prefix, gt, gte, lt, lte } = range;
  if (prefix !== undefined) {
    const parent = encodeKey(prefix);
    from(followedBy(parent, 0x00));
    to(followedBy(parent, 0xff));
  }
  if (gt !== undefined) from(followedBy(encodeKey(gt), 0x00));
  if (gte !== undefined) from(encodeKey(gte));
  if (lt !== undefined) to(encodeKey(lt));
  if (lte !== undefined) to(followedBy(encodeKey(lte), 0x00));
  return { begin, end };
}

/** `key || 0x00` is the first byte string after `key`; `key || 0xff` lies after all its children. */
function followedBy(key: Uint8Array, byte: number): Uint8Array {
  const bytes = new Uint8Array(key.length + 1);
  bytes.set(key);
  bytes[key.length] = byte;
  return bytes;
}
