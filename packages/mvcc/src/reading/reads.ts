/**
 * The reads of an open database, over what asks for the newest state. What a read is given is taken at the call.
 */
import type { Key } from '@holdfast/core';
import { READ_OPTIONS, takeOptions } from '../context/call-options.js';
import type { Lifetime } from '../context/lifetime.js';
import { alive } from '../state/alive.js';
import type { TailEntry } from '../state/tail.js';
import type { View } from '../state/view.js';
import {
  type Entry,
  entryOf,
  LIST_OPTIONS,
  type ListOptions,
  liveValueOf,
  type ReadOptions,
  type StoredAndBytes,
  userKey,
  userKeys,
} from './entry-reader.js';
import { RangeReads } from './range-reads.js';
import { openStream } from './stream-reader.js';

/** How the newest state is asked for, as fresh as the options want it. */
export interface Newest {
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

  get(key: Key, options: ReadOptions | undefined): Promise<unknown> {
    return this.run('get', options, async (taken) => {
      const nowMs = this.#newest.nowMs();
      return liveValueOf(await this.#newest.read(userKey(key), taken), nowMs);
    });
  }

  getEntry(key: Key, options: ReadOptions | undefined): Promise<Entry | undefined> {
    return this.run('getEntry', options, async (taken) => {
      const at = userKey(key);
      const nowMs = this.#newest.nowMs();
      return entryOf(at.bytes, await this.#newest.read(at, taken), nowMs);
    });
  }

  getMany(keys: readonly Key[], options: ReadOptions | undefined): Promise<unknown[]> {
    return this.run('getMany', options, async (taken) => {
      const all = userKeys(keys);
      const nowMs = this.#newest.nowMs();
      const view = await this.#newest.fresh(taken);
      const found = await Promise.all(all.map(({ stored, bytes }) => view.get(stored, bytes, taken)));
      return found.map((each) => liveValueOf(each, nowMs));
    });
  }

  getStream(key: Key, options: ReadOptions | undefined): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.run('getStream', options, async (taken) => {
      const { stored, bytes } = userKey(key);
      const nowMs = this.#newest.nowMs();
      const view = await this.#newest.fresh(taken);
      const found = await view.get(stored, bytes, taken);
      return openStream(view, bytes, found, nowMs, this.#lifetime, taken);
    });
  }

  has(key: Key, options: ReadOptions | undefined): Promise<boolean> {
    return this.run('has', options, async (taken) => {
      const nowMs = this.#newest.nowMs();
      return alive(await this.#newest.read(userKey(key), taken), nowMs) !== undefined;
    });
  }
}
