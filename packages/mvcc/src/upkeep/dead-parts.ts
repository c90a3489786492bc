/**
 * Parts of streams that nothing names any more: the key was written again, or deleted. A merge takes those out whose
 * descriptor it drops (merge.ts); these are the others, whose descriptor was replaced before it came into a segment.
 *
 * Invariant: a part is dead once the newest write of its key names others, or none. A descriptor is written once, in the
 * record that brings its parts, so no later write names them again.
 */
import { decodeStream, type ObjectId, type SegmentEntry, toHex } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type StoredKey, toStoredKey } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { View } from '../state/view.js';

/** As far as memory tells: what is asked of no segment. */
export function deadPartsInMemory(view: View): ObjectId[] {
  return Array.from(byKey(view)).flatMap(([stored, parts]) => {
    const newest = view.tail.get(stored) ?? view.flushed.get(stored);
    return newest ? deadAmong(parts, newest) : [];
  });
}

/** All of them. */
export async function deadParts(view: View, options: CallOptions = {}): Promise<ObjectId[]> {
  const dead: ObjectId[] = [];
  for (const [stored, parts] of byKey(view))
    dead.push(...deadAmong(parts, await view.get(stored, parts[0]!.firstKey, options)));
  return dead;
}

function byKey({ manifest }: View): Map<StoredKey, SegmentEntry[]> {
  const keys = new Map<StoredKey, SegmentEntry[]>();
  for (const part of manifest.parts.values()) {
    const stored = toStoredKey(part.firstKey);
    const known = keys.get(stored);
    if (known) known.push(part);
    else keys.set(stored, [part]);
  }
  return keys;
}

function deadAmong(parts: readonly SegmentEntry[], newest: TailEntry | undefined): ObjectId[] {
  const named = newest?.stream ? decodeStream(newest.value!, 'the newest write of a stream').parts : [];
  const live = new Set(named.map(toHex));
  return parts.map(({ id }) => id).filter((id) => !live.has(toHex(id)));
}
