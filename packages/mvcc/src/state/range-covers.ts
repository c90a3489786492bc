/**
 * The range tombstones that a walk has to look through: those in memory and those of each segment that it comes to.
 *
 * Invariant: what they answer is the newest one over a key. Nothing is built for it, however many there are: each list
 * is searched where it lies, and only when the walk leaves the stretch of keys for which the answer is known.
 */
import { compareBytes, type RangeTombstone, rangeAfter } from '@holdfast/core';
import type { RangeTombstones } from './range-tombstones.js';
import { fromStoredKey, toStoredKey } from './space.js';
import { compareStamps, type Stamp } from './versionstamp.js';

/** Keys around one that was asked for, as far as one answer holds. Undefined bounds: no end. */
interface Stretch {
  readonly begin: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
  /** Who deleted them last. */
  readonly stamp: Stamp | undefined;
}

type Search = (key: Uint8Array) => Stretch;

export class RangeCovers {
  readonly #searches: Search[] = [];
  #known: Stretch | undefined;

  /** Those in memory. */
  addMemory(ranges: RangeTombstones): void {
    if (ranges.size > 0) this.#add((key) => inMemory(ranges, key));
  }

  /** Those of a segment: ascending, none over another. */
  addList(ranges: readonly RangeTombstone[]): void {
    if (ranges.length > 0) this.#add((key) => inList(ranges, key));
  }

  /** There is none over any key. */
  get isEmpty(): boolean {
    return this.#searches.length === 0;
  }

  #add(search: Search): void {
    this.#searches.push(search);
    this.#known = undefined;
  }

  /** The newest one over the key. */
  over(key: Uint8Array): Stamp | undefined {
    if (this.#searches.length === 0) return undefined;
    if (this.#known === undefined || !lies(key, this.#known)) this.#known = this.#around(key);
    return this.#known.stamp;
  }

  /** The first key from `key` on that no range of after `version` lies over. */
  pastThoseAfter(version: number, key: Uint8Array): Uint8Array {
    let at = key;
    for (;;) {
      const stretch = this.#searches
        .map((search) => search(at))
        .find(({ stamp }) => stamp !== undefined && stamp.version > version);
      if (stretch === undefined) return at;
      at = stretch.end!;
    }
  }

  #around(key: Uint8Array): Stretch {
    let { begin, end, stamp }: Stretch = { begin: undefined, end: undefined, stamp: undefined };
    for (const search of this.#searches) {
      const found = search(key);
      if (found.begin && (!begin || compareBytes(found.begin, begin) > 0)) begin = found.begin;
      if (found.end && (!end || compareBytes(found.end, end) < 0)) end = found.end;
      if (found.stamp && (!stamp || compareStamps(found.stamp, stamp) > 0)) stamp = found.stamp;
    }
    return { begin, end, stamp };
  }
}

function lies(key: Uint8Array, { begin, end }: Stretch): boolean {
  return (!begin || compareBytes(begin, key) <= 0) && (!end || compareBytes(key, end) < 0);
}

function inMemory(ranges: RangeTombstones, key: Uint8Array): Stretch {
  const { begin, end, fragment } = ranges.around(toStoredKey(key));
  return {
    begin: begin === undefined ? undefined : fromStoredKey(begin),
    end: end === undefined ? undefined : fromStoredKey(end),
    stamp: fragment,
  };
}

function inList(ranges: readonly RangeTombstone[], key: Uint8Array): Stretch {
  const at = rangeAfter(ranges, key);
  const range = ranges[at];
  if (range && compareBytes(range.begin, key) <= 0)
    return { begin: range.begin, end: range.end, stamp: range };
  return { begin: ranges[at - 1]?.end, end: range?.begin, stamp: undefined };
}
