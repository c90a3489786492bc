/** A read view of one version. It never probes, never changes, and costs nothing to hold but its memory. */
import {
  decodeKey,
  decodeValue,
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
  userBounds,
  userKey,
  userRange,
} from './entry-reader.js';
import { toStoredKey } from './space.js';
import { formatVersionstamp, type Versionstamp } from './versionstamp.js';
import type { View } from './view.js';

/** A key whose value differs between two versions. */
export interface Difference {
  readonly key: KeyTuple;
  /** The later version's value; undefined: deleted. */
  readonly value: unknown;
  /** The earlier version's; undefined: it wasn't there. */
  readonly previous: unknown;
  /** Who wrote the later version's. */
  readonly version: number;
  readonly versionstamp: Versionstamp;
}

export class Snapshot {
  readonly #view: View;
  readonly #calls: CallOptions;

  /** Made by `Database.snapshot()`. */
  constructor(view: View, calls: CallOptions = {}) {
    this.#view = view;
    this.#calls = calls;
  }

  get version(): number {
    return this.#view.version;
  }

  /** The writer's wall clock when it made this version. Advisory. */
  get time(): Date {
    return new Date(this.#view.timeMs);
  }

  /** Merkle root of this version's segments, 32 bytes. */
  get manifestRoot(): Uint8Array {
    return this.#view.manifest.root;
  }

  /** This version's record hash, 32 bytes: it pins the whole history before it. */
  get hash(): Uint8Array {
    return this.#view.hash;
  }

  async get<V = unknown>(key: Key): Promise<V | undefined> {
    return (await this.getEntry<V>(key))?.value;
  }

  async getMany<V = unknown>(keys: readonly Key[]): Promise<(V | undefined)[]> {
    return Promise.all(checkKeys(keys).map((key) => this.get<V>(key)));
  }

  async getEntry<V = unknown>(key: Key): Promise<Entry<V> | undefined> {
    const { stored, bytes } = userKey(key);
    return entryOf(bytes, await this.#view.get(stored, bytes, this.#calls)) as Entry<V> | undefined;
  }

  async has(key: Key): Promise<boolean> {
    const { stored, bytes } = userKey(key);
    return (await this.#view.get(stored, bytes, this.#calls))?.value !== undefined;
  }

  list<V = unknown>(range?: Range, options: ListOptions = {}): AsyncGenerator<Entry<V>, void, undefined> {
    const { bounds, reverse, limit } = userRange(range, options);
    const signal = options.signal ?? this.#calls.signal;
    const cursor = this.#view.scan(bounds, { ...this.#calls, signal, reverse });
    return liveEntries(cursor, limit, signal) as AsyncGenerator<Entry<V>, void, undefined>;
  }

  keys(range?: Range, options: ListOptions = {}): AsyncGenerator<KeyTuple, void, undefined> {
    const { bounds, reverse, limit } = userRange(range, options);
    const signal = options.signal ?? this.#calls.signal;
    const cursor = this.#view.scan(bounds, { ...this.#calls, signal, reverse, keysOnly: true });
    return liveKeys(cursor, limit, signal);
  }

  async count(range?: Range, options: ListOptions = {}): Promise<number> {
    const { bounds, limit } = userRange(range, options);
    const signal = options.signal ?? this.#calls.signal;
    return countLive(this.#view.scan(bounds, { ...this.#calls, signal, keysOnly: true }), limit, signal);
  }

  /**
   * What changed from this version to `other` (or back, if `other` is the older one: the result is then what
   * would undo it). Reads only what was written in between.
   */
  async *diff(other: Snapshot, range?: KeyRange): AsyncGenerator<Difference, void, undefined> {
    const forward = other.version >= this.version;
    const [older, newer] = forward ? [this.#view, other.#view] : [other.#view, this.#view];
    const bounds = userBounds(range ?? {});
    const cursor = newer.scan(bounds, { ...this.#calls, newerThan: older.version });
    for (await cursor.start(); !cursor.done; await cursor.next()) {
      if (cursor.version <= older.version) continue;
      const key = cursor.key.slice();
      const { version, order } = cursor;
      const after = cursor.tombstone ? undefined : (await cursor.value()).slice();
      const before = (await older.get(toStoredKey(key), key, this.#calls))?.value;
      if (after === undefined && before === undefined) continue;
      const [value, previous] = forward ? [after, before] : [before, after];
      yield {
        key: decodeKey(key.subarray(1)),
        value: value && decodeValue(value),
        previous: previous && decodeValue(previous),
        version,
        versionstamp: formatVersionstamp({ version, order }),
      };
    }
  }
}

/** What a version that is gone or not yet there is answered with. */
export function expired(version: number, floor: number): HoldfastError {
  return new HoldfastError(
    'SNAPSHOT_EXPIRED',
    `Version ${version} is no longer retained: the oldest is ${floor}. Start again on a newer version; checkpoint(name) keeps one.`,
  );
}
