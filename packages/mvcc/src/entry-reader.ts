/** From stored entries to what users see: decoded keys and values, tombstones left out. */
import {
  decodeKey,
  decodeValue,
  encodeKey,
  type Key,
  type KeyRange,
  type KeyTuple,
  keyBounds,
} from '@holdfast/core';
import type { Meter } from '@holdfast/object-store';
import type { ScanCursor } from './merge-cursor.js';
import { type Bounds, boundsInSpace, inSpace, type StoredKey, toStoredKey, USER_SPACE } from './space.js';
import type { TailEntry } from './tail.js';
import { formatVersionstamp, OWN_VERSION, type Versionstamp } from './versionstamp.js';

/** A key with its value and the transaction that wrote it. */
export interface Entry<V = unknown> {
  readonly key: KeyTuple;
  readonly value: V;
  /** The record that wrote it; 0: this transaction, not committed yet. */
  readonly version: number;
  /** The transaction that wrote it; empty: this one, not committed yet. */
  readonly versionstamp: Versionstamp;
}

/** Which keys, in which order, and how many at most. */
export type Range = KeyRange & {
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
};

export interface ReadOptions {
  /** Spares the probe if the tip was confirmed this recently. Default 0: the read is strong. */
  readonly maxStalenessMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Counts this read's requests and bytes too. */
  readonly meter?: Meter | undefined;
}

export interface ListOptions {
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StoredAndBytes {
  readonly stored: StoredKey;
  readonly bytes: Uint8Array;
}

export function userKey(key: Key): StoredAndBytes {
  const bytes = inSpace(USER_SPACE, encodeKey(key));
  return { stored: toStoredKey(bytes), bytes };
}

/** Keys to get, or a message that says what they must be. */
export function checkKeys(keys: readonly Key[]): readonly Key[] {
  if (Array.isArray(keys)) return keys;
  throw new TypeError(`getMany: expected an array of keys, found ${keys === null ? 'null' : typeof keys}.`);
}

/** The bounds of a range where order and limit have no meaning: given, they are refused rather than ignored. */
export function userBounds(range: KeyRange): Bounds {
  if (range === undefined)
    throw new TypeError('expected a range such as { prefix: key }, found undefined; {} stands for all keys');
  return boundsInSpace(USER_SPACE, keyBounds(range));
}

export interface ParsedRange {
  readonly bounds: Bounds;
  readonly reverse: boolean;
  /** Infinity: no limit. */
  readonly limit: number;
}

export function userRange(range: Range | undefined, options: ListOptions = {}): ParsedRange {
  // What is no range is left to `keyBounds` to refuse.
  const isFields = typeof range === 'object' && range !== null && !Array.isArray(range);
  const { reverse, limit, ...fields } = (isFields ? range : {}) as Range & Record<string, unknown>;
  const keys = isFields ? fields : range;
  const most = options.limit ?? limit ?? Number.POSITIVE_INFINITY;
  if (
    typeof most !== 'number' ||
    !(most >= 0) ||
    (most !== Number.POSITIVE_INFINITY && !Number.isInteger(most))
  )
    throw new RangeError(`limit: expected a whole number from 0, found ${String(most)}.`);
  const bounds = boundsInSpace(USER_SPACE, keyBounds(keys as KeyRange | undefined));
  return { bounds, reverse: options.reverse ?? reverse ?? false, limit: most };
}

export function toEntry(
  key: Uint8Array,
  { version, order }: { version: number; order: number },
  value: unknown,
): Entry {
  const own = version === OWN_VERSION;
  return {
    key: decodeKey(key.subarray(1)),
    value,
    version: own ? 0 : version,
    versionstamp: own ? '' : formatVersionstamp({ version, order }),
  };
}

export function entryOf(key: Uint8Array, found: TailEntry | undefined): Entry | undefined {
  if (found?.value === undefined) return undefined;
  return toEntry(key, found, decodeValue(found.value));
}

/** What a scan yields: entries, or with `keysOnly` the keys. */
export async function* liveEntries(
  cursor: ScanCursor,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Entry, void, undefined> {
  if (limit === 0) return;
  let left = limit;
  for (await cursor.start(); !cursor.done; ) {
    signal?.throwIfAborted();
    if (!cursor.tombstone) {
      const value = cursor.value();
      yield toEntry(cursor.key, cursor, decodeValue(value instanceof Uint8Array ? value : await value));
      if (--left === 0) return;
    }
    const pending = cursor.next();
    if (pending) await pending;
  }
}

export async function* liveKeys(
  cursor: ScanCursor,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<KeyTuple, void, undefined> {
  if (limit === 0) return;
  let left = limit;
  for (await cursor.start(); !cursor.done; ) {
    signal?.throwIfAborted();
    if (!cursor.tombstone) {
      yield decodeKey(cursor.key.subarray(1));
      if (--left === 0) return;
    }
    const pending = cursor.next();
    if (pending) await pending;
  }
}

export async function countLive(
  cursor: ScanCursor,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let count = 0;
  for (await cursor.start(); !cursor.done && count < limit; ) {
    if (!cursor.tombstone) count++;
    if (count % 4096 === 0) signal?.throwIfAborted();
    const pending = cursor.next();
    if (pending) await pending;
  }
  return count;
}
