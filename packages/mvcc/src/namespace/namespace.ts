/** A database seen through a key prefix, with codecs of its own: every read and write, relative to the prefix. */
import type { Key, KeyRange, MISS } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { ByteSource } from '../context/byte-source.js';
import { CALL_OPTIONS, takeOptions } from '../context/call-options.js';
import { type RowSource, Rows } from '../context/row-source.js';
import { atCall, mapSteps } from '../context/steps.js';
import type { Change } from '../past/changes.js';
import type { WatchOptions } from '../past/history.js';
import type { ListOptions, Range, ReadOptions } from '../reading/entry-reader.js';
import type { Guard } from '../reading/listing.js';
import type { Difference, Snapshot, SnapshotOptions } from '../reading/snapshot.js';
import type { AtomicOperation } from '../transaction/atomic.js';
import { EXPIRY_OPTIONS, type ExpiryOptions } from '../transaction/expiry.js';
import {
  type LoadEntries,
  type LoadEntry,
  type LoadOptions,
  type LoadResult,
  UnfitRow,
} from '../transaction/load.js';
import type { SetOptions, WriteOptions, WriteResult } from '../transaction/one-write.js';
import { TRANSACT_OPTIONS, type TransactOptions } from '../transaction/transact.js';
import type { Transaction, TransactionAttempt } from '../transaction/transaction.js';
import { NamespaceForm, type NamespaceOptions } from './codec.js';
import { NamespaceReads, type ReadHost } from './namespace-reads.js';

