/**
 * The state at one version: a tail over a manifest. Immutable; a snapshot is a reference to one.
 *
 * Invariants:
 * - What a view answers is a function of the log up to its version (I2): it never changes.
 * - A key's value is its write with the highest versionstamp, wherever that lies: a large transaction's
 *   segment can be newer than the tail. A range tombstone is a write of all its keys; of one transaction it comes first.
 */
import {
  type CarryRef,
  type CompactRange,
  compareBytes,
  copyBytes,
  type Extensions,
  endsBefore,
  Fetched,
  type Intents,
  type Manifest,
  MISS,
  mayHold,
  type RangeTombstone,
  type RecordBody,
  rangeAfter,
  type SegmentEntry,
  type SegmentReader,
  type SegmentReaders,
  SoughtKey,
  segmentBegin,
  WindowBudget,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Expiry } from '../context/expiry.js';
import type { BulkVersions } from './bulk-versions.js';
import type { FlushedTails } from './flushed-tails.js';
import { MapCursor } from './map-cursor.js';
import { MergeCursor, type MergeSource } from './merge-cursor.js';
import { RangeCovers } from './range-covers.js';
import { RangeTombstones, toFragment } from './range-tombstones.js';
import type { SortedMap } from './sorted-map.js';
import { type Bounds, greatest, least, type StoredAndBytes, type StoredKey, toStoredKey } from './space.js';
import { type LaidTransaction, type Tail, TailBuilder, type TailEntry } from './tail.js';
import { compareStamps } from './versionstamp.js';

/** Hints of a record's writer for whoever comes next: when to commit, never whether it counts. */
export interface Contention
  extends Pick<RecordBody, 'contended' | 'turns'>,
    Partial<Pick<RecordBody, 'successor'>> {}

export const NO_CONTENTION: Contention = Object.freeze({ contended: false, turns: [] });

/** What a view is made of; all of it can be read of the view. */
interface ViewParts {
  readonly version: number;
  /** The record's hash. */
  readonly hash: Uint8Array;
  /** The record's time: never before that of the one before it. */
  readonly timeMs: number;
  /** Its writer's own clock. */
  readonly clockMs: number;
  readonly flushedThrough: number;
  readonly floor: number;
  readonly tiledThrough: number;
  readonly graceMs: number;
  readonly extensions: Extensions;
  /** The epoch that the record is sealed under: the newest of its keyring. */
  readonly epoch: number;
  /** Over the hashes of records 1 … version, this one's included. */
  readonly history: CompactRange;
  readonly keyring: Uint8Array;
  readonly stores: readonly Uint8Array[];
  /** What became of intents up to here, and who is asked to go next. */
  readonly intents: Intents;
  readonly contention: Contention;
  /** The process that made the record: a hint. */
  readonly madeBy: Uint8Array;
  readonly refs: readonly CarryRef[];
  /** The record's own size, and what its writes alone weigh in it. */
  readonly recordBytes: number;
  readonly ownBytes: number;
  readonly tail: Tail;
  /** The tails that were flushed last, as far as they are at hand. */
  readonly flushed: FlushedTails;
  /** The large transactions that are known of lately. */
  readonly bulk: BulkVersions;
  readonly manifest: Manifest;
}

/** Spares the view to spell them again. */
const Parts = class {
  constructor(parts: ViewParts) {
    Object.assign(this, parts);
  }
} as new (
  parts: ViewParts,
) => ViewParts;

/** Writes that lie over a state: what a transaction has done so far. */
export interface Overlay {
  readonly entries: SortedMap<TailEntry>;
  readonly ranges: RangeTombstones;
}

export interface ScanOptions extends CallOptions {
  readonly reverse?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly overlay?: Overlay | undefined;
  /** Only sources that may hold writes after this version. */
  readonly newerThan?: number | undefined;
  /** Only segments whose writes are not in memory too: what is left to ask after `hasWriteAfter()`. */
  readonly beyondMemory?: boolean | undefined;
}

/** Of many keys, so many are looked for in the store at once: each of them may need a block of its own. */
const KEYS_AT_ONCE = 256;

/** A segment, and the version that none of its writes which are not in memory is newer than. */
interface BeyondMemory {
  readonly segment: SegmentEntry;
  readonly newest: number;
}

/** What one scan reads ahead, in all segments together. */
const SCAN_WINDOWS_BYTES = 16 * 1024 * 1024;

