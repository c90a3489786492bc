/**
 * The ranges that a transaction has deleted, as half-open stretches of stored keys. Immutable, so that a walk keeps
 * those of its beginning.
 *
 * Invariant: the stretches are in order, and neither overlap nor touch, whatever was added.
 */
import type { StoredKey } from '../state/space.js';

export interface Stretch {
  readonly begin: StoredKey;
  /** The first key after it. */
  readonly end: StoredKey;
}

export class DeletedRanges {
  static readonly none: DeletedRanges = new DeletedRanges([]);

  readonly stretches: readonly Stretch[];

  private constructor(stretches: readonly Stretch[]) {
    this.stretches = stretches;
  }

  /** With one more, which is not empty. */
  with(begin: StoredKey, end: StoredKey): DeletedRanges {
    // Those that it reaches, or touches, become one with it.
    const first = this.#search((stretch) => stretch.end >= begin);
    const after = this.#search((stretch) => stretch.begin > end);
    const joined = this.stretches.slice(first, after);
    const from = joined[0];
    const to = joined.at(-1);
    const stretch = {
      begin: from && from.begin < begin ? from.begin : begin,
      end: to && to.end > end ? to.end : end,
    };
    return new DeletedRanges([...this.stretches.slice(0, first), stretch, ...this.stretches.slice(after)]);
  }

  has(key: StoredKey): boolean {
    const stretch = this.stretches[this.#search(({ end }) => end > key)];
    return stretch !== undefined && stretch.begin <= key;
  }

  /** The first stretch for which it holds: it holds for all after that too. */
  #search(holds: (stretch: Stretch) => boolean): number {
    let low = 0;
    let high = this.stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.stretches[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
