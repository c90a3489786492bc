/**
 * The last tails that were flushed, kept in memory: what they hold need not be read from the segments it was moved
 * to. Whether somebody wrote a key lately is then answered without the store, also right after a flush.
 *
 * Invariants:
 * - The newest write of every key in a run that is covered here lies in its tail, or in a newer one: a flush is
 *   made of the newest write to each key after the flush before it, and the tail that is kept is that of the last
 *   version before the flush was published, so no older.
 * - Only runs of flushes are covered. A large transaction's writes are in its segments alone.
 */
import type { Manifest } from '@holdfast/core';
import type { Bounds, StoredKey } from './space.js';
import type { Tail, TailEntry } from './tail.js';

/** Tails are kept up to this weight; the newest are the ones asked for. */
const BYTES_MAX = 8 * 1024 * 1024;

interface Kept {
  readonly tail: Tail;
  readonly runs: ReadonlySet<number>;
}

export class FlushedTails {
  static readonly none: FlushedTails = new FlushedTails([]);
  /** Newest first: what an earlier one says of a key is newer than what a later one says. */
  readonly #kept: readonly Kept[];

  private constructor(kept: readonly Kept[]) {
    this.#kept = kept;
  }

  /** With the tail that a flush has moved into `runs`. */
  with(tail: Tail, runs: ReadonlySet<number>): FlushedTails {
    const kept: Kept[] = [];
    let bytes = 0;
    for (const one of [{ tail, runs }, ...this.#kept]) {
      bytes += one.tail.bytes;
      if (bytes > BYTES_MAX) break;
      kept.push(one);
    }
    return new FlushedTails(kept);
  }

  /** Whether all that is in this run is in memory too. */
  covers(run: number): boolean {
    return this.#kept.some(({ runs }) => runs.has(run));
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

/**
 * The runs that a flush has made of the writes in (after, through].
 * @param before the manifest before it: runs are numbered in the order of their making.
 */
export function flushedRuns(
  before: Manifest,
  manifest: Manifest,
  { after, through }: { readonly after: number; readonly through: number },
): ReadonlySet<number> {
  const runs = new Set<number>();
  for (const { run, stampVersion, minVersion, maxVersion } of manifest.entries)
    if (run >= before.nextRun && stampVersion === 0 && minVersion > after && maxVersion <= through)
      runs.add(run);
  return runs;
}