/** How a view's segments are read, and what is said when they are gone. */
interface SegmentAccess {
  readonly segments: SegmentReaders;
  readonly expiry: Pick<Expiry, 'judge'>;
}

export class View extends Parts {
  readonly #access: SegmentAccess;
  #beyond: readonly BeyondMemory[] | undefined;

  constructor(parts: ViewParts, access: SegmentAccess) {
    super(parts);
    this.#access = access;
  }

  /** Throws what a read of this version that failed so has failed with: what is gone may have been collected. */
  async failed(error: unknown): Promise<never> {
    throw await this.#access.expiry.judge(error, this.version);
  }

  /** This state with transactions over it that are not in the log yet, as if the next record held them. */
  withPending(transactions: Iterable<LaidTransaction & { readonly order: number }>): View {
    const { flushedThrough } = this;
    const tail = new TailBuilder(this.tail, flushedThrough, this.tail.freshFrom, flushedThrough);
    for (const transaction of transactions)
      tail.addTransaction(transaction, this.version + 1, transaction.order);
    return new View({ ...this, tail: tail.finish() }, this.#access);
  }

  /** Everything the next record carries lies in this many bytes, inline and in holders. */
  get tailBytes(): number {
    return this.refs.reduce((sum, ref) => sum + ref.bytes, this.tail.freshBytes);
  }

  /** A key's newest write, tombstones too. Undefined: none is known. */
  async get(stored: StoredKey, key: Uint8Array, options: CallOptions = {}): Promise<TailEntry | undefined> {
    const known = this.tail.get(stored);
    return this.#newest(known, this.#over(key, known), key, options);
  }

  /** As `get`, of many keys: what is missing in memory is read of all of them at once, side by side where it can be. */
  async getMany(
    keys: readonly StoredAndBytes[],
    options: CallOptions = {},
  ): Promise<(TailEntry | undefined)[]> {
    const found = keys.map((at) => this.peek(at));
    const missing = [...keys.keys()].filter((i) => found[i] === MISS);
    missing.sort((a, b) => compareBytes(keys[a]!.bytes, keys[b]!.bytes));
    for (let from = 0; from < missing.length; from += KEYS_AT_ONCE) {
      const fetched = new Fetched();
      let left = missing.slice(from, from + KEYS_AT_ONCE);
      for (;;) {
        left = left.filter((i) => {
          const { stored, bytes } = keys[i]!;
          const known = this.tail.get(stored);
          const newest = newestIn(this.#over(bytes, known), known, new SoughtKey(bytes), fetched);
          if (newest === MISS) return true;
          // Of its own: a few bytes of each block must not keep all the blocks that many keys lie in.
          found[i] =
            newest?.value && newest !== known ? { ...newest, value: copyBytes(newest.value) } : newest;
          return false;
        });
        if (left.length === 0) break;
        await fetched.fetch(options).catch((error: unknown) => this.failed(error));
      }
    }
    return found as (TailEntry | undefined)[];
  }

  /** The segments that may hold a newer write of the key than the one that is known. */
  #over(key: Uint8Array, known: TailEntry | undefined): readonly SegmentReader[] {
    // Equal too: a large transaction and another can share a record.
    return this.#access.segments.index(this.manifest.searched).over(key, known?.version ?? 0);
  }

  /** The same; asks memory for what it can tell, the tails that were flushed last too. */
  async latest(
    stored: StoredKey,
    key: Uint8Array,
    options: CallOptions = {},
  ): Promise<TailEntry | undefined> {
    const known = this.#inMemory(stored);
    return this.#newest(known, this.#readers(this.segmentsBeyondMemory(known?.version), key), key, options);
  }

  /** Whether `latest()` of this key has to ask the store or the block cache. */
  isBeyondMemory(stored: StoredKey, key: Uint8Array): boolean {
    const known = this.#inMemory(stored);
    return this.segmentsBeyondMemory(known?.version).some((segment) => mayHold(segment, key));
  }

  #inMemory(stored: StoredKey): TailEntry | undefined {
    return this.tail.get(stored) ?? this.flushed.get(stored);
  }

