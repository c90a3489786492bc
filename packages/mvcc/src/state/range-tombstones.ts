/**
 * Range tombstones laid over one another: of each stretch of keys the newest. Immutable; copies share nodes.
 *
 * Invariants:
 * - Fragments ascend and none overlap. Two that touch have different stamps, so that equal sets look equal.
 * - A fragment's stamp is the highest of the ranges over it, in whatever order they were added.
 */
import type { RangeDelete, RangeTombstone } from '@holdfast/core';
import { type SortedMap, sortedMap } from './sorted-map.js';
import { fromStoredKey, type StoredKey, toStoredKey } from './space.js';
import { compareStamps, type Stamp } from './versionstamp.js';

/** Keys from `begin` up to, not including, `end`. */
export interface Stretch {
  readonly begin: StoredKey;
  readonly end: StoredKey;
}

/** A stretch, and who deleted it last. */
export interface Fragment extends Stretch, Stamp {}

/** Around a key: as far as the same fragment lies over the keys, or none. Undefined bounds: no end. */
export interface Surroundings {
  readonly begin: StoredKey | undefined;
  readonly end: StoredKey | undefined;
  readonly fragment: Fragment | undefined;
}

/** What a fragment weighs in a record, besides its keys. */
const FRAGMENT_OVERHEAD_BYTES = 12;

export class RangeTombstones {
  static readonly none: RangeTombstones = new RangeTombstones(sortedMap(), 0);

  /** By where they begin. */
  readonly #fragments: SortedMap<Fragment>;
  /** What they weigh in a record. */
  readonly bytes: number;

  private constructor(fragments: SortedMap<Fragment>, bytes: number) {
    this.#fragments = fragments;
    this.bytes = bytes;
  }

  get size(): number {
    return this.#fragments.size;
  }

  /** With more of them; none is empty. */
  with(ranges: Iterable<Fragment>): RangeTombstones {
    const fragments = this.#fragments.clone();
    let { bytes } = this;
    for (const range of ranges) bytes += lay(fragments, range);
    return new RangeTombstones(fragments, bytes);
  }

  /** Without those of `version` and before. */
  after(version: number): RangeTombstones {
    const kept = Array.from(this.all()).filter((fragment) => fragment.version > version);
    return kept.length === this.size ? this : RangeTombstones.none.with(kept);
  }

  /** In order. */
  *all(): Generator<Fragment> {
    for (const [, fragment] of this.#fragments.entries()) yield fragment;
  }

  /** What of them lies in [begin, end), in order. */
  *within(begin: StoredKey, end: StoredKey | undefined): Generator<Fragment> {
    if (end !== undefined && begin >= end) return;
    const before = this.#fragments.nextLowerPair(begin);
    let pair = before && before[1].end > begin ? before : this.#fragments.getPairOrNextHigher(begin);
    for (; pair && (end === undefined || pair[0] < end); pair = this.#fragments.nextHigherPair(pair[0])) {
      const fragment = pair[1];
      yield {
        ...fragment,
        begin: greatest(fragment.begin, begin),
        end: end === undefined ? fragment.end : least(fragment.end, end),
      };
    }
  }

  /** The one over a key. */
  over(key: StoredKey): Fragment | undefined {
    if (this.#fragments.size === 0) return undefined;
    const before = this.#fragments.getPairOrNextLower(key)?.[1];
    return before && before.end > key ? before : undefined;
  }

  around(key: StoredKey): Surroundings {
    const before = this.#fragments.getPairOrNextLower(key)?.[1];
    if (before && before.end > key) return { begin: before.begin, end: before.end, fragment: before };
    return { begin: before?.end, end: this.#fragments.nextHigherPair(key)?.[0], fragment: undefined };
  }

  /** Whether a key in [begin, end) lies under one of after `version`. */
  isAnyAfter(begin: StoredKey, end: StoredKey | undefined, version: number): boolean {
    for (const fragment of this.within(begin, end)) if (fragment.version > version) return true;
    return false;
  }
}

/** As a segment or a record has it. */
export function toRangeTombstone({ begin, end, version, order }: Fragment): RangeTombstone {
  return { begin: fromStoredKey(begin), end: fromStoredKey(end), version, order };
}

/** As a transaction deletes it: without a stamp. */
export function toRangeDelete({ begin, end }: Fragment): RangeDelete {
  return { begin: fromStoredKey(begin), end: fromStoredKey(end) };
}

export function toFragment({ begin, end }: Pick<RangeTombstone, 'begin' | 'end'>, stamp: Stamp): Fragment {
  return { begin: toStoredKey(begin), end: toStoredKey(end), version: stamp.version, order: stamp.order };
}

/** Lays one range over those that are there. @returns by how many bytes they grew. */
function lay(fragments: SortedMap<Fragment>, range: Fragment): number {
  const touched = reached(fragments, range);
  const pieces: Fragment[] = [];
  let from = range.begin;
  for (const known of touched) {
    add(pieces, { ...known, end: least(known.end, range.begin) });
    add(pieces, { ...range, begin: from, end: least(known.begin, range.end) });
    const [begin, end] = [greatest(known.begin, range.begin), least(known.end, range.end)];
    add(pieces, { ...(compareStamps(known, range) > 0 ? known : range), begin, end });
    add(pieces, { ...known, begin: greatest(known.begin, range.end) });
    from = greatest(from, known.end);
  }
  // Behind the last that it reaches; where that is the one that goes on past it, nothing is left.
  if (from < range.end) insert(pieces, { ...range, begin: from });
  let grown = 0;
  for (const known of touched) {
    fragments.delete(known.begin);
    grown -= weigh(known);
  }
  for (const piece of pieces) {
    fragments.set(piece.begin, piece);
    grown += weigh(piece);
  }
  return grown;
}

/** Those that a range overlaps or touches: it may become one with them. */
function reached(fragments: SortedMap<Fragment>, { begin, end }: Stretch): Fragment[] {
  const found: Fragment[] = [];
  const before = fragments.nextLowerPair(begin)?.[1];
  if (before && before.end >= begin) found.push(before);
  let pair = fragments.getPairOrNextHigher(begin);
  for (; pair && pair[0] <= end; pair = fragments.nextHigherPair(pair[0])) found.push(pair[1]);
  return found;
}

/** Appends a piece unless it is empty. */
function add(pieces: Fragment[], piece: Fragment): void {
  if (piece.begin < piece.end) insert(pieces, piece);
}

function insert(pieces: Fragment[], piece: Fragment): void {
  const last = pieces.at(-1);
  if (last && last.end === piece.begin && compareStamps(last, piece) === 0)
    pieces[pieces.length - 1] = { ...last, end: piece.end };
  else pieces.push(piece);
}

function weigh({ begin, end }: Stretch): number {
  return begin.length + end.length + FRAGMENT_OVERHEAD_BYTES;
}

function least(a: StoredKey, b: StoredKey): StoredKey {
  return a < b ? a : b;
}

function greatest(a: StoredKey, b: StoredKey): StoredKey {
  return a > b ? a : b;
}
