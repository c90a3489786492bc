/**
 * One attempt of a transaction's body: reads from one view, collects writes, remembers what it read.
 *
 * Invariants:
 * - It reads its own writes; nobody else sees them before the commit.
 * - Every key and every stretch of keys whose content (or absence) it has told the body is in the read set,
 *   unless the body asked with `snapshotGet`.
 */
import {
  concatBytes,
  encodeValue,
  HoldfastError,
  type Key,
  type KeyRange,
  type KeyTuple,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import {
  checkKeys,
  countLive,
  type Entry,
  entryOf,
  type ListOptions,
  liveEntries,
  liveKeys,
  type Range,
  type StoredAndBytes,
  userBounds,
  userKey,
  userRange,
} from './entry-reader.js';
import type { MergeCursor, ScanCursor } from './merge-cursor.js';
import { applyMutations, type Change, checkOperand, isBulkWrite, type MutationKind } from './mutation.js';
import { ReadSet } from './read-set.js';
import { type SortedMap, sortedMap } from './sorted-map.js';
import { type Bounds, fromStoredKey, type StoredKey, toStoredKey } from './space.js';
import type { TailEntry } from './tail.js';
import { OWN_VERSION } from './versionstamp.js';
import type { ScanOptions, View } from './view.js';

/** One transaction writes at most this much, keys and values together. */
export const TRANSACTION_BYTES_MAX: number = 256 * 1024 * 1024;
/** And at most this much that has to lie in the record itself: mutations, and the engine's own small entries. */
export const TRANSACTION_INLINE_BYTES_MAX: number = 16 * 1024 * 1024;
const CHANGE_OVERHEAD_BYTES = 16;

/** What the body of a transaction works with. */
export interface Transaction {
  /** The version that its reads see. */
  readonly readVersion: number;
  get<V = unknown>(key: Key): Promise<V | undefined>;
  getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]>;
  getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined>;
  /** Reads without a conflict: the commit does not care whether the value has changed since. */
  snapshotGet<V = unknown>(key: Key): Promise<V | undefined>;
  has(key: Key): Promise<boolean>;
  list<V = unknown>(range?: Range, options?: ListOptions): AsyncIterable<Entry<V>>;
  keys(range?: Range, options?: ListOptions): AsyncIterable<KeyTuple>;
  count(range?: KeyRange): Promise<number>;
  set(key: Key, value: unknown): void;
  delete(key: Key): void;
  /** Deletes every key in the range that is there now. Resolves to how many. */
  deleteRange(range: KeyRange): Promise<number>;
  /** Adds to a number (or bigint), from nothing if the key is not there. Never conflicts with other adds. */
  add(key: Key, n: number | bigint): void;
  /** Sets the key to the larger of what is there and `n`. Never conflicts. */
  max(key: Key, n: number | bigint): void;
  min(key: Key, n: number | bigint): void;
}

export class TransactionAttempt implements Transaction {
  readonly #view: View;
  readonly #calls: CallOptions;
  readonly reads: ReadSet = new ReadSet();
  /** In key order: large ones become segments as they are. */
  readonly changes: SortedMap<Change> = sortedMap();
  #bytes = 0;
  #inlineBytes = 0;
  #finished = false;

  constructor(view: View, calls: CallOptions) {
    this.#view = view;
    this.#calls = calls;
  }

  get readVersion(): number {
    return this.#view.version;
  }

  /** What all writes weigh. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What of it lies in the record, however large the transaction is. */
  get inlineBytes(): number {
    return this.#inlineBytes;
  }

  /** No more reads or writes: the body has ended. */
  finish(): void {
    this.#finished = true;
  }

  #check(): void {
    if (this.#finished)
      throw new HoldfastError(
        'CLOSED',
        'This transaction has ended: expected its calls to be awaited inside the body, found one after it.',
      );
    this.#calls.signal?.throwIfAborted();
  }

