/** The one place that spells the names of objects in the bucket. */
import { toHex } from './bytes.js';

const VERSION_DIGITS = 14;
export const MAX_VERSION: number = Number.MAX_SAFE_INTEGER;

export const LOG_PREFIX = 'log/';
export const SEGMENT_PREFIX = 'seg/';
export const PAGE_PREFIX = 'man/';
export const TILE_PREFIX = 'tile/';
export const INTENT_PREFIX = 'int/';

/** 24 bytes: base version (8, big-endian), random (16). */
export type ObjectId = Uint8Array;
export const OBJECT_ID_BYTES = 24;

/** `log/` and 14 hex digits of 2^53-1-version: ascending names are descending versions, newest first. */
export function recordName(version: number): string {
  return LOG_PREFIX + (MAX_VERSION - version).toString(16).padStart(VERSION_DIGITS, '0');
}

/** The version a record's name stands for; undefined where the name is none of ours. */
export function parseRecordName(name: string): number | undefined {
  if (!name.startsWith(LOG_PREFIX)) return undefined;
  const digits = name.slice(LOG_PREFIX.length);
  if (!/^[0-9a-f]{14}$/.test(digits)) return undefined;
  const version = MAX_VERSION - Number.parseInt(digits, 16);
  return version >= 1 ? version : undefined;
}

/** `seg/<base version>-<random>` or `man/<base version>-<random>`, both parts in hex. */
export function objectName(prefix: typeof SEGMENT_PREFIX | typeof PAGE_PREFIX, id: ObjectId): string {
  const hex = toHex(id);
  return `${prefix}${hex.slice(2, 16)}-${hex.slice(16)}`;
}

/** The base version of a segment or page of this name; undefined where the name is none of ours. */
export function parseBaseVersion(name: string): number | undefined {
  const parts = /^(?:seg|man)\/([0-9a-f]{14})-[0-9a-f]{32}$/.exec(name);
  if (!parts) return undefined;
  const base = Number.parseInt(parts[1]!, 16);
  return base <= MAX_VERSION ? base : undefined;
}

/** `int/<writer id in hex>/<k>`: the intents of one writer under one prefix. */
export function intentName(writerId: Uint8Array, k: number): string {
  return `${INTENT_PREFIX}${toHex(writerId)}/${k}`;
}

/** The intent that a name stands for; undefined where the name is none of ours. */
export function parseIntentName(name: string): { writerId: Uint8Array; k: number } | undefined {
  const parts = /^int\/([0-9a-f]{32})\/([1-9][0-9]{0,15})$/.exec(name);
  if (!parts) return undefined;
  const k = Number(parts[2]);
  if (!Number.isSafeInteger(k)) return undefined;
  return { writerId: Uint8Array.from(parts[1]!.match(/../g)!, (byte) => Number.parseInt(byte, 16)), k };
}

/** Hashes in a complete tile of the history tree. */
export const TILE_WIDTH = 256;

/**
 * `tile/<level>/<index>` and for a partial tile `.p/<width>` (C2SP tlog-tiles): the index in groups of three digits,
 * every group but the last after an `x`, so that 1234067 is `x001/x234/067`.
 */
export function tileName({
  level,
  index,
  width,
}: {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g)!;
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `${TILE_PREFIX}${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** The tile that a name stands for; undefined where the name is none of ours. */
export function parseTileName(name: string): { level: number; index: number; width: number } | undefined {
  const parts = /^tile\/([0-9])\/((?:x[0-9]{3}\/){0,4}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(name);
  if (!parts) return undefined;
  const index = Number(parts[2]!.replace(/[x/]/g, ''));
  const tile = {
    level: Number(parts[1]),
    index,
    width: parts[3] === undefined ? TILE_WIDTH : Number(parts[3]),
  };
  // Each tile has one name.
  return tileName(tile) === name && (parts[3] === undefined || tile.width < TILE_WIDTH) ? tile : undefined;
}
