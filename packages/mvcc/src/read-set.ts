/** What a transaction has read, and whether someone has written it since. */
import type { CallOptions } from '@holdfast/object-store';
import { type Bounds, fromStoredKey, type StoredKey, toStoredKey } from './space.js';
import type { View } from './view.js';

export class ReadSet {
  readonly #points = new Set<StoredKey>();
  readonly #ranges: Bounds[] = [];

  get isEmpty(): boolean {
    return this.#points.size === 0 && this.#ranges.length === 0;
  }

  addPoint(key: StoredKey): void {
    this.#points.add(key);
  }

  addRange(bounds: Bounds): void {
    this.#ranges.push(bounds);
  }

  /** Whether any of these writes hits what was read. */
  overlaps(written: ReadonlySet<StoredKey>): boolean {
    if (written.size === 0) return false;
    const [few, many] = this.#points.size < written.size ? [this.#points, written] : [written, this.#points];
    for (const key of few) if (many.has(key)) return true;
    for (const bounds of this.#ranges) {
      const begin = toStoredKey(bounds.begin);
      const end = bounds.end && toStoredKey(bounds.end);
      for (const key of written) if (key >= begin && (end === undefined || key < end)) return true;
    }
    return false;
  }

  /**
   * Whether anything that was read at `readVersion` was written after it, as of `view`. A write since then
   * lies in the tail or in a segment whose newest entry is newer too, so nothing else is asked.
   */
  async isOverwrittenIn(view: View, readVersion: number, options: CallOptions = {}): Promise<boolean> {
    if (view.version <= readVersion) return false;
    for (const key of this.#points) if ((view.tail.get(key)?.version ?? 0) > readVersion) return true;
    for (const bounds of this.#ranges) if (tailHasWrite(view, bounds, readVersion)) return true;
    if (!view.manifest.entries.some((segment) => segment.maxVersion > readVersion)) return false;
    for (const key of this.#points) {
      const newest = await view.get(key, fromStoredKey(key), options, readVersion);
      if (newest && newest.version > readVersion) return true;
    }
    for (const bounds of this.#ranges) {
      const cursor = view.scan(bounds, { ...options, keysOnly: true, newerThan: readVersion });
      for (await cursor.start(); !cursor.done; await cursor.next())
        if (cursor.version > readVersion) return true;
    }
    return false;
  }
}

function tailHasWrite(view: View, bounds: Bounds, readVersion: number): boolean {
  const end = bounds.end && toStoredKey(bounds.end);
  const map = view.tail.all;
  let pair = map.getPairOrNextHigher(toStoredKey(bounds.begin));
  for (; pair && (end === undefined || pair[0] < end); pair = map.nextHigherPair(pair[0]))
    if (pair[1].version > readVersion) return true;
  return false;
}