  /** The newest write that this transaction sees. */
  async readStored({ stored, bytes }: StoredAndBytes, tracked = true): Promise<TailEntry | undefined> {
    this.#check();
    const own = this.changes.get(stored);
    if (own && 'value' in own) return { value: own.value, ...OWN_STAMP };
    if (tracked) this.reads.addPoint(stored);
    const found = await this.#view.get(stored, bytes, this.#calls);
    if (own === undefined) return found;
    return { value: applyMutations(found?.value, own.mutations, () => 'this key'), ...OWN_STAMP };
  }

  async get<V = unknown>(key: Key): Promise<V | undefined> {
    return (await this.getEntry<V>(key))?.value;
  }

  async getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]> {
    return Promise.all(checkKeys(keys).map((key) => this.get<V>(key)));
  }

  async getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined> {
    const at = userKey(key);
    return entryOf(at.bytes, await this.readStored(at)) as Entry<V> | undefined;
  }

  async snapshotGet<V = unknown>(key: Key): Promise<V | undefined> {
    const at = userKey(key);
    return entryOf(at.bytes, await this.readStored(at, false))?.value as V | undefined;
  }

  async has(key: Key): Promise<boolean> {
    return (await this.readStored(userKey(key)))?.value !== undefined;
  }

  async *list<V = unknown>(
    range?: Range,
    options: ListOptions = {},
  ): AsyncGenerator<Entry<V>, void, undefined> {
    const { cursor, limit } = this.#scan(range, options, false);
    yield* liveEntries(cursor, limit, options.signal) as AsyncGenerator<Entry<V>, void, undefined>;
  }

  async *keys(range?: Range, options: ListOptions = {}): AsyncGenerator<KeyTuple, void, undefined> {
    const { cursor, limit } = this.#scan(range, options, true);
    yield* liveKeys(cursor, limit, options.signal);
  }

  async count(range?: KeyRange): Promise<number> {
    const { cursor, limit } = this.#scan(range, {}, true);
    return countLive(cursor, limit, this.#calls.signal);
  }

  #scan(
    range: Range | undefined,
    options: ListOptions,
    keysOnly: boolean,
  ): { cursor: ScanCursor; limit: number } {
    this.#check();
    const { bounds, reverse, limit } = userRange(range, options);
    const signal = options.signal ?? this.#calls.signal;
    return {
      cursor: new TrackedCursor(this.#view, this, bounds, { ...this.#calls, signal, reverse, keysOnly }),
      limit,
    };
  }

  set(key: Key, value: unknown): void {
    if (value === undefined)
      throw new TypeError(
        'set: expected a value, found undefined. Use delete() to remove a key, or store null.',
      );
    this.setStored(userKey(key).stored, encodeValue(value));
  }

  delete(key: Key): void {
    this.setStored(userKey(key).stored, undefined);
  }

  async deleteRange(range: KeyRange): Promise<number> {
    const stored: StoredKey[] = [];
    const bounds = userBounds(range);
    this.#check();
    const cursor = new TrackedCursor(this.#view, this, bounds, { ...this.#calls, keysOnly: true });
    for (await cursor.start(); !cursor.done; await cursor.next())
      if (!cursor.tombstone) stored.push(toStoredKey(cursor.key));
    for (const key of stored) this.setStored(key, undefined);
    return stored.length;
  }

  setStored(stored: StoredKey, value: Uint8Array | undefined): void {
    this.#check();
    this.#put(stored, { value });
  }

  add(key: Key, n: number | bigint): void {
    this.#mutate(key, 'add', n);
  }
  max(key: Key, n: number | bigint): void {
    this.#mutate(key, 'max', n);
  }
  min(key: Key, n: number | bigint): void {
    this.#mutate(key, 'min', n);
  }

  #mutate(key: Key, kind: MutationKind, n: number | bigint): void {
    this.#check();
    const mutation = { kind, operand: checkOperand(kind, n) };
    const { stored } = userKey(key);
    const own = this.changes.get(stored);
    if (own && 'value' in own)
      this.#put(stored, { value: applyMutations(own.value, [mutation], () => 'this key') });
    else this.#put(stored, { mutations: [...(own?.mutations ?? []), mutation] });
  }

  #put(stored: StoredKey, change: Change): void {
    const before = this.changes.get(stored);
    const bytes = this.#bytes + weigh(stored, change) - weigh(stored, before);
    const inlineBytes = this.#inlineBytes + weighInline(stored, change) - weighInline(stored, before);
    if (inlineBytes > TRANSACTION_INLINE_BYTES_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `The add, max and min of one transaction weigh at most ${TRANSACTION_INLINE_BYTES_MAX} bytes, because they lie in one record; found ${inlineBytes}. Split it. Nothing was changed.`,
      );
    if (bytes > TRANSACTION_BYTES_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `One transaction writes at most ${TRANSACTION_BYTES_MAX} bytes, found ${bytes}. Split it. Nothing was changed.`,
      );
    this.#bytes = bytes;
    this.#inlineBytes = inlineBytes;
    this.changes.set(stored, change);
  }

  /**
   * Own writes as entries over the view, mutations resolved against it. The walked stretch is in the read set,
   * so what they were resolved with is too.
   */
  async overlay(bounds: Bounds): Promise<SortedMap<TailEntry>> {
    const overlay = sortedMap<TailEntry>();
    const end = bounds.end && toStoredKey(bounds.end);
    let pair = this.changes.getPairOrNextHigher(toStoredKey(bounds.begin));
    for (; pair && (end === undefined || pair[0] < end); pair = this.changes.nextHigherPair(pair[0])) {
      const [stored, change] = pair;
      if ('value' in change) overlay.set(stored, { value: change.value, ...OWN_STAMP });
      else {
        const found = await this.#view.get(stored, fromStoredKey(stored), this.#calls);
        overlay.set(stored, {
          value: applyMutations(found?.value, change.mutations, () => 'this key'),
          ...OWN_STAMP,
        });
      }
    }
    return overlay;
  }
}

