/**
 * Histories of keys that are deleted by ranges and that expire: what transactions did to one area of numbered keys,
 * with the place in the log that each got. Plain data, as in history.ts.
 *
 * Invariants (of whoever records one):
 * - `invoked` and `returned` are by one clock for all, as in history.ts.
 * - `operations` are in the order they were made, those of the run that counts; reads saw what was written before them
 *   in the same transaction.
 * - A writer is in it exactly if its effect is known to be there: its stamp was read from what it left.
 */

/** Half open: keys from `from` on, below `to`. */
export interface KeySpan {
  readonly from: number;
  readonly to: number;
}

/** A key, its value, and when it expires; null: never. */
export type Found = readonly [key: number, value: number, expiresMs: number | null];

export type RangeOperation =
  /** Null: it was not there. */
  | { readonly op: 'get'; readonly key: number; readonly found: Found | null }
  | { readonly op: 'has'; readonly key: number; readonly there: boolean }
  /** A walk: in key order or from the end, at most `limit` entries (0: all). */
  | (KeySpan & {
      readonly op: 'scan';
      readonly reverse: boolean;
      readonly limit: number;
      readonly found: readonly Found[];
    })
  | (KeySpan & { readonly op: 'count'; readonly count: number })
  | { readonly op: 'set'; readonly key: number; readonly value: number; readonly expiresMs: number | null }
  | { readonly op: 'delete'; readonly key: number }
  /** Absence for every key of the span, those that were not there too. It reads nothing. */
  | (KeySpan & { readonly op: 'deleteRange' })
  /** On what lies there when it takes effect. It reads nothing. */
  | { readonly op: 'add' | 'max'; readonly key: number; readonly n: number };

interface Ran {
  /** Unique in the history. */
  readonly id: number;
  readonly process: string;
  readonly invoked: number;
  /** Null: nobody learnt its end. */
  readonly returned: number | null;
  readonly operations: readonly RangeOperation[];
}

/** Has written, or at least left its mark. */
export interface RangeWriter extends Ran {
  /** Its place: by version, and by order within one version. No two have the same. */
  readonly version: number;
  readonly order: number;
  /** The version that its reads saw. */
  readonly readVersion: number;
  /** Its time, by its machine's clock, milliseconds. */
  readonly nowMs: number;
}

/** Has read only. */
export interface RangeReader extends Ran {
  /** The version that it saw (`exact`), or the oldest that it can have seen. */
  readonly readVersion: number;
  readonly exact: boolean;
  /** Its time lies between these two, both included. */
  readonly nowMs: readonly [earliest: number, latest: number];
  /** It asked for an old state. */
  readonly past?: true;
}

export interface RangeHistory {
  readonly writers: readonly RangeWriter[];
  readonly readers: readonly RangeReader[];
}
