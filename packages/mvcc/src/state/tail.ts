/**
 * The tail: the newest write to each key since the last flush, at one version. Immutable to its users.
 *
 * Invariants:
 * - `all` holds every key written in (flushedThrough, version], `fresh` those in (freshFrom, version]:
 *   what the next record has to carry inline. `ranges` and `freshRanges` are the same of deleted ranges.
 * - What a range tombstone hides is not in it: the tombstone is the newer write of all its keys.
 * - A tail never changes after `TailBuilder.finish()`; copies share nodes, so a snapshot costs nothing.
 * - It owns its bytes: no entry keeps the record alive that it came in.
 */
import {
  ByteWriter,
  type EncodedEntries,
  encodeEntry,
  type RangeTombstone,
  type RecordDraft,
  type Write,
} from '@holdfast/core';
import { type Fragment, RangeTombstones, toFragment, toRangeTombstone } from './range-tombstones.js';
import { type SortedMap, sortedMap } from './sorted-map.js';
import { type Bounds, fromStoredKey, type StoredKey, toStoredKey } from './space.js';
import { compareStamps, type Stamp } from './versionstamp.js';

/** A key's newest write. */
export interface TailEntry extends Stamp {
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** When it begins to read as absent, milliseconds since 1970. */
  readonly expiresMs?: number | undefined;
  /** The value is the descriptor of a stream. */
  readonly stream?: true | undefined;
  /** As a record carries it, for a carry that begins after `from`; made when it is first needed. */
  encoded?: { readonly from: number; readonly bytes: Uint8Array };
}

/** What a transaction does, as far as it lies in its record. */
export type LaidTransaction = Pick<RecordDraft['transactions'][number], 'rangeDeletes' | 'writes'>;

/** A write as the tail has it. */
export function tailEntry(
  { value, expiresMs, stream }: Omit<Write, 'key'>,
  version: number,
  order: number,
): TailEntry {
  return expiresMs === undefined && !stream
    ? { value, version, order }
    : { value, version, order, expiresMs, stream };
}

/** What an entry weighs in a record: a little more than its bytes. */
const ENTRY_OVERHEAD_BYTES = 8;