  /** Whether a key was written after `version`, as far as memory tells; the rest is `segmentsBeyondMemory()`. */
  isWrittenAfter(stored: StoredKey, version: number): boolean {
    return (this.#inMemory(stored)?.version ?? 0) > version;
  }

  /** Whether a key in `bounds` was, likewise. */
  hasWriteAfter(bounds: Bounds, version: number): boolean {
    return this.tail.hasWriteAfter(bounds, version) || this.flushed.hasWriteAfter(bounds, version);
  }

  /**
   * The segments that may hold writes of `from` or later which are not in memory. Which run they are of says nothing:
   * what a flush has moved stays in memory, whatever compaction merges it with.
   */
  segmentsBeyondMemory(from = 0): readonly SegmentEntry[] {
    return this.#beyondMemory.filter(({ newest }) => newest >= from).map(({ segment }) => segment);
  }

  /** No write that is not in memory is newer than this version; 0: there is none. */
  get newestBeyondMemory(): number {
    return this.#beyondMemory.reduce((max, { newest }) => Math.max(max, newest), 0);
  }

  get #beyondMemory(): readonly BeyondMemory[] {
    this.#beyond ??= this.manifest.searched.flatMap((segment) => {
      const newest = this.#newestBeyondMemoryIn(segment);
      return newest === 0 ? [] : [{ segment, newest }];
    });
    return this.#beyond;
  }

  /** Of what was written after `inMemoryFrom`, only large transactions' writes are not in memory. */
  #newestBeyondMemoryIn({ minVersion, maxVersion }: SegmentEntry): number {
    const inMemoryFrom = Math.max(this.flushed.from ?? this.flushedThrough, this.bulk.from);
    const large = this.bulk.newestWithin(Math.max(minVersion, inMemoryFrom + 1), maxVersion);
    if (large > 0) return large;
    return minVersion > inMemoryFrom ? 0 : Math.min(maxVersion, inMemoryFrom);
  }

  /** Whether one of these segments holds a write of the key after `version`. */
  async isWrittenAfterIn(
    segments: readonly SegmentEntry[],
    key: Uint8Array,
    version: number,
    options: CallOptions = {},
  ): Promise<boolean> {
    const newest = await this.#newest(undefined, this.#readers(segments, key), key, options);
    return newest !== undefined && newest.version > version;
  }

  /** Of these segments those that may say something of the key. */
  #readers(segments: readonly SegmentEntry[], key: Uint8Array): SegmentReader[] {
    const near = segments.filter((segment) => mayHold(segment, key));
    return near.sort((a, b) => b.maxVersion - a.maxVersion).map((segment) => this.reader(segment));
  }

  async #newest(
    known: TailEntry | undefined,
    readers: readonly SegmentReader[],
    key: Uint8Array,
    options: CallOptions,
  ): Promise<TailEntry | undefined> {
    if (readers.length === 0) return known;
    const sought = new SoughtKey(key);
    const fetched = new Fetched();
    for (;;) {
      const newest = newestIn(readers, known, sought, fetched);
      if (newest !== MISS) return newest;
      await fetched.fetch(options).catch((error: unknown) => this.failed(error));
    }
  }

  /** As `get`, from what is in memory; MISS where something would have to be fetched. */
  peek(at: StoredAndBytes): TailEntry | undefined | typeof MISS {
    const known = this.tail.isEmpty ? undefined : this.tail.get(at.stored);
    const readers = this.#over(at.bytes, known);
    return readers.length === 0 ? known : newestIn(readers, known, new SoughtKey(at.bytes));
  }

  /** Walks the newest writes of the keys in `bounds`, tombstones too. Call `start()` first. */
  scan(bounds: Bounds, options: ScanOptions = {}): MergeCursor {
    const { reverse = false, overlay, newerThan = 0, beyondMemory } = options;
    const covers = new RangeCovers();
    const sources: MergeSource[] = [];
    const inMemory = (entries: SortedMap<TailEntry>, ranges: RangeTombstones): void => {
      sources.push({ bound: undefined, open: () => new MapCursor(entries, bounds, reverse) });
      covers.addMemory(ranges);
    };
    if (overlay) inMemory(overlay.entries, overlay.ranges);
    if (!beyondMemory) inMemory(this.tail.all, this.tail.ranges);
    const windows = new WindowBudget(SCAN_WINDOWS_BYTES);
    const segments = beyondMemory ? this.segmentsBeyondMemory(newerThan + 1) : this.manifest.searched;
    for (const segment of segments)
      if (segment.maxVersion > newerThan && reaches(segment, bounds))
        sources.push(this.#source(segment, bounds, { ...options, windows }));
    return new MergeCursor(sources, covers, reverse, (error) => this.failed(error));
  }

  #source(
    segment: SegmentEntry,
    { begin, end }: Bounds,
    { reverse = false, keysOnly, signal, meter, windows }: ScanOptions & { readonly windows: WindowBudget },
  ): MergeSource {
    const reader = this.reader(segment);
    return {
      bound: reverse ? least(end, lastReached(segment)) : greatest(begin, segmentBegin(segment)),
      ranges:
        segment.ranges === 0
          ? undefined
          : async (covers) => {
              const from = covers.pastThoseAfter(segment.maxVersion, greatest(begin, segment.rangeBegin));
              if (compareBytes(from, least(end, segment.rangeEnd)) >= 0) return [];
              return reader.ranges({ signal, meter });
            },
      open: (long, covers) => {
        // What was deleted as a range since is not walked through.
        const from = covers.pastThoseAfter(segment.maxVersion, greatest(begin, segment.firstKey));
        if (segment.entries === 0 || compareBytes(from, segment.lastKey) > 0) return undefined;
        return reader.cursor({ begin: from, end, reverse, keysOnly, signal, meter, long, windows });
      },
    };
  }

  /**
   * The range tombstones of after `version` that reach into `bounds`.
   * @param options.beyondMemory only those of segments whose writes are not in memory too.
   */
  async rangesAfter(
    bounds: Bounds,
    version: number,
    options: CallOptions & Pick<ScanOptions, 'beyondMemory'> = {},
  ): Promise<RangeTombstones> {
    const { beyondMemory, ...calls } = options;
    const segments = (beyondMemory ? this.segmentsBeyondMemory(version + 1) : this.manifest.searched).filter(
      (segment) => segment.maxVersion > version && segment.ranges > 0 && reaches(segment, bounds),
    );
    const lists = await Promise.all(segments.map((segment) => this.reader(segment).ranges(calls))).catch(
      (error: unknown) => this.failed(error),
    );
    const begin = toStoredKey(bounds.begin);
    const end = bounds.end && toStoredKey(bounds.end);
    // Only what reaches into the bounds is laid: whoever validates many small walks asks for each.
    const found = lists.flatMap((list) => listed(list, bounds)).map((range) => toFragment(range, range));
    const tail = beyondMemory ? [] : this.tail.ranges.within(begin, end);
    const later = [...tail, ...found].filter((range) => range.version > version);
    return RangeTombstones.none.with(RangeTombstones.none.with(later).within(begin, end));
  }

  reader(segment: SegmentEntry): SegmentReader {
    return this.#access.segments.of(segment);
  }

  /** The segments that a large transaction wrote, if it is still one run. A stream's parts are no writes. */
  bulkSegments(run: number): SegmentEntry[] {
    return this.manifest.searched.filter((segment) => segment.run === run);
  }
}

