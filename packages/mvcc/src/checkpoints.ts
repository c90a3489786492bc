/** Checkpoints: durable names for versions, which GC leaves alone. Entries of the system space. */
import { decodeKey, decodeValue, encodeKey, encodeValue } from '@holdfast/core';
import type { StoredAndBytes } from './entry-reader.js';
import { boundsInSpace, inSpace, SYSTEM_SPACE, toStoredKey } from './space.js';
import type { View } from './view.js';

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
    const { version, timeMs } = decodeValue(await cursor.value()) as { version: number; timeMs: number };
    found.push({ name: decodeKey(cursor.key.subarray(1))[1] as string, version, time: new Date(timeMs) });
  }
  return found;
}
