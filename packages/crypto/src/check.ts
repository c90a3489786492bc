/**
 * Guards for the lengths that the primitives demand, so that all providers refuse the same misuse alike.
 * Messages name lengths, never contents: the bytes may be a key.
 */
import { isUint8Array } from './bytes-of-any-realm.js';

/** @throws TypeError where `value` is not a Uint8Array of `length` bytes. */
export function checkBytes(what: string, value: Uint8Array, length: number): void {
  if (!isUint8Array(value)) {
    throw new TypeError(`${what}: expected a Uint8Array of ${length} bytes, found ${typeof value}`);
  }
  if (value.length !== length) {
    throw new TypeError(`${what}: expected ${length} bytes, found ${value.length}`);
  }
}

/** RFC 5869 section 2.3: at most 255 blocks of the hash. @throws TypeError */
export function checkHkdfLength(length: number): void {
  if (!Number.isInteger(length) || length < 1 || length > 255 * 32) {
    throw new TypeError(`HKDF length: expected 1 to 8160 bytes, found ${length}`);
  }
}