/** Own writes are newer than anything in the state. */
const OWN_STAMP = { version: OWN_VERSION, order: 0 } as const;

function weigh(stored: StoredKey, change: Change | undefined): number {
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

/**
 * Walks a range with own writes over it. What it has walked past is in the read set at every moment, however
 * early the body stops.
 */
class TrackedCursor implements ScanCursor {
  readonly #open: () => Promise<MergeCursor>;
  readonly #bounds: Bounds;
  readonly #reverse: boolean;
  readonly #seen: { begin: Uint8Array; end: Uint8Array | undefined };
  #inner: MergeCursor | undefined;

  constructor(view: View, attempt: TransactionAttempt, bounds: Bounds, options: ScanOptions) {
    this.#bounds = bounds;
    this.#reverse = options.reverse ?? false;
    this.#open = async () => view.scan(bounds, { ...options, overlay: await attempt.overlay(bounds) });
    this.#seen = this.#reverse
      ? { begin: bounds.end ?? AFTER_ALL, end: bounds.end }
      : { begin: bounds.begin, end: bounds.begin };
    attempt.reads.addRange(this.#seen);
  }

  get done(): boolean {
    return this.#inner?.done ?? true;
  }
  get key(): Uint8Array {
    return this.#inner!.key;
  }
  get version(): number {
    return this.#inner!.version;
  }
  get order(): number {
    return this.#inner!.order;
  }
  get tombstone(): boolean {
    return this.#inner!.tombstone;
  }
  value(): Uint8Array | Promise<Uint8Array> {
    return this.#inner!.value();
  }

  async start(): Promise<void> {
    this.#inner = await this.#open();
    await this.#inner.start();
    this.#note();
  }

  next(): Promise<void> | undefined {
    const pending = this.#inner!.next();
    if (pending) return pending.then(() => this.#note());
    this.#note();
    return undefined;
  }

  #note(): void {
    const { done } = this.#inner!;
    if (this.#reverse) this.#seen.begin = done ? this.#bounds.begin : this.key.slice();
    else this.#seen.end = done ? this.#bounds.end : concatBytes(this.key, ZERO);
  }
}

const ZERO = Uint8Array.of(0);
/** Above every stored key. */
const AFTER_ALL = Uint8Array.of(255);
