/**
 * What the transactions that were accepted into a record write: what lies between the state and the next of them.
 *
 * Invariant: a key's newest write among them is known, that of a deleted range too. Of one transaction its deleted
 * ranges come before its writes.
 */
import type { Held } from '../state/alive.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import type { StoredKey } from '../state/space.js';

interface Placed {
  readonly held: Held;
  /** The transaction's place. */
  readonly order: number;
}

export class GroupWrites {
  readonly #placed = new Map<StoredKey, Placed>();
  #ranges = RangeTombstones.none;
  #order = 0;

  get keys(): ReadonlyMap<StoredKey, unknown> {
    return this.#placed;
  }

  /** The stamps in it say nothing outside of it. */
  get ranges(): RangeTombstones {
    return this.#ranges;
  }

  /** Adds what a transaction does. */
  add(deleted: RangeTombstones, writes: Iterable<readonly [StoredKey, Held]>): void {
    const order = this.#order++;
    for (const [key, held] of writes) this.#placed.set(key, { held, order });
    if (deleted.size > 0)
      this.#ranges = this.#ranges.with(
        Array.from(deleted.all(), (range) => ({ ...range, version: 0, order })),
      );
  }

  /** What the key holds by them; undefined: none of them has written it. */
  get(key: StoredKey): Held | undefined {
    const placed = this.#placed.get(key);
    const range = this.#ranges.over(key);
    return range && (placed === undefined || placed.order < range.order) ? DELETED : placed?.held;
  }
}

const DELETED: Held = { value: undefined };
