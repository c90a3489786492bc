/**
 * Merges segments into new ones: the newest write of every key, and of deletions those that somebody may miss
 * (droppable.ts). Reads past the cache of the database, which others use meanwhile.
 *
 * Invariant: whatever the inputs say together with all that is live beside them, the outputs say in their place: of
 * every key the same newest write, but for deletions that hide nothing and that nobody can ask after.
 */
import {
  BlockCache,
  type Cursor,
  compareBytes,
  decodeStream,
  type Entry,
  type ObjectId,
  type RangeTombstone,
  type SegmentDescriptor,
  type SegmentEntry,
  toHex,
  WindowBudget,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { RangeTombstones, toFragment, toRangeTombstone } from '../state/range-tombstones.js';
import { compareStamps, type Stamp } from '../state/versionstamp.js';
import type { Droppable } from './droppable.js';
import { type Cutting, MergeOutput } from './merge-output.js';
import { MergeWalk } from './merge-walk.js';

/** Their meta chunks, and a few blocks. */
const CACHE_BYTES = 8 * 1024 * 1024;
/** What all of them read ahead together. */
const WINDOWS_BYTES = 8 * 1024 * 1024;
/** So often others get a turn, in entries and in bytes of values. */
const TURN_ENTRIES = 256;
const TURN_BYTES = 128 * 1024;

export interface Merged {
  readonly outputs: readonly SegmentDescriptor[];
  /** Parts of streams that were overwritten or deleted. */
  readonly deadParts: readonly ObjectId[];
}

export interface MergeOptions extends CallOptions, Cutting {
  readonly baseVersion: number;
  readonly droppable: Droppable;
  /** Lets others have a turn. @param bytes that were gone through since the last call. */
  readonly turn: (bytes: number) => Promise<void>;
}

export async function merge(
  context: Context,
  segments: readonly SegmentEntry[],
  { baseVersion, droppable, turn, signal, meter, ...cutting }: MergeOptions,
): Promise<Merged> {
  const calls = { signal, meter };
  const readers = context.segments.apart(new BlockCache(CACHE_BYTES));
  const lists = await Promise.all(
    segments.filter(({ ranges }) => ranges > 0).map((segment) => readers.of(segment).ranges(calls)),
  );
  const ranges = laidOver(lists.flat());
  const kept = ranges.filter(({ begin, end, version }) => !droppable.mayDropRange(begin, end, version));
  const output = new MergeOutput(context, baseVersion, cutting, kept, calls, turn);
  const windows = new WindowBudget(WINDOWS_BYTES);
  const begin = new Uint8Array(0);
  const walk = new MergeWalk(segments, (segment) =>
    readers.of(segment).cursor({ begin, end: undefined, long: true, windows, ...calls }),
  );
  const covers = new Covers(ranges);
  const dead = new Map<string, ObjectId>();
  let [entries, bytes] = [0, 0];
  await walk.start();
  for (let newest = walk.newest; newest; newest = walk.newest) {
    const range = covers.over(newest.key);
    const isHidden = range !== undefined && compareStamps(range, newest) > 0;
    const entry = isHidden ? undefined : await surviving(newest, droppable);
    if (entry) {
      bytes += entry.value?.length ?? 0;
      await output.add(entry);
    }
    const isStream = entry?.stream === true;
    for (const id of await partsOf(isStream ? walk.older : [newest, ...walk.older])) dead.set(toHex(id), id);
    if (isStream) for (const id of await partsOf([newest])) dead.delete(toHex(id));
    if (++entries >= TURN_ENTRIES || bytes >= TURN_BYTES) {
      await turn(bytes);
      [entries, bytes] = [0, 0];
      signal?.throwIfAborted();
    }
    await walk.next();
  }
  return { outputs: await output.finish(), deadParts: [...dead.values()] };
}

/** Range tombstones laid over each other: of each stretch the newest. */
function laidOver(all: readonly RangeTombstone[]): RangeTombstone[] {
  const laid = RangeTombstones.none.with(all.map((range) => toFragment(range, range)));
  return Array.from(laid.all(), toRangeTombstone);
}

/** What is left of a key's newest entry, if anything is. */
async function surviving(cursor: Cursor, droppable: Droppable): Promise<Entry | undefined> {
  const { key, version, order, expiresMs, stream } = cursor;
  if (cursor.tombstone || droppable.isExpired(expiresMs))
    return droppable.mayDrop(key, version) ? undefined : { key, version, order, value: undefined };
  const value = await cursor.value();
  return {
    key,
    version,
    order,
    value,
    expiresMs: expiresMs || undefined,
    stream: stream ? true : undefined,
  };
}

/** The parts of the streams that these entries describe. */
async function partsOf(cursors: readonly Cursor[]): Promise<ObjectId[]> {
  const parts: ObjectId[] = [];
  for (const cursor of cursors)
    if (cursor.stream) parts.push(...decodeStream(await cursor.value(), 'a stream that was replaced').parts);
  return parts;
}

/** The range tombstones over keys that ascend. */
class Covers {
  readonly #ranges: readonly RangeTombstone[];
  #next = 0;

  constructor(ranges: readonly RangeTombstone[]) {
    this.#ranges = ranges;
  }

  over(key: Uint8Array): Stamp | undefined {
    while (this.#next < this.#ranges.length && compareBytes(this.#ranges[this.#next]!.end, key) <= 0)
      this.#next++;
    const range = this.#ranges[this.#next];
    return range && compareBytes(range.begin, key) <= 0 ? range : undefined;
  }
}
