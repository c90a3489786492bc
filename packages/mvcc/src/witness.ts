/**
 * Looks, now and then, whether the log still holds what this process has built on: whose log is deleted under it
 * would otherwise go on creating records in an empty one, each of them a success.
 *
 * A commit is one PUT and asks nothing. So beside one PUT in every second of committing the last 32 bytes (its hash,
 * decision 0008) of that record are read which was the tip at the look before: an older one than the commit's own
 * parent, which this process may itself have put into the emptied log. Nobody waits for the answer.
 *
 * Invariants:
 * - An answer counts only while that record was known to be the tip within half the grace period: later its slot
 *   may have been collected.
 * - Only a record that is gone, or another authentic one in its place, ends the use of the database; anything else
 *   is left to the next look.
 */
import { equalBytes, type HoldfastError, recordName } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from './context.js';
import { isBreak, type Place } from './fork.js';
import type { Instant, Tip } from './tip.js';
import type { View } from './view.js';

const LOOK_EVERY_MS = 1_000;
const HASH_BYTES = 32;

/** A record that was the tip, and when. */
interface Seen {
  readonly place: Place;
  readonly confirmedAt: Instant;
}

export class Witness {
  readonly #context: Context;
  readonly #tip: Tip;
  #seen: Seen;
  #looking = false;
  #broken: HoldfastError | undefined;

  constructor(context: Context, tip: Tip) {
    this.#context = context;
    this.#tip = tip;
    this.#seen = seenOf(tip.view, tip.confirmedAt);
  }

  /** What has been found, ROLLBACK or FORK; undefined: nothing yet. */
  get broken(): HoldfastError | undefined {
    return this.#broken;
  }

  /** Looks if it is due. `view` is about to be followed by a record. */
  consider(view: View, confirmedAt: Instant, calls: CallOptions): void {
    const seen = this.#seen;
    if (this.#looking || this.#tip.ageMs(seen.confirmedAt) < LOOK_EVERY_MS) return;
    // After a long pause the tip was found anew, and shown to continue what was known.
    if (this.#tip.isStale(seen.confirmedAt)) {
      this.#seen = seenOf(view, confirmedAt);
      return;
    }
    this.#looking = true;
    this.#look(seen.place, calls)
      .then(
        () => {
          this.#seen = seenOf(view, confirmedAt);
        },
        (error: unknown) => {
          if (isBreak(error) && !this.#tip.isStale(seen.confirmedAt)) this.#broken = this.#tip.broken(error);
        },
      )
      .finally(() => {
        this.#looking = false;
      });
  }

  /** @throws HoldfastError ROLLBACK or FORK; others, where it could not be learnt. */
  async #look(place: Place, calls: CallOptions): Promise<void> {
    const range = { offset: -HASH_BYTES, length: HASH_BYTES };
    const found = await this.#context.store.get(recordName(place.version), { ...calls, range });
    if (found && equalBytes(found.bytes, place.hash)) return;
    // Once more, and the whole of it: an end for good is not concluded from 32 bytes.
    await this.#tip.checkHeld(place, calls);
  }
}

function seenOf({ version, hash, history }: View, confirmedAt: Instant): Seen {
  return { place: { version, hash, history }, confirmedAt };
}
