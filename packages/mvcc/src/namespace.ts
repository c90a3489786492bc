/** A database seen through a key prefix, with codecs of its own. */
import { encodeKey, type Key, type KeyPart, type KeyTuple } from '@holdfast/core';
import type { Entry, ListOptions, Range, ReadOptions } from './entry-reader.js';
import type { Transaction } from './transaction.js';

/** Translates between what a user handles and what is stored. */
export interface Codec<T, S> {
  encode(value: T): S;
  decode(stored: S): T;
}

/** A validator in the shape of Standard Schema v1 (standardschema.dev): Zod, Valibot, ArkType and others. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    validate(
      value: unknown,
    ):
      | { readonly value: T; readonly issues?: undefined }
      | { readonly issues: readonly { readonly message: string }[] }
      | Promise<
          | { readonly value: T; readonly issues?: undefined }
          | { readonly issues: readonly { readonly message: string }[] }
        >;
  };
}

export interface NamespaceOptions<V> {
  /** Between this namespace's keys and key parts; default: keys as everywhere. */
  readonly key?: Codec<Key, readonly KeyPart[]> | undefined;
  readonly value?: Codec<V, unknown> | StandardSchema<V> | undefined;
}

/** What a namespace needs of its database. */
export interface NamespaceHost<WriteOptions = unknown, WriteResult = unknown> {
  get(key: Key, options?: ReadOptions): Promise<unknown>;
  has(key: Key, options?: ReadOptions): Promise<boolean>;
  set(key: Key, value: unknown, options?: WriteOptions): Promise<WriteResult>;
  delete(key: Key, options?: WriteOptions): Promise<WriteResult>;
  list(range?: Range, options?: ReadOptions & ListOptions): AsyncIterable<Entry>;
  count(range?: Range, options?: ReadOptions): Promise<number>;
  transact<T>(body: (tx: Transaction) => Promise<T> | T): Promise<T>;
}

export class Namespace<V = unknown, WriteOptions = unknown, WriteResult = unknown> {
  readonly #db: NamespaceHost<WriteOptions, WriteResult>;
  readonly #prefix: readonly KeyPart[];
  readonly #options: NamespaceOptions<V>;

  /** Made by `Database.namespace()`. */
  constructor(db: NamespaceHost<WriteOptions, WriteResult>, prefix: Key, options: NamespaceOptions<V>) {
    this.#db = db;
    this.#prefix = asTuple(prefix);
    this.#options = options;
  }

  /** The whole key of one of this namespace's. */
  keyOf(key: Key): Key {
    return [...this.#prefix, ...(this.#options.key?.encode(key) ?? asTuple(key))];
  }

  #shorten(key: KeyTuple): Key {
    const rest = key.slice(this.#prefix.length);
    return this.#options.key ? this.#options.key.decode(rest) : rest;
  }

  async encodeValue(value: V): Promise<unknown> {
    const codec = this.#options.value;
    if (codec === undefined) return value;
    if ('encode' in codec) return codec.encode(value);
    const checked = await codec['~standard'].validate(value);
    if (checked.issues)
      throw new TypeError(
        `The value does not fit this namespace's schema: ${checked.issues.map((i) => i.message).join('; ')}.`,
      );
    return checked.value;
  }

  #decodeValue(stored: unknown): V {
    const codec = this.#options.value;
    return codec && 'decode' in codec ? codec.decode(stored) : (stored as V);
  }

  async get(key: Key, options?: ReadOptions): Promise<V | undefined> {
    const stored = await this.#db.get(this.keyOf(key), options);
    return stored === undefined ? undefined : this.#decodeValue(stored);
  }

  has(key: Key, options?: ReadOptions): Promise<boolean> {
    return this.#db.has(this.keyOf(key), options);
  }

  async set(key: Key, value: V, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.set(this.keyOf(key), await this.encodeValue(value), options);
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#db.delete(this.keyOf(key), options);
  }

  /** This namespace's entries in key order, keys without the prefix. */
  async *list(
    options: ReadOptions & ListOptions = {},
  ): AsyncGenerator<Omit<Entry<V>, 'key'> & { key: Key }, void, undefined> {
    for await (const entry of this.#db.list({ prefix: this.#prefix }, options))
      yield { ...entry, key: this.#shorten(entry.key), value: this.#decodeValue(entry.value) };
  }

  count(options?: ReadOptions): Promise<number> {
    return this.#db.count({ prefix: this.#prefix }, options);
  }

  /** A transaction over the whole database whose short-hands speak this namespace's keys and values. */
  transact<T>(body: (tx: NamespaceTransaction<V>) => Promise<T> | T): Promise<T> {
    return this.#db.transact((tx) =>
      body({
        tx,
        get: async (key) => {
          const stored = await tx.get(this.keyOf(key));
          return stored === undefined ? undefined : this.#decodeValue(stored);
        },
        set: async (key, value) => tx.set(this.keyOf(key), await this.encodeValue(value)),
        delete: (key) => tx.delete(this.keyOf(key)),
      }),
    );
  }
}

export interface NamespaceTransaction<V> {
  /** The transaction itself, for keys outside the namespace. */
  readonly tx: Transaction;
  get(key: Key): Promise<V | undefined>;
  set(key: Key, value: V): Promise<void>;
  delete(key: Key): void;
}

function asTuple(key: Key): readonly KeyPart[] {
  if (typeof key === 'string' || key instanceof Uint8Array) return [key];
  // Says what a key must be, where this is none.
  if (!Array.isArray(key)) encodeKey(key);
  return key;
}
