/**
 * The tail: the newest write to each key since the last flush, at one version. Immutable to its users.
 *
 * Invariants:
 * - `all` holds every key written in (flushedThrough, version], `fresh` those in (freshFrom, version]:
 *   what the next record has to carry inline.
 * - A tail never changes after `TailBuilder.finish()`; copies share nodes, so a snapshot costs nothing.
 * - It owns its bytes: no entry keeps the record alive that it came in.
 */
import { ByteWriter, type EncodedEntries, encodeEntry, type Write } from '@holdfast/core';
import { type SortedMap, sortedMap } from './sorted-map.js';
import { type Bounds, fromStoredKey, type StoredKey, toStoredKey } from './space.js';
import { compareStamps, type Stamp } from './versionstamp.js';

/** A key's newest write. */
export interface TailEntry extends Stamp {
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** When it begins to read as absent, milliseconds since 1970. */
  readonly expiresMs?: number | undefined;
  /** The value is the descriptor of a stream. */
  readonly stream?: true | undefined;
  /** As a record carries it, for a carry that begins after `from`; made when it is first needed. */
  encoded?: { readonly from: number; readonly bytes: Uint8Array };
}

/** A write as the tail has it. */
export function tailEntry(
  { value, expiresMs, stream }: Omit<Write, 'key'>,
  version: number,
  order: number,
): TailEntry {
  return expiresMs === undefined && !stream
    ? { value, version, order }
    : { value, version, order, expiresMs, stream };
}

/** What an entry weighs in a record: a little more than its bytes. */
const ENTRY_OVERHEAD_BYTES = 8;

const weigh = (key: StoredKey, entry: TailEntry | undefined): number =>
  entry === undefined ? 0 : key.length + (entry.value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;

export class Tail {
  readonly all: SortedMap<TailEntry>;
  readonly fresh: SortedMap<TailEntry>;
  /** The version after which `fresh` begins. */
  readonly freshFrom: number;
  readonly bytes: number;
  readonly freshBytes: number;

  constructor(parts: {
    all: SortedMap<TailEntry>;
    fresh: SortedMap<TailEntry>;
    freshFrom: number;
    bytes: number;
    freshBytes: number;
  }) {
    this.all = parts.all;
    this.fresh = parts.fresh;
    this.freshFrom = parts.freshFrom;
    this.bytes = parts.bytes;
    this.freshBytes = parts.freshBytes;
  }

  get(key: StoredKey): TailEntry | undefined {
    return this.all.get(key);
  }

  /** Whether a key in `bounds` was written after `version`. */
  hasWriteAfter(bounds: Bounds, version: number): boolean {
    const end = bounds.end && toStoredKey(bounds.end);
    let pair = this.all.getPairOrNextHigher(toStoredKey(bounds.begin));
    for (; pair && (end === undefined || pair[0] < end); pair = this.all.nextHigherPair(pair[0]))
      if (pair[1].version > version) return true;
    return false;
  }

  /**
   * What a record carries inline: the fresh entries after `from`, encoded. Most were in the record before too, so
   * each keeps its encoding.
   */
  encodeFresh(from: number): EncodedEntries {
    const writer = new ByteWriter(this.freshBytes + 1024);
    let count = 0;
    this.fresh.forEachPair((key, entry) => {
      if (entry.version <= from) return;
      if (entry.encoded?.from !== from)
        entry.encoded = { from, bytes: encodeEntry({ ...entry, key: fromStoredKey(key) }, from) };
      writer.raw(entry.encoded.bytes);
      count++;
    });
    return { count, bytes: writer.view() };
  }
}

/** Makes a tail, from nothing or from an older one. */
export class TailBuilder {
  #all: SortedMap<TailEntry>;
  #fresh: SortedMap<TailEntry>;
  readonly #freshFrom: number;
  #bytes = 0;
  #freshBytes = 0;

  /**
   * @param flushedThrough writes up to here are in segments and stay out.
   * @param freshFrom writes after it are to be carried inline.
   */
  constructor(base: Tail | undefined, flushedThrough: number, freshFrom: number, baseFlushedThrough = 0) {
    this.#freshFrom = freshFrom;
    this.#all = sortedMap();
    this.#fresh = sortedMap();
    if (base === undefined) return;
    if (flushedThrough === baseFlushedThrough) {
      this.#all = base.all.clone();
      this.#bytes = base.bytes;
    } else {
      base.all.forEachPair((key, entry) => {
        if (entry.version > flushedThrough) this.#bytes += replace(this.#all, key, entry);
      });
    }
    if (freshFrom === base.freshFrom) {
      this.#fresh = base.fresh.clone();
      this.#freshBytes = base.freshBytes;
    } else {
      const source = freshFrom > base.freshFrom ? base.fresh : base.all;
      source.forEachPair((key, entry) => {
        if (entry.version > freshFrom) this.#freshBytes += replace(this.#fresh, key, entry);
      });
    }
  }

  /** Adds a write unless a newer one of its key is there. */
  add(key: StoredKey, entry: TailEntry): void {
    const known = this.#all.get(key);
    if (known !== undefined && compareStamps(known, entry) > 0) return;
    const own = owned(entry);
    this.#bytes += replace(this.#all, key, own);
    if (entry.version > this.#freshFrom) this.#freshBytes += replace(this.#fresh, key, own);
  }

  finish(): Tail {
    return new Tail({
      all: this.#all,
      fresh: this.#fresh,
      freshFrom: this.#freshFrom,
      bytes: this.#bytes,
      freshBytes: this.#freshBytes,
    });
  }
}

/**
 * With bytes of its own where they are a part of others: one small value would keep the whole record that it was
 * read from. (`byteOffset`, not `buffer`: asking a small array for its buffer moves it out of the heap.)
 */
function owned(entry: TailEntry): TailEntry {
  const { value } = entry;
  if (value === undefined || value.byteOffset === 0) return entry;
  // Not `slice`: a Buffer's would be a view.
  return { ...entry, value: new Uint8Array(value) };
}

/** @returns by how many bytes the map grew. */
function replace(map: SortedMap<TailEntry>, key: StoredKey, entry: TailEntry): number {
  const before = weigh(key, map.get(key));
  map.set(key, entry);
  return weigh(key, entry) - before;
}
