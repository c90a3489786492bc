/**
 * What clients saw: the only thing that the checkers believe. A history is plain data, so that it can be written
 * to a file, by one process or by many, and checked later.
 *
 * Invariants (of whoever records one):
 * - `invoked` was taken before the transaction began, `returned` after it had ended, by one clock for all.
 * - Elements appended to a list, and values written to a register, are never used twice for one key.
 */

export type Operation =
  /** Read the list and wrote it back with the element at its end. */
  | { readonly op: 'append'; readonly key: string; readonly element: number }
  /** Read a list; a key that is not there is an empty one. */
  | { readonly op: 'list'; readonly key: string; readonly elements: readonly number[] }
  /** Wrote a register, without reading it. */
  | { readonly op: 'write'; readonly key: string; readonly value: number }
  /** Read a register; null: the key was not there. */
  | { readonly op: 'read'; readonly key: string; readonly value: number | null };

export interface Transaction {
  /** Unique in the history. */
  readonly id: number;
  /** Who ran it; one process runs one transaction after the other. */
  readonly process: string;
  readonly invoked: number;
  /** Null: nobody learnt its end. */
  readonly returned: number | null;
  /** `aborted`: known not to have happened. `unknown`: may have happened, at any time from `invoked` on. */
  readonly outcome: 'committed' | 'aborted' | 'unknown';
  /** In the order they were made, those of the attempt that counts. */
  readonly operations: readonly Operation[];
  /** Of a read-only one that did not ask for the newest state: how old it may be, in units of `invoked`. */
  readonly stalenessMs?: number;
}

export type History = readonly Transaction[];