const weigh = (key: StoredKey, entry: TailEntry | undefined): number =>
  entry === undefined ? 0 : key.length + (entry.value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;

interface TailParts {
  readonly all: SortedMap<TailEntry>;
  readonly fresh: SortedMap<TailEntry>;
  readonly ranges: RangeTombstones;
  readonly freshRanges: RangeTombstones;
  /** The version after which `fresh` begins. */
  readonly freshFrom: number;
  /** What the entries weigh in a record, without the ranges. */
  readonly entryBytes: number;
  readonly freshEntryBytes: number;
}

export class Tail {
  readonly all: SortedMap<TailEntry>;
  readonly fresh: SortedMap<TailEntry>;
  readonly ranges: RangeTombstones;
  readonly freshRanges: RangeTombstones;
  readonly freshFrom: number;
  readonly entryBytes: number;
  readonly freshEntryBytes: number;

  constructor(parts: TailParts) {
    this.all = parts.all;
    this.fresh = parts.fresh;
    this.ranges = parts.ranges;
    this.freshRanges = parts.freshRanges;
    this.freshFrom = parts.freshFrom;
    this.entryBytes = parts.entryBytes;
    this.freshEntryBytes = parts.freshEntryBytes;
  }

  /** What all of it weighs in a record. */
  get bytes(): number {
    return this.entryBytes + this.ranges.bytes;
  }

  get freshBytes(): number {
    return this.freshEntryBytes + this.freshRanges.bytes;
  }

  get isEmpty(): boolean {
    return this.all.size === 0 && this.ranges.size === 0;
  }

  /** A key's newest write, that of a deleted range too. */
  get(key: StoredKey): TailEntry | undefined {
    return this.all.get(key) ?? deletedBy(this.ranges.over(key));
  }

  /** Whether a key in `bounds` was written after `version`. */
  hasWriteAfter(bounds: Bounds, version: number): boolean {
    const begin = toStoredKey(bounds.begin);
    const end = bounds.end && toStoredKey(bounds.end);
    if (this.ranges.isAnyAfter(begin, end, version)) return true;
    let pair = this.all.getPairOrNextHigher(begin);
    for (; pair && (end === undefined || pair[0] < end); pair = this.all.nextHigherPair(pair[0]))
      if (pair[1].version > version) return true;
    return false;
  }

  /**
   * The entries that a record carries inline: the fresh ones after `from`, encoded. Most were in the record before too,
   * so each keeps its encoding.
   */
  encodeFresh(from: number): EncodedEntries {
    const writer = new ByteWriter(this.freshBytes + 1024);
    let count = 0;
    this.fresh.forEachPair((key, entry) => {
      if (entry.version <= from) return;
      if (entry.encoded?.from !== from)
        entry.encoded = { from, bytes: encodeEntry({ key: fromStoredKey(key), ...entry }, from) };
      writer.raw(entry.encoded.bytes);
      count++;
    });
    return { count, bytes: writer.view() };
  }

  /** The range tombstones that it carries with them. */
  freshRangesAfter(from: number): RangeTombstone[] {
    return Array.from(this.freshRanges.after(from).all(), toRangeTombstone);
  }
}

/** What a deleted range is to one of its keys. */
function deletedBy(range: Fragment | undefined): TailEntry | undefined {
  return range && { value: undefined, version: range.version, order: range.order };
}

/** Makes a tail, from nothing or from an older one. */
export class TailBuilder {
  #all: SortedMap<TailEntry>;
  #fresh: SortedMap<TailEntry>;
  #ranges = RangeTombstones.none;
  #freshRanges = RangeTombstones.none;
  readonly #freshFrom: number;
  #entryBytes = 0;
  #freshEntryBytes = 0;

  /**
   * @param flushedThrough writes up to here are in segments and stay out.
   * @param freshFrom writes after it are to be carried inline.
   */
  constructor(base: Tail | undefined, flushedThrough: number, freshFrom: number, baseFlushedThrough = 0) {
    this.#freshFrom = freshFrom;
    this.#all = sortedMap();
    this.#fresh = sortedMap();
    if (base === undefined) return;
    if (flushedThrough === baseFlushedThrough) {
      this.#all = base.all.clone();
      this.#entryBytes = base.entryBytes;
    } else {
      base.all.forEachPair((key, entry) => {
        if (entry.version > flushedThrough) this.#entryBytes += replace(this.#all, key, entry);
      });
    }
    // As they are where they can be: each record, and each view of what is pending, begins so.
    this.#ranges = flushedThrough === baseFlushedThrough ? base.ranges : base.ranges.after(flushedThrough);
    if (freshFrom === base.freshFrom) {
      this.#fresh = base.fresh.clone();
      this.#freshEntryBytes = base.freshEntryBytes;
      this.#freshRanges = base.freshRanges;
    } else {
      const source = freshFrom > base.freshFrom ? base.fresh : base.all;
      source.forEachPair((key, entry) => {
        if (entry.version > freshFrom) this.#freshEntryBytes += replace(this.#fresh, key, entry);
      });
      this.#freshRanges = this.#ranges.after(freshFrom);
    }
  }

  /** Adds what a transaction does: its deleted ranges come before its writes. */
  addTransaction({ rangeDeletes = [], writes }: LaidTransaction, version: number, order: number): void {
    if (rangeDeletes.length > 0)
      this.addRanges(rangeDeletes.map((range) => toFragment(range, { version, order })));
    for (const write of writes) this.add(toStoredKey(write.key), tailEntry(write, version, order));
  }

  /** Adds deleted ranges, and lets go of what they hide. */
  addRanges(ranges: readonly Fragment[]): void {
    this.#ranges = this.#ranges.with(ranges);
    this.#freshRanges = this.#freshRanges.with(ranges.filter(({ version }) => version > this.#freshFrom));
    for (const range of ranges) this.#hide(range);
  }

  #hide(range: Fragment): void {
    const { begin, end } = range;
    for (let pair = this.#all.getPairOrNextHigher(begin); pair && pair[0] < end; ) {
      const [key, entry] = pair;
      pair = this.#all.nextHigherPair(key);
      if (compareStamps(entry, range) >= 0) continue;
      this.#entryBytes -= remove(this.#all, key);
      this.#freshEntryBytes -= remove(this.#fresh, key);
    }
  }

  /** Adds a write unless a newer one of its key is there. */
  add(key: StoredKey, entry: TailEntry): void {
    const known = this.#all.get(key) ?? this.#ranges.over(key);
    if (known !== undefined && compareStamps(known, entry) > 0) return;
    const own = owned(entry);
    this.#entryBytes += replace(this.#all, key, own);
    if (entry.version > this.#freshFrom) this.#freshEntryBytes += replace(this.#fresh, key, own);
  }

  finish(): Tail {
    return new Tail({
      all: this.#all,
      fresh: this.#fresh,
      ranges: this.#ranges,
      freshRanges: this.#freshRanges,
      freshFrom: this.#freshFrom,
      entryBytes: this.#entryBytes,
      freshEntryBytes: this.#freshEntryBytes,
    });
  }
}

/**
 * With bytes of its own where they are a part of others: one small value would keep the whole record that it was
 * read from. (`byteOffset`, not `buffer`: asking a small array for its buffer moves it out of the heap.)
 */
function owned(entry: TailEntry): TailEntry {
  const { value } = entry;
  if (value === undefined || value.byteOffset === 0) return entry;
  // Not `slice`: a Buffer's would be a view.
  return { ...entry, value: new Uint8Array(value) };
}

/** @returns by how many bytes the map grew. */
function replace(map: SortedMap<TailEntry>, key: StoredKey, entry: TailEntry): number {
  const before = weigh(key, map.get(key));
  map.set(key, entry);
  return weigh(key, entry) - before;
}

/** @returns by how many bytes the map shrank. */
function remove(map: SortedMap<TailEntry>, key: StoredKey): number {
  const bytes = weigh(key, map.get(key));
  map.delete(key);
  return bytes;
}
