/** The reads of a namespace, over whatever reads whole keys: a database, a snapshot, a transaction. */
import type { Key } from '@holdfast/core';
import { atCall, mapSteps } from '../context/steps.js';
import type { Entry, Range } from '../reading/entry-reader.js';
import type { Guard, Listing } from '../reading/listing.js';
import type { NamespaceForm } from './codec.js';

/** An entry with the namespace's own key. */
export type NamespaceEntry<V> = Omit<Entry, 'key' | 'value'> & { readonly key: Key; readonly value: V };

/** What reads whole keys. */
export interface ReadHost<Get, List> {
  get(key: Key, options?: Get): Promise<unknown>;
  getEntry(key: Key, options?: Get): Promise<Entry | undefined>;
  getMany(keys: readonly Key[], options?: Get): Promise<unknown[]>;
  has(key: Key, options?: Get): Promise<boolean>;
  first(range?: Range, options?: Omit<List, 'limit'>): Promise<Entry | undefined>;
  list(range?: Range, options?: List): Listing<Entry>;
  keys(range?: Range, options?: List): Listing<KeyOfHost>;
  count(range?: Range, options?: List): Promise<number>;
}

type KeyOfHost = Entry['key'];

export abstract class NamespaceReads<V, Get, List> {
  protected readonly form: NamespaceForm<V>;
  protected readonly host: ReadHost<Get, List>;

  constructor(host: ReadHost<Get, List>, form: NamespaceForm<V>) {
    this.host = host;
    this.form = form;
  }

  /** How a read runs; a transaction sees to those that are not waited for. */
  protected run<T>(read: () => Promise<T>): Promise<T> {
    return read();
  }

  /** The same for walks. */
  protected get guard(): Guard {
    return (steps) => steps;
  }

  get(key: Key, options?: Get): Promise<V | undefined> {
    return this.run(async () => this.#value(await this.host.get(this.form.keyOf(key), options)));
  }

  getEntry(key: Key, options?: Get): Promise<NamespaceEntry<V> | undefined> {
    return this.run(async () => this.#entry(await this.host.getEntry(this.form.keyOf(key), options)));
  }

  getMany(keys: readonly Key[], options?: Get): Promise<(V | undefined)[]> {
    return this.run(async () => {
      // What is no array is left to the host to refuse.
      const whole = Array.isArray(keys) ? keys.map(this.form.keyOf) : keys;
      return (await this.host.getMany(whole, options)).map((stored) => this.#value(stored));
    });
  }

  has(key: Key, options?: Get): Promise<boolean> {
    return this.run(async () => this.host.has(this.form.keyOf(key), options));
  }

  /** The first entry of the range, or the last with `reverse`. */
  first(range?: Range, options?: Omit<List, 'limit'>): Promise<NamespaceEntry<V> | undefined> {
    return this.run(async () => this.#entry(await this.host.first(this.form.rangeOf(range), options)));
  }

  /** This namespace's entries in key order; ranges and keys are without the prefix. */
  list(range?: Range, options?: List): Listing<NamespaceEntry<V>> {
    const open = () => this.host.list(this.form.rangeOf(range), options);
    return mapListing(open, (entry) => this.form.entry(entry), this.guard);
  }

  keys(range?: Range, options?: List): Listing<Key> {
    const open = () => this.host.keys(this.form.rangeOf(range), options);
    return mapListing(open, (key) => this.form.shorten(key), this.guard);
  }

  count(range?: Range, options?: List): Promise<number> {
    return this.run(async () => this.host.count(this.form.rangeOf(range), options));
  }

  #value(stored: unknown): V | undefined {
    return stored === undefined ? undefined : this.form.decode(stored);
  }

  #entry(entry: Entry | undefined): NamespaceEntry<V> | undefined {
    return entry && this.form.entry(entry);
  }
}

function mapListing<T, U>(open: () => Listing<T>, make: (item: T) => U, guard: Guard): Listing<U> {
  const opened = atCall(open);
  const steps = guard(mapSteps(opened, make)) as Listing<U>;
  const many = (items: T[]): U[] => items.map(make);
  steps.batches = (size) => guard(mapSteps(() => opened().batches(size), many));
  return steps;
}
