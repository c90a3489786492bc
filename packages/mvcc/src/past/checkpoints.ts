/** Checkpoints: durable names for versions, which GC leaves alone. Entries of the system space. */
import { corrupt, decodeKey, decodeValue, encodeKey, encodeValue } from '@holdfast/core';
import { boundsInSpace, inSpace, type StoredAndBytes, SYSTEM_SPACE, toStoredKey } from '../state/space.js';
import type { View } from '../state/view.js';

/** A named version. */
export interface Checkpoint {
  readonly name: string;
  readonly version: number;
  readonly time: Date;
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

export function encodeCheckpoint(version: number, timeMs: number): Uint8Array {
  return encodeValue({ version, timeMs });
}

export async function listCheckpoints(view: View, signal?: AbortSignal): Promise<Checkpoint[]> {
  const prefix = encodeKey(['checkpoint']);
  const end = Uint8Array.of(...prefix, 0xff);
  const cursor = view.scan(boundsInSpace(SYSTEM_SPACE, { begin: prefix, end }), { signal });
  const found: Checkpoint[] = [];
  for (await cursor.start(); !cursor.done; await cursor.next()) {
    if (cursor.tombstone) continue;
    found.push(toCheckpoint(cursor.key, await cursor.value()));
  }
  return found;
}

function toCheckpoint(key: Uint8Array, value: Uint8Array): Checkpoint {
  const [, name, ...more] = decodeKey(key.subarray(1));
  const { version, timeMs } = (decodeValue(value) ?? {}) as Record<string, unknown>;
  const time = new Date(timeMs as number);
  const isWhole = Number.isSafeInteger(version) && (version as number) >= 1 && typeof timeMs === 'number';
  if (typeof name !== 'string' || more.length > 0 || !isWhole || Number.isNaN(time.getTime()))
    throw corrupt(
      'The entry of a checkpoint',
      'expected ["checkpoint", name] and { version, timeMs }, found something else',
    );
  return { name, version: version as number, time };
}
