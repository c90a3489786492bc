/**
 * The reads of an open database, over what asks for the newest state. What a read is given is taken at the call.
 */
import { type Key, MISS } from '@holdfast/core';
import { READ_OPTIONS, takeOptions } from '../context/call-options.js';
import { isExpired } from '../context/expiry.js';
import type { Lifetime } from '../context/lifetime.js';
import { alive } from '../state/alive.js';
import type { StoredAndBytes } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { View } from '../state/view.js';
import {
  type Entry,
  entryOf,
  LIST_OPTIONS,
  type ListOptions,
  liveValueOf,
  type ReadOptions,
  userKey,
  userKeys,
} from './entry-reader.js';
import { RangeReads } from './range-reads.js';
import { openStream } from './stream-reader.js';

/** How the newest state is asked for, as fresh as the options want it. */
export interface Newest {
  /** What may be read without asking for anything newer; undefined: it must be asked. */
  readonly known: (options: ReadOptions) => View | undefined;
  readonly read: (at: StoredAndBytes, options: ReadOptions) => Promise<TailEntry | undefined>;
  readonly fresh: (options: ReadOptions) => Promise<View>;
  /** The moment that a read shows, milliseconds since 1970; asked once, at its call. */
  readonly nowMs: () => number;
}

export class Reads {
  readonly #lifetime: Lifetime;
  readonly #newest: Newest;
  readonly ranges: RangeReads<ReadOptions & ListOptions>;

  constructor(lifetime: Lifetime, newest: Newest) {
    this.#lifetime = lifetime;
    this.#newest = newest;
    this.ranges = new RangeReads({
      takes: [...LIST_OPTIONS, 'maxStalenessMs', 'meter'],
      run: (read) => lifetime.run(read),
      guard: (steps) => lifetime.iterate(steps),
      scan: async ({ bounds, reverse }, options, keysOnly) => {
        const nowMs = newest.nowMs();
        const { signal, meter } = options;
        const view = await newest.fresh(options);
        return { cursor: view.scan(bounds, { signal, meter, reverse, keysOnly }), nowMs, signal };
      },
    });
  }

  /** @param call how messages name it. */
  run<T>(
    call: string,
    options: ReadOptions | undefined,
    read: (taken: ReadOptions) => Promise<T>,
  ): Promise<T> {
    return this.#lifetime.run(async () => read(takeOptions(call, options, READ_OPTIONS)));
  }

  /** Of one key. What is in memory and new enough is answered at once: nothing is begun that a close would wait for. */
  #one<T>(
    call: string,
    key: Key,
    options: ReadOptions | undefined,
    make: (found: TailEntry | undefined, nowMs: number, bytes: Uint8Array) => T,
  ): Promise<T> {
    try {
      this.#lifetime.check();
      const taken = takeOptions(call, options, READ_OPTIONS);
      const at = userKey(key);
      const nowMs = this.#newest.nowMs();
      const view = this.#newest.known(taken);
      if (view) {
        const found = view.peek(at);
        if (found !== MISS) return Promise.resolve(make(found, nowMs, at.bytes));
      }
      return this.#lifetime.run(async () => make(await this.#newest.read(at, taken), nowMs, at.bytes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Where the state that was fresh enough has expired, on the newest one: nobody has asked for the other by its number. */
  async #onFresh<T>(options: ReadOptions, read: (view: View) => Promise<T>): Promise<T> {
    try {
      return await read(await this.#newest.fresh(options));
    } catch (error) {
      if (!isExpired(error) || !options.maxStalenessMs) throw error;
      return read(await this.#newest.fresh({ ...options, maxStalenessMs: 0 }));
    }
  }

  get(key: Key, options: ReadOptions | undefined): Promise<unknown> {
    return this.#one('get', key, options, liveValueOf);
  }

  getEntry(key: Key, options: ReadOptions | undefined): Promise<Entry | undefined> {
    return this.#one('getEntry', key, options, (found, nowMs, bytes) => entryOf(bytes, found, nowMs));
  }

  getMany(keys: readonly Key[], options: ReadOptions | undefined): Promise<unknown[]> {
    return this.run('getMany', options, async (taken) => {
      const all = userKeys(keys);
      const nowMs = this.#newest.nowMs();
      const found = await this.#onFresh(taken, (view) => view.getMany(all, taken));
      return found.map((each) => liveValueOf(each, nowMs));
    });
  }

  getStream(key: Key, options: ReadOptions | undefined): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.run('getStream', options, async (taken) => {
      const { stored, bytes } = userKey(key);
      const nowMs = this.#newest.nowMs();
      return this.#onFresh(taken, async (view) => {
        const found = await view.get(stored, bytes, taken);
        return openStream(view, bytes, found, nowMs, this.#lifetime, taken);
      });
    });
  }

  has(key: Key, options: ReadOptions | undefined): Promise<boolean> {
    return this.#one('has', key, options, (found, nowMs) => alive(found, nowMs) !== undefined);
  }
}
