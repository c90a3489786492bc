/**
 * A read view of one version at one moment. It never probes, never changes, and costs nothing to hold but its memory.
 *
 * Invariant: what has expired is told by the moment that it was given, never by a clock: no entry of it goes away.
 */
import { decodeKey, type Key, type KeyRange, type KeyTuple, MISS } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { CALL_OPTIONS, takeOptions } from '../context/call-options.js';
import type { Lifetime } from '../context/lifetime.js';
import { alive } from '../state/alive.js';
import type { Bounds } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import { formatVersionstamp, type Versionstamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import { writtenBetween } from './differences.js';
import {
  type Entry,
  entryOf,
  LIST_OPTIONS,
  type ListOptions,
  liveValueOf,
  type Range,
  type ReadOptions,
  userBounds,
  userKey,
  userKeys,
  userValueOf,
} from './entry-reader.js';
import type { Listing } from './listing.js';
import { RangeReads } from './range-reads.js';
import { openStream } from './stream-reader.js';

export interface SnapshotOptions extends ReadOptions {
  /** A version, or the newest one written by then; default: the newest there is. */
  readonly at?: number | Date | undefined;
}

/** A key whose value differs between two versions. */
export interface Difference<V = unknown> {
  readonly key: KeyTuple;
  /** The later version's value; undefined: deleted. */
  readonly value: V | undefined;
  /** The earlier version's; undefined: it wasn't there. */
  readonly previous: V | undefined;
  /** Who wrote the later version's. */
  readonly version: number;
  readonly versionstamp: Versionstamp;
}

export class Snapshot {
  readonly #view: View;
  readonly #lifetime: Lifetime;
  readonly #calls: CallOptions;
  /** What has expired by then is not there, for every read of it. */
  readonly #nowMs: number;
  readonly #ranges: RangeReads;

  /** Made by `Database.snapshot()`. */
  constructor(view: View, nowMs: number, lifetime: Lifetime, calls: CallOptions = {}) {
    this.#view = view;
    this.#lifetime = lifetime;
    this.#calls = calls;
    this.#nowMs = nowMs;
    this.#ranges = new RangeReads({
      takes: LIST_OPTIONS,
      run: (read) => lifetime.run(read),
      guard: (steps) => lifetime.iterate(steps),
      scan: ({ bounds, reverse }, options, keysOnly) => {
        const signal = options.signal ?? calls.signal;
        return { cursor: view.scan(bounds, { ...calls, signal, reverse, keysOnly }), nowMs, signal };
      },
    });
  }

  get version(): number {
    return this.#view.version;
  }

  /** The writer's wall clock when it made this version. Advisory. */
  get time(): Date {
    return new Date(this.#view.clockMs);
  }

  /** Merkle root of this version's segments, 32 bytes. */
  get manifestRoot(): Uint8Array {
    return this.#view.manifest.root.slice();
  }

  /** This version's record hash, 32 bytes: it pins the whole history before it. */
  get hash(): Uint8Array {
    return this.#view.hash.slice();
  }

  get<V = unknown>(key: Key): Promise<V | undefined> {
    return this.#one(key, (found) => liveValueOf(found, this.#nowMs) as V | undefined);
  }

  /**
   * The value if memory can tell: undefined where the key is known not to be there, `MISS` where `get` would have
   * to read.
   */
  peek<V = unknown>(key: Key): V | undefined | typeof MISS {
    this.#lifetime.check();
    const found = this.#view.peek(userKey(key));
    return found === MISS ? MISS : (liveValueOf(found, this.#nowMs) as V | undefined);
  }

  getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]> {
    return this.#lifetime.run(async () => {
      const found = await this.#view.getMany(userKeys(keys), this.#calls);
      return found.map((entry) => liveValueOf(entry, this.#nowMs) as V | undefined);
    });
  }

  getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined> {
    return this.#one(key, (found, bytes) => entryOf(bytes, found, this.#nowMs) as Entry<V> | undefined);
  }

  /** What is in memory is answered at once: nothing is begun that a close would wait for. */
  #one<T>(key: Key, make: (found: TailEntry | undefined, bytes: Uint8Array) => T): Promise<T> {
    try {
      this.#lifetime.check();
      const at = userKey(key);
      const found = this.#view.peek(at);
      if (found !== MISS) return Promise.resolve(make(found, at.bytes));
      return this.#lifetime.run(async () =>
        make(await this.#view.get(at.stored, at.bytes, this.#calls), at.bytes),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `Database.getStream`, of this version. */
  getStream(key: Key, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#lifetime.run(async () => {
      const { stored, bytes } = userKey(key);
      const calls = { ...this.#calls, ...takeOptions('getStream', options, CALL_OPTIONS) };
      const found = await this.#view.get(stored, bytes, calls);
      return openStream(this.#view, bytes, found, this.#nowMs, this.#lifetime, calls);
    });
  }

  has(key: Key): Promise<boolean> {
    return this.#one(key, (found) => alive(found, this.#nowMs) !== undefined);
  }

  /** The first entry of the range, or the last with `reverse`. */
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

  /**
   * What changed from this version to `other` (or back, if `other` is the older one: the result is then what
   * would undo it). Reads only what was written in between: a key that has expired between the two moments, and was
   * not written, is not told.
   */
  diff<V = unknown>(other: Snapshot, range: KeyRange = {}): AsyncGenerator<Difference<V>, void, undefined> {
    let bounds: Bounds | Error;
    try {
      if (!(other instanceof Snapshot))
        throw new TypeError('diff: expected another snapshot of this database, found something else.');
      bounds = userBounds(range);
    } catch (error) {
      bounds = error as Error;
    }
    return this.#lifetime.iterate(this.#differences(other, bounds)) as AsyncGenerator<
      Difference<V>,
      void,
      undefined
    >;
  }

  async *#differences(other: Snapshot, bounds: Bounds | Error): AsyncGenerator<Difference, void, undefined> {
    if (bounds instanceof Error) throw bounds;
    const forward = other.version >= this.version;
    const [before, after] = forward ? [this, other] : [other, this];
    const [older, newer] = [before.#view, after.#view];
    for await (const written of writtenBetween(older, newer, bounds, this.#calls)) {
      const { key, version, order } = written;
      const now = alive(written.after, after.#nowMs);
      const once = alive(written.before, before.#nowMs);
      if (now === undefined && once === undefined) continue;
      const [value, previous] = forward ? [now, once] : [once, now];
      yield {
        key: decodeKey(key.subarray(1)),
        value: value && userValueOf(value),
        previous: previous && userValueOf(previous),
        version,
        versionstamp: formatVersionstamp({ version, order }),
      };
    }
  }
}
