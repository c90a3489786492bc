/**
 * The last tails that were flushed, kept in memory: what they hold need not be read from the segments it was moved
 * to. Whether somebody wrote a key lately is then answered without the store, also right after a flush, and whatever
 * compaction has made of those segments.
 *
 * Invariant: with the tail they hold the newest write of every key among the writes of after `from`, but for those of
 * large transactions, which are in segments alone. Each was made of the writes after the flush before it, and the one
 * that is kept is that of the last version before its flush was published: none is missing between two of them.
 */
import type { Bounds, StoredKey } from './space.js';
import type { Tail, TailEntry } from './tail.js';

/** Tails are kept up to this weight; the newest are the ones asked for. */
const BYTES_MAX = 8 * 1024 * 1024;

interface Kept {
  readonly tail: Tail;
  /** The version after which it begins. */
  readonly after: number;
}

export class FlushedTails {
  static readonly none: FlushedTails = new FlushedTails([]);
  /** Newest first: what an earlier one says of a key is newer than what a later one says. */
  readonly #kept: readonly Kept[];

  private constructor(kept: readonly Kept[]) {
    this.#kept = kept;
  }

  /** With a tail of the writes after version `after`, which was flushed. */
  with(tail: Tail, after: number): FlushedTails {
    const kept: Kept[] = [];
    let bytes = 0;
    for (const one of [{ tail, after }, ...this.#kept]) {
      bytes += one.tail.bytes;
      if (bytes > BYTES_MAX) break;
      kept.push(one);
    }
    return new FlushedTails(kept);
  }

  /** The version after which the oldest of them begins; undefined: none is kept. */
  get from(): number | undefined {
    return this.#kept.at(-1)?.after;
  }

  get(key: StoredKey): TailEntry | undefined {
    for (const { tail } of this.#kept) {
      const found = tail.get(key);
      if (found) return found;
    }
    return undefined;
  }

  /** Whether a key in `bounds` was written after `version`. */
  hasWriteAfter(bounds: Bounds, version: number): boolean {
    return this.#kept.some(({ tail }) => tail.hasWriteAfter(bounds, version));
  }
}