/**
 * A key's newest write; MISS where that can't be told yet.
 * @param readers the newest first: once what is found is newer than all that the next one holds, it is not asked.
 * @param fetched is told of all that is missing; without it the first thing that is missing ends the look.
 */
function newestIn(
  readers: readonly SegmentReader[],
  known: TailEntry | undefined,
  key: SoughtKey,
  fetched?: Fetched,
): TailEntry | undefined | typeof MISS {
  let best = known;
  let isMissing = false;
  for (const reader of readers) {
    if (best && reader.entry.maxVersion < best.version) break;
    const found = reader.peek(key, fetched, readers.length === 1);
    if (found === MISS) {
      if (fetched === undefined) return MISS;
      isMissing = true;
    } else if (found && (!best || isNewer(found, best))) best = found;
  }
  return isMissing ? MISS : best;
}

/** Of one key: of the same transaction what has a value is the write, and what deletes it the range before it. */
function isNewer(entry: TailEntry, than: TailEntry): boolean {
  const order = compareStamps(entry, than);
  return order > 0 || (order === 0 && entry.value !== undefined);
}

/** Whether the segment says anything of keys in the bounds. */
function reaches(segment: SegmentEntry, { begin, end }: Bounds): boolean {
  return !endsBefore(segment, begin) && (!end || compareBytes(segmentBegin(segment), end) < 0);
}

/** What of a segment's list reaches into the bounds; behind it perhaps one more. */
function listed(list: readonly RangeTombstone[], { begin, end }: Bounds): readonly RangeTombstone[] {
  return list.slice(rangeAfter(list, begin), end && rangeAfter(list, end) + 1);
}

/** No key that the segment says anything of lies above it. */
function lastReached({ lastKey, rangeEnd }: SegmentEntry): Uint8Array {
  return greatest(lastKey, rangeEnd);
}
