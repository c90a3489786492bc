/**
 * What was written between two versions of a state, key by key.
 *
 * Invariant: a key that was deleted as a part of a range comes where it was there before, though nothing was written of
 * it alone.
 */
import { type Cursor, compareBytes } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Held } from '../state/alive.js';
import type { RangeTombstones } from '../state/range-tombstones.js';
import { type Bounds, fromStoredKey, toStoredKey } from '../state/space.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';

/** A key's newest write, and what it held before and holds now. */
export interface Rewritten extends Stamp {
  readonly key: Uint8Array;
  readonly before: Held | undefined;
  readonly after: Held | undefined;
}

/** The keys in `bounds` that were written after `older`, as of `newer`, in order. */
export async function* writtenBetween(
  older: View,
  newer: View,
  bounds: Bounds,
  calls: CallOptions,
): AsyncGenerator<Rewritten, void, undefined> {
  if (older.version < newer.floor - 1) {
    yield* allBetween(older, newer, bounds, calls);
    return;
  }
  const written = newer.scan(bounds, { ...calls, newerThan: older.version });
  const ranges = await newer.rangesAfter(bounds, older.version, calls);
  const deleted = deletedKeys(older, ranges, calls);
  let gone = await deleted.next();
  for (await written.start(); !written.done || !gone.done; ) {
    const order = written.done ? 1 : gone.done ? -1 : compareBytes(written.key, gone.value!.key);
    if (order > 0) {
      yield gone.value!;
      gone = await deleted.next();
      continue;
    }
    if (order === 0) gone = await deleted.next();
    if (written.version > older.version) {
      const key = written.key.slice();
      const { version, order } = written;
      const after = await heldAt(written);
      yield { key, version, order, before: await older.get(toStoredKey(key), key, calls), after };
    }
    await written.next();
  }
}

/**
 * The same of a version below the floor (a checkpoint's, or a snapshot's that is still held): of what was deleted until
 * the floor nothing tells any more, so all keys of both are gone through. Who has deleted such a key is not known: its
 * stamp is the floor's.
 */
async function* allBetween(
  older: View,
  newer: View,
  bounds: Bounds,
  calls: CallOptions,
): AsyncGenerator<Rewritten, void, undefined> {
  const [was, is] = [older.scan(bounds, calls), newer.scan(bounds, calls)];
  await Promise.all([was.start(), is.start()]);
  while (!was.done || !is.done) {
    const order = was.done ? 1 : is.done ? -1 : compareBytes(was.key, is.key);
    if (order < 0 && !was.tombstone)
      yield {
        key: was.key.slice(),
        version: newer.floor,
        order: 0,
        before: await heldAt(was),
        after: undefined,
      };
    if (order >= 0 && is.version > older.version) {
      const { version, order: place } = is;
      const before = order === 0 && !was.tombstone ? await heldAt(was) : undefined;
      yield { key: is.key.slice(), version, order: place, before, after: await heldAt(is) };
    }
    if (order <= 0) await was.next();
    if (order >= 0) await is.next();
  }
}

/** The keys of `older` that lie under the ranges. */
async function* deletedKeys(
  older: View,
  ranges: RangeTombstones,
  calls: CallOptions,
): AsyncGenerator<Rewritten, void, undefined> {
  for (const { begin, end, version, order } of ranges.all()) {
    const cursor = older.scan({ begin: fromStoredKey(begin), end: fromStoredKey(end) }, calls);
    for (await cursor.start(); !cursor.done; await cursor.next()) {
      if (cursor.tombstone) continue;
      yield { key: cursor.key.slice(), version, order, before: await heldAt(cursor), after: undefined };
    }
  }
}

/** What the key holds that a walk stands on: bytes of its own. */
async function heldAt(cursor: Cursor): Promise<Held> {
  if (cursor.tombstone) return { value: undefined };
  const { expiresMs, stream } = cursor;
  const value = (await cursor.value()).slice();
  return { value, expiresMs: expiresMs || undefined, stream: stream ? true : undefined };
}
