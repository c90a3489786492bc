/**
 * Checkpoints: durable names for versions. Entries of the system space.
 *
 * Invariant: the version that a checkpoint names was retained when it was committed. It is the one that its transaction
 * read, which is refused below the version before the floor; and no record from there on has been collected. From then
 * on garbage collection leaves alone what it names, and its hash tells that the record is the one that was meant, also
 * where no slot proves anything any more.
 */
import {
  corrupt,
  decodeKey,
  decodeValue,
  encodeKey,
  encodeValue,
  HASH_BYTES,
  isUint8Array,
} from '@holdfast/core';
import { boundsInSpace, inSpace, type StoredAndBytes, SYSTEM_SPACE, toStoredKey } from './space.js';
import type { View } from './view.js';

/** A named version. */
export interface Checkpoint {
  readonly name: string;
  readonly version: number;
  readonly time: Date;
}

/** With its record's hash, 32 bytes. */
export interface HeldCheckpoint extends Checkpoint {
  readonly hash: Uint8Array;
}

const NAME_CHARACTERS_MAX = 256;

export function checkpointKey(name: string): StoredAndBytes {
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_CHARACTERS_MAX)
    throw new TypeError(
      `checkpoint: expected a name of 1 to ${NAME_CHARACTERS_MAX} characters, found ${JSON.stringify(name)}.`,
    );
  const bytes = inSpace(SYSTEM_SPACE, encodeKey(['checkpoint', name]));
  return { stored: toStoredKey(bytes), bytes };
}

export function encodeCheckpoint(named: {
  readonly version: number;
  readonly timeMs: number;
  readonly hash: Uint8Array;
}): Uint8Array {
  const { version, timeMs, hash } = named;
  return encodeValue({ version, timeMs, hash });
}

export async function listCheckpoints(view: View, signal?: AbortSignal): Promise<HeldCheckpoint[]> {
  const prefix = encodeKey(['checkpoint']);
  const end = Uint8Array.of(...prefix, 0xff);
  const cursor = view.scan(boundsInSpace(SYSTEM_SPACE, { begin: prefix, end }), { signal });
  const found: HeldCheckpoint[] = [];
  for (await cursor.start(); !cursor.done; await cursor.next()) {
    if (cursor.tombstone) continue;
    found.push(toCheckpoint(cursor.key, await cursor.value()));
  }
  return found;
}

function toCheckpoint(key: Uint8Array, value: Uint8Array): HeldCheckpoint {
  const [, name, ...more] = decodeKey(key.subarray(1));
  const { version, timeMs, hash } = (decodeValue(value) ?? {}) as Record<string, unknown>;
  const time = new Date(timeMs as number);
  const isWhole =
    Number.isSafeInteger(version) &&
    (version as number) >= 1 &&
    typeof timeMs === 'number' &&
    isUint8Array(hash) &&
    hash.length === HASH_BYTES;
  if (typeof name !== 'string' || more.length > 0 || !isWhole || Number.isNaN(time.getTime()))
    throw corrupt(
      'The entry of a checkpoint',
      'expected ["checkpoint", name] and { version, timeMs, hash }, found something else',
    );
  return { name, version: version as number, time, hash };
}
