/**
 * Stored keys: one byte that says whose key it is, then the encoded tuple.
 *
 * In memory they are binary strings, one character for each byte: JavaScript's string order is then byte
 * order, and strings make fast Map keys.
 */
import { compareBytes, corrupt, decodeKey, type KeyTuple, MAX_KEY_BYTES } from '@holdfast/core';

/** The engine's own entries: requests, checkpoints. */
export const SYSTEM_SPACE = 0;
/** The user's. */
export const USER_SPACE = 1;

/** A stored key as a binary string. */
export type StoredKey = string;

/** A key in both its forms. */
export interface StoredAndBytes {
  readonly stored: StoredKey;
  readonly bytes: Uint8Array;
}

/** The space's byte, and one more in a bound. */
const STORED_KEY_BYTES_MAX = MAX_KEY_BYTES + 2;

/** @throws HoldfastError CORRUPT for what is longer than a key can be: only a faulty writer made it. */
export function toStoredKey(bytes: Uint8Array): StoredKey {
  if (bytes.length > STORED_KEY_BYTES_MAX)
    throw corrupt('a key', `expected at most ${STORED_KEY_BYTES_MAX} bytes, found ${bytes.length}`);
  // So bounded, it is well below any engine's limit of arguments.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

export function fromStoredKey(key: StoredKey): Uint8Array {
  const bytes = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i);
  return bytes;
}

/** Puts a space's byte before an encoded tuple. */
export function inSpace(space: number, tuple: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(tuple.length + 1);
  bytes[0] = space;
  bytes.set(tuple, 1);
  return bytes;
}

/** The tuple of a stored key. */
export function tupleOf(key: Uint8Array): KeyTuple {
  return decodeKey(key, 'a key', 1);
}

/** Half-open bounds of stored keys; `end` undefined: to the last key of all. */
export interface Bounds {
  readonly begin: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export function greatest(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) > 0 ? a : b;
}

/** @param a undefined: no bound. */
export function least(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
  return a && compareBytes(a, b) < 0 ? a : b;
}

/** Bounds of tuples as bounds in a space. */
export function boundsInSpace(space: number, bounds: Bounds): Bounds {
  return {
    begin: inSpace(space, bounds.begin),
    end: bounds.end ? inSpace(space, bounds.end) : Uint8Array.of(space + 1),
  };
}
