/**
 * Judges the keys of a listing as they come, so that no answer of a store is followed for ever.
 *
 * Invariants:
 * - In a store that promises order each key comes behind the one before it. A key that does not is an answer that
 *   can't be true: INVALID, which is not tried again.
 * - Elsewhere no key is given twice, and a run of repetitions is bounded.
 * - What was not asked for (another prefix, at or before `after`) is left out; it has to be in order all the same.
 *
 * Ascending names without end are no fault that can be told from a large store: `limit` is for who collects them.
 */
import { StoreError } from './errors.js';
import { compareKeys } from './key-order.js';

/** A store may give a key twice when it is replaced meanwhile, or pages overlap a little. */
const repeatedMax = 10_000;

/** About 100 MB. A longer listing without order can't go on after a failure, for what it gave is not known. */
const rememberedMax = 1_000_000;

export class ListingCheck {
  readonly #prefix: string;
  readonly #asked: string | undefined;
  /** What was given; only where there is no order. */
  readonly #given: Set<string> | undefined;
  /** The last key that was given. */
  #last: string | undefined;
  /** The last key that came, whether given or left out, since the last restart. */
  #came: string | undefined;
  #repeated = 0;

  /** @param ordered the store's `capabilities.orderedList`. */
  constructor(prefix: string, after: string | undefined, ordered: boolean) {
    this.#prefix = prefix;
    this.#asked = after;
    this.#given = ordered ? undefined : new Set();
  }

  /** Where a listing that failed goes on. */
  get after(): string | undefined {
    return this.#given ? this.#asked : (this.#last ?? this.#asked);
  }

  /** Whether a listing that failed may begin anew. */
  get resumable(): boolean {
    return this.#given === undefined || this.#given.size < rememberedMax;
  }

  /** Says that the listing begins anew, from `after`. */
  restart(): void {
    this.#came = undefined;
    this.#repeated = 0;
  }

  /**
   * @returns whether the key is to be given; false: it is left out.
   * @throws StoreError INVALID when the listing can't be true.
   */
  take(key: string): boolean {
    if (this.#given) return this.#takeNew(key, this.#given);
    if (this.#came !== undefined && compareKeys(key, this.#came) <= 0) throw this.#wrong(key);
    this.#came = key;
    if (!this.#isAsked(key)) return false;
    this.#last = key;
    return true;
  }

  #takeNew(key: string, given: Set<string>): boolean {
    if (!this.#isAsked(key)) return false;
    if (given.has(key)) {
      // Since a restart all that was given may come again before the first new one.
      if (++this.#repeated > given.size + repeatedMax) throw this.#wrong(key);
      return false;
    }
    this.#repeated = 0;
    if (given.size < rememberedMax) given.add(key);
    return true;
  }

  #isAsked(key: string): boolean {
    const { after } = this;
    return key.startsWith(this.#prefix) && (after === undefined || compareKeys(key, after) > 0);
  }

  #wrong(key: string): StoreError {
    const found = this.#given
      ? `${JSON.stringify(key)} again, after ${this.#repeated} others that were given before`
      : `${JSON.stringify(key)} after ${JSON.stringify(this.#came)}`;
    const expected = this.#given ? 'each object once' : 'keys in ascending order of their UTF-8 bytes';
    return new StoreError(
      'INVALID',
      `The listing of ${JSON.stringify(this.#prefix)} is wrong: expected ${expected}, found ${found}. Check that this is the right endpoint, and that nothing on the way answers for it.`,
    );
  }
}
