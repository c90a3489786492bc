/** What a transaction has read, and whether someone has written it since. */
import { compareBytes, type KeysRead } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { RangeTombstones } from '../state/range-tombstones.js';
import { type Bounds, fromStoredKey, type StoredKey, toStoredKey } from '../state/space.js';
import type { View } from '../state/view.js';
import type { GroupWrites } from './group-writes.js';
import { type Looks, newLooks } from './looks.js';

export class ReadSet {
  /** Of whoever has read nothing, and will not. */
  static readonly none: ReadSet = new ReadSet();
  readonly #points = new Set<StoredKey>();
  readonly #ranges: Bounds[] = [];

  get isEmpty(): boolean {
    return this.#points.size === 0 && this.#ranges.length === 0;
  }

  static from({ points, ranges }: KeysRead): ReadSet {
    const reads = new ReadSet();
    for (const key of points) reads.addPoint(toStoredKey(key));
    for (const bounds of ranges) reads.addRange(bounds);
    return reads;
  }

  /** Of whoever has read all there is. */
  static get everything(): ReadSet {
    const reads = new ReadSet();
    reads.addRange({ begin: new Uint8Array(0), end: undefined });
    return reads;
  }

  static union(all: readonly ReadSet[]): ReadSet {
    const union = new ReadSet();
    for (const reads of all) {
      for (const key of reads.#points) union.addPoint(key);
      for (const bounds of reads.#ranges) union.addRange(bounds);
    }
    return union;
  }

  /** As an intent says it. */
  toKeysRead(): KeysRead {
    const points = [...this.#points].sort();
    return { points: points.map(fromStoredKey), ranges: this.#ranges };
  }

  addPoint(key: StoredKey): void {
    this.#points.add(key);
  }

  addRange(bounds: Bounds): void {
    this.#ranges.push(bounds);
  }

  /** Whether any of these writes hits what was read. */
  overlaps({ keys, ranges }: Pick<GroupWrites, 'keys' | 'ranges'>): boolean {
    const [few, many] = this.#points.size < keys.size ? [this.#points, keys] : [keys, this.#points];
    for (const key of few.keys()) if (many.has(key)) return true;
    if (ranges.size > 0) for (const key of this.#points) if (ranges.over(key)) return true;
    for (const bounds of this.#ranges) {
      const begin = toStoredKey(bounds.begin);
      const end = bounds.end && toStoredKey(bounds.end);
      if (ranges.isAnyAfter(begin, end, -1)) return true;
      for (const key of keys.keys()) if (key >= begin && (end === undefined || key < end)) return true;
    }
    return false;
  }

  /** Whether it has a key, or a stretch, in common with what another has read. */
  meets(other: ReadSet): boolean {
    for (const key of this.#points) if (other.#points.has(key) || other.#reaches(key)) return true;
    for (const key of other.#points) if (this.#reaches(key)) return true;
    return this.#ranges.some((mine) => other.#ranges.some((theirs) => isOverlap(mine, theirs)));
  }

  /** Whether what a transaction does to keys hits what was read. */
  isHitBy(changes: ReadonlyMap<StoredKey, unknown>, deleted: RangeTombstones): boolean {
    return this.overlaps({ keys: changes, ranges: deleted });
  }

  #reaches(key: StoredKey): boolean {
    if (this.#ranges.length === 0) return false;
    const bytes = fromStoredKey(key);
    return this.#ranges.some(
      ({ begin, end }) => compareBytes(begin, bytes) <= 0 && (!end || compareBytes(bytes, end) < 0),
    );
  }

  /** Whether anything that was read was written after `version`, as of `view`. */
  async isOverwrittenIn(view: View, version: number, options: CallOptions = {}): Promise<boolean> {
    if (this.isOverwrittenInMemory(view, version)) return true;
    return this.isOverwrittenInSegments(view, version, options);
  }

  /** As far as memory tells: what lies in segments alone is not looked at. */
  isOverwrittenInMemory(view: View, version: number): boolean {
    if (view.version <= version) return false;
    for (const key of this.#points) if (view.isWrittenAfter(key, version)) return true;
    for (const bounds of this.#ranges) if (view.hasWriteAfter(bounds, version)) return true;
    return false;
  }

  /** Whether `isOverwrittenInSegments()` has anything to look at. */
  needsSegments(view: View, version: number): boolean {
    return view.newestBeyondMemory > version && view.version > version && !this.isEmpty;
  }

  /**
   * The rest: a write since `version` that is not in memory lies in a segment whose newest entry is newer too. All
   * keys and ranges are asked for at once.
   * @param looks bounds how many are under way.
   */
  async isOverwrittenInSegments(
    view: View,
    version: number,
    options: CallOptions = {},
    looks: Looks = newLooks(),
  ): Promise<boolean> {
    if (!this.needsSegments(view, version)) return false;
    const segments = view.segmentsBeyondMemory(version + 1);
    let found = false;
    const ask = (look: () => Promise<boolean>): Promise<void> =>
      looks(async () => {
        if (!found && (await look())) found = true;
      });
    await Promise.all([
      ...Array.from(this.#points, (key) =>
        ask(() => view.isWrittenAfterIn(segments, fromStoredKey(key), version, options)),
      ),
      ...this.#ranges.map((bounds) => ask(() => hasWriteAfter(view, bounds, version, options))),
    ]);
    return found;
  }
}

function isOverlap(a: Bounds, b: Bounds): boolean {
  return (!b.end || compareBytes(a.begin, b.end) < 0) && (!a.end || compareBytes(b.begin, a.end) < 0);
}

async function hasWriteAfter(
  view: View,
  bounds: Bounds,
  version: number,
  options: CallOptions,
): Promise<boolean> {
  const ranges = await view.rangesAfter(bounds, version, { ...options, beyondMemory: true });
  if (ranges.size > 0) return true;
  const cursor = view.scan(bounds, { ...options, keysOnly: true, newerThan: version, beyondMemory: true });
  for (await cursor.start(); !cursor.done; await cursor.next()) if (cursor.version > version) return true;
  return false;
}
