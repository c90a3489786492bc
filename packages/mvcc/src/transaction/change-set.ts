/**
 * What a transaction's body has written so far, key by key.
 *
 * Invariants:
 * - A walk is in key order. Most bodies write a few keys and walk over none: a tree is made for the first walk that asks
 *   for a place, and kept up from then on.
 */
import type { Change } from '../commit/mutation.js';
import { type SortedMap, sortedMap } from '../state/sorted-map.js';
import type { StoredKey } from '../state/space.js';

export class ChangeSet {
  readonly #changes = new Map<StoredKey, Change>();
  #tree: SortedMap<Change> | undefined;

  get size(): number {
    return this.#changes.size;
  }

  get(key: StoredKey): Change | undefined {
    return this.#changes.get(key);
  }

  set(key: StoredKey, change: Change): void {
    this.#changes.set(key, change);
    this.#tree?.set(key, change);
  }

  delete(key: StoredKey): void {
    this.#changes.delete(key);
    this.#tree?.delete(key);
  }

  keys(): IterableIterator<StoredKey> {
    return this.#changes.keys();
  }

  /** A copy, in key order. */
  inOrder(): Map<StoredKey, Change> {
    if (this.#changes.size < 2) return new Map(this.#changes);
    return new Map([...this.#changes].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The first change at or after a key. */
  atOrAfter(key: StoredKey): [StoredKey, Change] | undefined {
    return this.#ordered.getPairOrNextHigher(key);
  }

  after(key: StoredKey): [StoredKey, Change] | undefined {
    return this.#ordered.nextHigherPair(key);
  }

  get #ordered(): SortedMap<Change> {
    if (!this.#tree) {
      this.#tree = sortedMap();
      for (const [key, change] of this.#changes) this.#tree.set(key, change);
    }
    return this.#tree;
  }
}
