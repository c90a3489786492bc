/**
 * One attempt of a transaction's body: reads from one view, collects writes, remembers what it read.
 *
 * Invariants:
 * - It reads its own writes; nobody else sees them before the commit.
 * - Every key and every stretch of keys whose content (or absence) it has told the body is in the read set,
 *   unless the body asked with `snapshotGet`.
 * - It has one time, given when it began: an entry that has expired is absent for each of its reads and mutations, or
 *   for none.
 * - Writes take effect in the order of the calls: a range deletes what was written before it, and what is written
 *   after it stays. `changes` never holds a mutation in a deleted range: there it is known what it meets.
 */
import { HoldfastError, type Key, type KeyRange, type KeyTuple } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import {
  applyMutations,
  type Change,
  checkOperand,
  isBulkWrite,
  type Mutation,
  type MutationKind,
  TRANSACTION_INLINE_BYTES_MAX,
} from '../commit/mutation.js';
import { ReadSet } from '../commit/read-set.js';
import {
  type Entry,
  entryOf,
  LIST_OPTIONS,
  type ListOptions,
  type Range,
  userBounds,
  userKey,
  userKeys,
  userValue,
} from '../reading/entry-reader.js';
import type { Listing } from '../reading/listing.js';
import { RangeReads } from '../reading/range-reads.js';
import type { Held } from '../state/alive.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import { sortedMap } from '../state/sorted-map.js';
import {
  type Bounds,
  fromStoredKey,
  type StoredAndBytes,
  type StoredKey,
  toStoredKey,
} from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import { OWN_VERSION } from '../state/versionstamp.js';
import type { Overlay, View } from '../state/view.js';
import { ChangeSet } from './change-set.js';
import { type Expiry, type ExpiryOptions, expiresMs, takeOnlyExpiry } from './expiry.js';
import { PendingReads } from './pending-reads.js';
import { TrackedCursor } from './tracked-cursor.js';

/** One transaction writes at most this much, keys and values together. */
export const TRANSACTION_BYTES_MAX: number = 256 * 1024 * 1024;
const CHANGE_OVERHEAD_BYTES = 16;

/**
 * What the body of a transaction works with. What is handed in is taken as it is at the call. Writes are recorded,
 * never awaited; a read that the body does not await is waited for before the commit, and if it fails the
 * transaction does.
 */
export interface Transaction {
  /** The version that its reads see. */
  readonly readVersion: number;
  /**
   * The transaction's time: this process's clock when this run of the body began. The same throughout a run; another
   * run has its own.
   */
  readonly now: Date;
  get<V = unknown>(key: Key): Promise<V | undefined>;
  getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]>;
  getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined>;
  /** Reads without a conflict: the commit does not care whether the value has changed since. */
  snapshotGet<V = unknown>(key: Key): Promise<V | undefined>;
  has(key: Key): Promise<boolean>;
  /** The first entry of the range, or the last with `reverse`. */
  first<V = unknown>(range?: Range, options?: Omit<ListOptions, 'limit'>): Promise<Entry<V> | undefined>;
  list<V = unknown>(range?: Range, options?: ListOptions): Listing<Entry<V>>;
  keys(range?: Range, options?: ListOptions): Listing<KeyTuple>;
  count(range?: Range, options?: ListOptions): Promise<number>;
  /** An expiry is counted from `now`; without one the entry stays, whatever it replaces. */
  set(key: Key, value: unknown, options?: ExpiryOptions): void;
  delete(key: Key): void;
  /**
   * Deletes all keys of the range, also those that others write until the commit; what the body writes there later
   * stays. It reads nothing, and costs the same for any number of keys.
   */
  deleteRange(range: KeyRange): void;
  /** Adds to a number (or bigint), from nothing if the key is not there. Never conflicts with other adds. */
  add(key: Key, n: number | bigint): void;
  /** Sets the key to the larger of what is there and `n`. Never conflicts. */
  max(key: Key, n: number | bigint): void;
  min(key: Key, n: number | bigint): void;
}

