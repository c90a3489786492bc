/** What the database with every field (every-field.ts) is made of: keys, writes, ranges and times. */
import { encodeKey, encodeValue, type KeyTuple, type Write } from '@holdfast/core';

export const START_MS = 1_750_000_000_000;
/** Long after all campaigns. */
export const LATE_MS: number = START_MS + 1e12;

export const userKey = (...tuple: KeyTuple): Uint8Array => Uint8Array.of(1, ...encodeKey(tuple));
export const ownKey = (...tuple: KeyTuple): Uint8Array => Uint8Array.of(0, ...encodeKey(tuple));

export const set = (key: Uint8Array, value: unknown, expiresMs?: number): Write => ({
  key,
  value: encodeValue(value),
  ...(expiresMs === undefined ? {} : { expiresMs }),
});
export const deleted = (key: Uint8Array): Write => ({ key, value: undefined });
export const range = (begin: Uint8Array, end: Uint8Array): { begin: Uint8Array; end: Uint8Array } => ({
  begin,
  end,
});
/** One key alone. */
export const only = (key: Uint8Array): { begin: Uint8Array; end: Uint8Array } =>
  range(key, Uint8Array.of(...key, 0));
export const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