/** What a namespace needs of its database. */
export interface NamespaceHost extends ReadHost<ReadOptions, ReadOptions & ListOptions> {
  set(key: Key, value: unknown, options?: SetOptions): Promise<WriteResult>;
  setStream(key: Key, source: ByteSource, options?: SetOptions): Promise<WriteResult>;
  getStream(key: Key, options?: ReadOptions): Promise<ReadableStream<Uint8Array> | undefined>;
  load(entries: LoadEntries, options?: LoadOptions): Promise<LoadResult>;
  delete(key: Key, options?: WriteOptions): Promise<WriteResult>;
  deleteRange(range: KeyRange, options?: WriteOptions): Promise<WriteResult>;
  add(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult>;
  max(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult>;
  min(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult>;
  atomic(): AtomicOperation;
  transact<T>(body: (tx: TransactionAttempt) => Promise<T> | T, options?: TransactOptions): Promise<T>;
  snapshot(options?: SnapshotOptions): Promise<Snapshot>;
  watch(range?: KeyRange, options?: WatchOptions): AsyncGenerator<Change, void, undefined>;
}

export class Namespace<V = unknown, In = V> extends NamespaceReads<
  V,
  ReadOptions,
  ReadOptions & ListOptions
> {
  readonly #db: NamespaceHost;

  /** Made by `Database.namespace()`. */
  constructor(db: NamespaceHost, prefix: Key, options?: NamespaceOptions<V, In>) {
    super(db, new NamespaceForm<V>(prefix, options as NamespaceOptions<V, never>));
    this.#db = db;
  }

  /** The whole key of one of this namespace's. */
  keyOf(key: Key): Key {
    return this.form.keyOf(key);
  }

  /** An asynchronous schema has the value to itself until it has validated it: don't change it before that. */
  async set(key: Key, value: In, options?: SetOptions): Promise<WriteResult> {
    const taken = takeOptions('set', options, ['requestId', ...EXPIRY_OPTIONS, ...CALL_OPTIONS]);
    // A Date is the caller's, who may change it while an asynchronous schema is at work.
    if (taken.expireAt instanceof Date) Object.assign(taken, { expireAt: new Date(taken.expireAt) });
    const whole = this.form.keyOf(key);
    const encoded = this.form.encode(value);
    // A promise as a value is none: the database says so.
    return this.#db.set(whole, encoded !== value && isPromise(encoded) ? await encoded : encoded, taken);
  }

  /** As `Database.setStream`: its bytes are not this namespace's values, and no codec is asked about them. */
  async setStream(key: Key, source: ByteSource, options?: SetOptions): Promise<WriteResult> {
    return this.#db.setStream(this.form.keyOf(key), source, options);
  }

  async getStream(key: Key, options?: ReadOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#db.getStream(this.form.keyOf(key), options);
  }

  /** As `Database.load`, in this namespace's keys and values. */
  async load(entries: NamespaceEntries<In>, options?: LoadOptions): Promise<LoadResult> {
    return this.#db.load(translatedRows(this.form, entries), options);
  }

  async delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.delete(this.form.keyOf(key), options);
  }

  async deleteRange(range: KeyRange, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.deleteRange(rangeToDelete(this.form, range), options);
  }

  async add(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.add(this.form.keyOf(key), n, options);
  }

  async max(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.max(this.form.keyOf(key), n, options);
  }

  async min(key: Key, n: number | bigint, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.min(this.form.keyOf(key), n, options);
  }

  atomic(): AtomicOperation<In> {
    const { keyOf, encodeNow } = this.form;
    return this.#db.atomic().in<In>({ key: keyOf, value: encodeNow });
  }

  /** A transaction in this namespace's keys and values; its `tx` is the whole one. */
  async transact<T>(
    body: (tx: NamespaceTransaction<V, In>) => Promise<T> | T,
    options?: TransactOptions,
  ): Promise<T> {
    const taken = takeOptions('transact', options, TRANSACT_OPTIONS);
    if (typeof body !== 'function') return this.#db.transact(body, taken);
    return this.#db.transact((tx) => body(new NamespaceTransaction<V, In>(tx, this.form)), taken);
  }

  async snapshot(options?: SnapshotOptions): Promise<NamespaceSnapshot<V>> {
    return new NamespaceSnapshot(await this.#db.snapshot(options), this.form);
  }

  watch(range?: KeyRange, options?: WatchOptions): AsyncGenerator<NamespaceChange<V>, void, undefined> {
    const open = atCall(() => this.#db.watch(rangeOfKeys(this.form, range), options));
    return mapSteps(open, (change) => translated(this.form, change));
  }

  /** A namespace in this one, with codecs of its own: this one's don't apply to it. */
  namespace<W = unknown, WIn = W>(prefix: Key, options?: NamespaceOptions<W, WIn>): Namespace<W, WIn> {
    return new Namespace(this.#db, this.form.boundOf(prefix), options);
  }
}

/** What `Namespace.load` takes. */
export type NamespaceEntries<In> = RowSource<
  readonly [key: Key, value: In, options?: ExpiryOptions | undefined]
>;

/** A change with the namespace's own key and values. */
export type NamespaceChange<V> = Omit<Change<V>, 'key'> & { readonly key: Key };
export type NamespaceDifference<V> = Omit<Difference<V>, 'key'> & { readonly key: Key };

export class NamespaceSnapshot<V = unknown> extends NamespaceReads<V, undefined, ListOptions> {
  readonly #snapshot: Snapshot;

  /** Made by `Namespace.snapshot()`. */
  constructor(snapshot: Snapshot, form: NamespaceForm<V>) {
    super(snapshot, form);
    this.#snapshot = snapshot;
  }

  /** The snapshot itself, for keys outside the namespace. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get version(): number {
    return this.#snapshot.version;
  }

  get time(): Date {
    return this.#snapshot.time;
  }

  async getStream(key: Key, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#snapshot.getStream(this.form.keyOf(key), options);
  }

  /** The value if memory can tell, as `Snapshot.peek`. */
  peek(key: Key): V | undefined | typeof MISS {
    const found = this.#snapshot.peek(this.form.keyOf(key));
    return typeof found === 'symbol' || found === undefined
      ? (found as typeof MISS | undefined)
      : this.form.decode(found);
  }

  diff(
    other: NamespaceSnapshot<V> | Snapshot,
    range?: KeyRange,
  ): AsyncGenerator<NamespaceDifference<V>, void, undefined> {
    const whole = other instanceof NamespaceSnapshot ? other.snapshot : other;
    const open = atCall(() => this.#snapshot.diff(whole, rangeOfKeys(this.form, range)));
    return mapSteps(open, (difference) => translated(this.form, difference));
  }
}

/**
 * A transaction in a namespace's keys and values. Its methods may be taken out of it:
 * `transact(async ({ get, set }) => …)`.
 */
export class NamespaceTransaction<V = unknown, In = V> extends NamespaceReads<V, undefined, ListOptions> {
  readonly #attempt: TransactionAttempt;

  /** Made by `Namespace.transact()`. */
  constructor(attempt: TransactionAttempt, form: NamespaceForm<V>) {
    super(attempt, form);
    this.#attempt = attempt;
    bindMethods(this);
  }

  protected override run<T>(read: () => Promise<T>): Promise<T> {
    return this.#attempt.track(read);
  }

  protected override get guard(): Guard {
    return (steps) => this.#attempt.trackWalk(steps);
  }

  /** The transaction itself, for keys outside the namespace. */
  get tx(): Transaction {
    return this.#attempt;
  }

  get readVersion(): number {
    return this.#attempt.readVersion;
  }

  get now(): Date {
    return this.#attempt.now;
  }

  snapshotGet(key: Key): Promise<V | undefined> {
    return this.run(async () => {
      const stored = await this.#attempt.snapshotGet(this.form.keyOf(key));
      return stored === undefined ? undefined : this.form.decode(stored);
    });
  }

  /** @throws TypeError for what doesn't fit the schema, and where that is asynchronous. */
  set(key: Key, value: In, options?: ExpiryOptions): void {
    this.#attempt.set(this.form.keyOf(key), this.form.encodeNow(value), options);
  }

  delete(key: Key): void {
    this.#attempt.delete(this.form.keyOf(key));
  }

  deleteRange(range: KeyRange): void {
    this.#attempt.deleteRange(rangeToDelete(this.form, range));
  }

  add(key: Key, n: number | bigint): void {
    this.#attempt.add(this.form.keyOf(key), n);
  }

  max(key: Key, n: number | bigint): void {
    this.#attempt.max(this.form.keyOf(key), n);
  }

  min(key: Key, n: number | bigint): void {
    this.#attempt.min(this.form.keyOf(key), n);
  }
}

/** Rows in the database's keys and values, one by one. What is no row is left to the database to refuse. */
function translatedRows<V, In>(form: NamespaceForm<V>, entries: NamespaceEntries<In>): LoadEntries {
  const rows = new Rows('load', entries, 'an (async) iterable of [key, value]');
  const translate = async (entry: unknown): Promise<unknown> => {
    if (!Array.isArray(entry)) return entry;
    try {
      const [key, value, ...options] = entry as [Key, In, ...unknown[]];
      const whole = form.keyOf(key);
      const encoded = form.encode(value);
      // A promise as a value is none: the database says so.
      const stored = encoded !== value && isPromise(encoded) ? await encoded : encoded;
      return [whole, stored, ...options];
    } catch (error) {
      return new UnfitRow(error);
    }
  };
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const { done, value } = await rows.next();
        return done
          ? { done, value: undefined }
          : { done: false, value: (await translate(value)) as LoadEntry };
      },
      async return() {
        rows.stop();
        return { done: true, value: undefined };
      },
    }),
  };
}

function bindMethods(target: object): void {
  for (
    let prototype: object = Object.getPrototypeOf(target);
    prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value !== 'function' || name === 'constructor' || Object.hasOwn(target, name)) continue;
      Object.defineProperty(target, name, { value: value.bind(target) });
    }
}

/** Deletion asks for a range: to leave it out by a slip must not delete everything. */
function rangeToDelete(form: NamespaceForm, range: KeyRange): KeyRange {
  if (range === undefined)
    throw new TypeError('expected a range such as { prefix: key }, found undefined; {} stands for all keys');
  return form.rangeOf(range as Range);
}

function rangeOfKeys(form: NamespaceForm, range: KeyRange | undefined): KeyRange {
  return form.rangeOf(range as Range | undefined);
}

function translated<V, C extends Change | Difference>(
  form: NamespaceForm<V>,
  change: C,
): Omit<C, 'key' | 'value' | 'previous'> & { key: Key; value: V | undefined; previous: V | undefined } {
  const { key, value, previous } = change;
  return {
    ...change,
    key: form.shorten(key),
    value: form.decode(value),
    previous: form.decode(previous),
  };
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}
