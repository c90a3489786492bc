/** From stored entries to what users see: decoded keys and values, tombstones left out. */
import {
  decodeKey,
  decodeStream,
  decodeValue,
  encodeKey,
  encodeKeyIn,
  encodeValue,
  type Key,
  type KeyRange,
  type KeyTuple,
  keyBounds,
} from '@holdfast/core';
import type { Meter } from '@holdfast/object-store';
import { kindOf } from '../context/call-options.js';
import { alive } from '../state/alive.js';
import {
  type Bounds,
  boundsInSpace,
  type StoredAndBytes,
  type StoredKey,
  toStoredKey,
  tupleOf,
  USER_SPACE,
} from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import { formatVersionstamp, OWN_VERSION, type Versionstamp } from '../state/versionstamp.js';
import { StreamValue } from './stream-value.js';

/** A key with its value and the transaction that wrote it. */
export interface Entry<V = unknown> {
  readonly key: KeyTuple;
  readonly value: V;
  /** The record that wrote it; 0: this transaction, not committed yet. */
  readonly version: number;
  /** The transaction that wrote it; empty: this one, not committed yet. */
  readonly versionstamp: Versionstamp;
  /** When it begins to read as absent; not there: it stays. */
  readonly expiresAt?: Date;
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

/** What `ListOptions` and `ReadOptions` know, for those who refuse what they don't. */
export const LIST_OPTIONS = ['reverse', 'limit', 'signal'] as const;

/** The string is made when the tail is asked for it: most reads of a flushed state need none. */
class UserKey implements StoredAndBytes {
  readonly bytes: Uint8Array;
  #stored: StoredKey | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get stored(): StoredKey {
    this.#stored ??= toStoredKey(this.bytes);
    return this.#stored;
  }
}

export function userKey(key: Key): StoredAndBytes {
  return new UserKey(encodeKeyIn(USER_SPACE, key));
}

/** Many keys, encoded at once: the caller may use its array again. */
export function userKeys(keys: readonly Key[]): StoredAndBytes[] {
  if (Array.isArray(keys)) return keys.map(userKey);
  throw new TypeError(`getMany: expected an array of keys, found ${kindOf(keys)}.`);
}

/** @throws TypeError for undefined, which is absence. */
export function userValue(value: unknown): Uint8Array {
  if (value === undefined)
    throw new TypeError(
      'set: expected a value, found undefined. Use delete() to remove a key, or store null.',
    );
  return encodeValue(value);
}

/** The bounds of a range where order and limit have no meaning: given, they are refused rather than ignored. */
export function userBounds(range: KeyRange): Bounds {
  if (range === undefined)
    throw new TypeError('expected a range such as { prefix: key }, found undefined; {} stands for all keys');
  return boundsInSpace(USER_SPACE, keyBounds(range));
}

/** The range as it is now: its keys are copies. */
export function ownRange(range: KeyRange | undefined): KeyRange {
  if (range === undefined) return {};
  keyBounds(range);
  const bounds = Object.entries(range) as [keyof KeyRange, Key | undefined][];
  return Object.fromEntries(
    bounds.map(([field, key]) => [field, key === undefined ? key : decodeKey(encodeKey(key))]),
  );
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

/** A range for its first key only. */
export function firstRange(
  range: Range | undefined,
  options: { reverse?: boolean | undefined },
): ParsedRange {
  if (range?.limit !== undefined)
    throw new TypeError('first: expected a range without limit, found one; use list() for several entries.');
  return userRange(range, { reverse: options.reverse, limit: 1 });
}

export function toEntry(
  key: Uint8Array,
  { version, order, expiresMs }: { version: number; order: number; expiresMs?: number | undefined },
  value: unknown,
): Entry {
  const own = version === OWN_VERSION;
  const entry = {
    key: tupleOf(key),
    value,
    version: own ? 0 : version,
    versionstamp: own ? '' : formatVersionstamp({ version, order }),
  };
  // A cursor says 0 for one that stays.
  return expiresMs ? { ...entry, expiresAt: new Date(expiresMs) } : entry;
}

/**
 * What users see of a stored value: the only rule, for all reads.
 * @param stored what stands there, and whether it is the descriptor of a stream.
 */
export function userValueOf({
  value,
  stream,
}: {
  readonly value: Uint8Array;
  readonly stream?: boolean | undefined;
}): unknown {
  return stream
    ? new StreamValue(decodeStream(value, 'The descriptor of a stream').length)
    : decodeValue(value);
}

/** What a user who reads at `nowMs` finds. */
export function entryOf(key: Uint8Array, found: TailEntry | undefined, nowMs: number): Entry | undefined {
  const live = alive(found, nowMs);
  return live && toEntry(key, live, userValueOf(live));
}

/** Its value alone. */
export function liveValueOf(found: TailEntry | undefined, nowMs: number): unknown {
  const live = alive(found, nowMs);
  return live && userValueOf(live);
}