interface AttemptParts {
  readonly view: View;
  /** The clock, milliseconds since 1970; asked once. */
  readonly nowMs: () => number;
  readonly calls: CallOptions;
  /** @throws HoldfastError once the database has ended. */
  readonly checkOpen: () => void;
}

export class TransactionAttempt implements Transaction {
  readonly #view: View;
  readonly #calls: CallOptions;
  readonly #clockMs: () => number;
  #nowMs = 0;
  readonly #checkOpen: () => void;
  /** Of a body that reads. */
  #begunReads: PendingReads | undefined;
  #rangeReads: RangeReads | undefined;
  readonly reads: ReadSet = new ReadSet();
  readonly changes: ChangeSet = new ChangeSet();
  #deleted = RangeTombstones.none;
  #bytes = 0;
  #inlineBytes = 0;
  #finished = false;

  constructor({ view, nowMs, calls, checkOpen }: AttemptParts) {
    this.#view = view;
    this.#calls = calls;
    this.#clockMs = nowMs;
    this.#checkOpen = checkOpen;
  }

  get #pending(): PendingReads {
    this.#begunReads ??= new PendingReads();
    return this.#begunReads;
  }

  get #ranges(): RangeReads {
    this.#rangeReads ??= new RangeReads({
      takes: LIST_OPTIONS,
      run: (read) => this.#read(read),
      guard: (steps) => this.trackWalk(steps),
      scan: ({ bounds, reverse }, options, keysOnly) => {
        const signal = options.signal ?? this.#calls.signal;
        const scan = { ...this.#calls, signal, reverse, keysOnly };
        return { cursor: new TrackedCursor(this.#view, this, bounds, scan), nowMs: this.#nowMs, signal };
      },
    });
    return this.#rangeReads;
  }

  get readVersion(): number {
    return this.#view.version;
  }

  /** Of the record of that version. */
  get readHash(): Uint8Array {
    return this.#view.hash;
  }

  /** The body begins, and with it the time that all of it goes by. What was looked up before may have taken long. */
  begin(): void {
    this.#nowMs = this.#clockMs();
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get now(): Date {
    return new Date(this.nowMs);
  }

  /** What all writes weigh. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What of it lies in the record, however large the transaction is. */
  get inlineBytes(): number {
    return this.#inlineBytes;
  }

  /** The ranges that it deletes, before its writes. */
  get deleted(): RangeTombstones {
    return this.#deleted;
  }

  get writesNothing(): boolean {
    return this.changes.size === 0 && this.#deleted.size === 0;
  }

  /** Whether this attempt's own calls raised the error, and not another database, or the body's code. */
  hasRaised(error: unknown): boolean {
    return this.#begunReads?.hasRaised(error) ?? false;
  }

  /**
   * The body has ended, well: waits for the reads that it left.
   * @throws what a read failed with that the body has not seen.
   */
  complete(): Promise<void> {
    return this.#begunReads?.settle() ?? NONE;
  }

  /** No more reads or writes. */
  finish(): void {
    this.#finished = true;
    this.#begunReads?.close();
  }

  #check(): void {
    if (this.#finished)
      throw new HoldfastError(
        'CLOSED',
        'This transaction has ended: expected its calls to be awaited inside the body, found one after it.',
      );
    this.#checkOpen();
    this.#calls.signal?.throwIfAborted();
  }

  /** Sees to a read that is made of this transaction's own. */
  track<T>(read: () => Promise<T>): Promise<T> {
    return this.#pending.run(read);
  }

  trackWalk<T>(steps: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
    return this.#pending.walk(steps, () => this.#check());
  }

  /** A read for the body. */
  #read<T>(read: () => Promise<T>): Promise<T> {
    return this.#pending.run(async () => {
      this.#check();
      return read();
    });
  }

  /** The newest write that this transaction sees, as it was written: it may have expired. */
  async readStored({ stored, bytes }: StoredAndBytes, tracked = true): Promise<TailEntry | undefined> {
    const own = this.changes.get(stored);
    if (own && 'value' in own) return { ...own, ...OWN_STAMP };
    if (this.#deleted.over(stored)) return { value: undefined, ...OWN_STAMP };
    if (tracked) this.reads.addPoint(stored);
    // As they are now: the body may add to them meanwhile.
    const mutations = own?.mutations.slice();
    const found = await this.#view.get(stored, bytes, this.#calls);
    if (mutations === undefined) return found;
    return { ...this.#mutated(found, mutations), ...OWN_STAMP };
  }

  async #entry(at: StoredAndBytes, tracked = true): Promise<Entry<never> | undefined> {
    return entryOf(at.bytes, await this.readStored(at, tracked), this.nowMs) as Entry<never> | undefined;
  }

  #mutated(base: Held | undefined, mutations: readonly Mutation[]): Held {
    return applyMutations(base, mutations, this.nowMs, () => 'this key');
  }

  get<V = unknown>(key: Key): Promise<V | undefined> {
    return this.#read(async () => (await this.#entry(userKey(key)))?.value);
  }

  getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]> {
    return this.#read(() =>
      Promise.all(userKeys(keys).map(async (at) => (await this.#entry(at))?.value as V | undefined)),
    );
  }

  getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined> {
    return this.#read(() => this.#entry(userKey(key)));
  }

  snapshotGet<V = unknown>(key: Key): Promise<V | undefined> {
    return this.#read(async () => (await this.#entry(userKey(key), false))?.value);
  }

  has(key: Key): Promise<boolean> {
    return this.#read(async () => (await this.#entry(userKey(key))) !== undefined);
  }

  first<V = unknown>(range?: Range, options?: Omit<ListOptions, 'limit'>): Promise<Entry<V> | undefined> {
    return this.#ranges.first(range, options);
  }

  list<V = unknown>(range?: Range, options?: ListOptions): Listing<Entry<V>> {
    return this.#ranges.list(range, options);
  }

  keys(range?: Range, options?: ListOptions): Listing<KeyTuple> {
    return this.#ranges.keys(range, options);
  }

  count(range?: Range, options?: ListOptions): Promise<number> {
    return this.#ranges.count(range, options);
  }

  set(key: Key, value: unknown, options?: ExpiryOptions): void {
    this.#write(() => this.setStored(userKey(key).stored, userValue(value), takeOnlyExpiry('set', options)));
  }

  delete(key: Key): void {
    this.#write(() => this.setStored(userKey(key).stored, undefined));
  }

  deleteRange(range: KeyRange): void {
    this.#write(() => this.deleteBounds(userBounds(range)));
  }

  add(key: Key, n: number | bigint): void {
    this.#write(() => this.mutateStored(userKey(key).stored, 'add', n));
  }
  max(key: Key, n: number | bigint): void {
    this.#write(() => this.mutateStored(userKey(key).stored, 'max', n));
  }
  min(key: Key, n: number | bigint): void {
    this.#write(() => this.mutateStored(userKey(key).stored, 'min', n));
  }

  #write(write: () => void): void {
    try {
      this.#check();
      write();
    } catch (error) {
      this.#pending.raise(error);
      throw error;
    }
  }

  setStored(stored: StoredKey, value: Uint8Array | undefined, expiry?: Expiry): void {
    this.#put(stored, { value, expiresMs: expiresMs(expiry, this.nowMs) });
  }

  /** @param descriptor of a stream, whose parts the transaction's record will name. */
  setStream(stored: StoredKey, descriptor: Uint8Array, expiry?: Expiry): void {
    this.#put(stored, { value: descriptor, expiresMs: expiresMs(expiry, this.nowMs), stream: true });
  }

  /** @param bounds in one space. */
  deleteBounds(bounds: Bounds): void {
    const begin = toStoredKey(bounds.begin);
    const end = toStoredKey(bounds.end!);
    if (begin >= end) return;
    const deleted = this.#deleted.with([{ begin, end, ...OWN_STAMP }]);
    const grown = deleted.bytes - this.#deleted.bytes;
    this.#weigh(grown, grown);
    this.#deleted = deleted;
    if (this.changes.size === 0) return;
    // What it has done there until now is deleted with the rest.
    for (let pair = this.changes.atOrAfter(begin); pair && pair[0] < end; ) {
      const [stored, change] = pair;
      this.#weigh(-weigh(stored, change), -weighInline(stored, change));
      this.changes.delete(stored);
      pair = this.changes.after(stored);
    }
  }

  mutateStored(stored: StoredKey, kind: MutationKind, n: number | bigint): void {
    const mutation = { kind, operand: checkOperand(kind, n) };
    const own = this.changes.get(stored);
    if (own && 'value' in own) this.#put(stored, this.#mutated(own, [mutation]));
    else if (this.#deleted.over(stored)) this.#put(stored, this.#mutated(undefined, [mutation]));
    else this.#mutate(stored, own?.mutations, mutation);
  }

  /** @param known those of the key before, which it joins: a body may add to one key thousands of times. */
  #mutate(stored: StoredKey, known: Mutation[] | undefined, mutation: Mutation): void {
    const grown = known ? weighOperand(mutation.operand) : weigh(stored, { mutations: [mutation] });
    this.#weigh(grown, grown);
    if (known) known.push(mutation);
    else this.changes.set(stored, { mutations: [mutation] });
  }

  #put(stored: StoredKey, change: Change): void {
    const before = this.changes.get(stored);
    this.#weigh(
      weigh(stored, change) - weigh(stored, before),
      weighInline(stored, change) - weighInline(stored, before),
    );
    this.changes.set(stored, change);
  }

  /** Takes account of what is about to be written. @throws HoldfastError LIMIT_EXCEEDED. */
  #weigh(grown: number, grownInline: number): void {
    const bytes = this.#bytes + grown;
    const inlineBytes = this.#inlineBytes + grownInline;
    if (inlineBytes > TRANSACTION_INLINE_BYTES_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `The add, max, min and deleteRange of one transaction weigh at most ${TRANSACTION_INLINE_BYTES_MAX} bytes, because they lie in one record; found ${inlineBytes}. Split it. Nothing was changed.`,
      );
    if (bytes > TRANSACTION_BYTES_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `One transaction writes at most ${TRANSACTION_BYTES_MAX} bytes, found ${bytes}. Split it. Nothing was changed.`,
      );
    this.#bytes = bytes;
    this.#inlineBytes = inlineBytes;
  }

  /**
   * The writes so far as entries over the view, mutations resolved against it, and the ranges that are deleted
   * under them. The walked stretch is in the read set, so what the mutations were resolved with is too.
   */
  async overlay(bounds: Bounds): Promise<Overlay> {
    const entries = sortedMap<TailEntry>();
    const end = bounds.end && toStoredKey(bounds.end);
    // All of one moment, whatever the body writes while values are fetched.
    const ranges = this.#deleted;
    const mutated: [StoredKey, Mutation[]][] = [];
    let pair = this.changes.atOrAfter(toStoredKey(bounds.begin));
    for (; pair && (end === undefined || pair[0] < end); pair = this.changes.after(pair[0])) {
      const [stored, change] = pair;
      if ('value' in change) entries.set(stored, { ...change, ...OWN_STAMP });
      else mutated.push([stored, change.mutations.slice()]);
    }
    for (const [stored, mutations] of mutated) {
      const found = await this.#view.get(stored, fromStoredKey(stored), this.#calls);
      entries.set(stored, { ...this.#mutated(found, mutations), ...OWN_STAMP });
    }
    return { entries, ranges };
  }
}

const NONE = Promise.resolve();

/** Own writes are newer than anything in the state. */
const OWN_STAMP = { version: OWN_VERSION, order: 0 } as const;

/** What a change weighs in a transaction. */
export function weigh(stored: StoredKey, change: Change | undefined): number {
  if (change === undefined) return 0;
  const bytes =
    'value' in change
      ? (change.value?.length ?? 0)
      : change.mutations.reduce((sum, { operand }) => sum + weighOperand(operand), 0);
  return stored.length + CHANGE_OVERHEAD_BYTES + bytes;
}

function weighInline(stored: StoredKey, change: Change | undefined): number {
  return change === undefined || isBulkWrite(stored, change) ? 0 : weigh(stored, change);
}

/** What an operand can add to the value that is written. */
function weighOperand(operand: number | bigint): number {
  return 16 + (typeof operand === 'bigint' ? operand.toString(16).length / 2 : 0);
}
