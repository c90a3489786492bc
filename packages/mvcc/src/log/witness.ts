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
import { equalBytes, type HoldfastError } from '@holdfast/core';
import { type CallOptions, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { inTime } from '../context/in-time.js';
import type { View } from '../state/view.js';
import { isBreak, type Place } from './fork.js';
import { readRecordHash } from './log.js';
import { type Instant, instant, type Tip } from './tip.js';

const LOOK_EVERY_MS = 1_000;
/** How long a commit waits for its look when its PUT has been answered, ms. */
const LOOK_WAIT_MS = 50;

/** A record that was the tip, and when. */
interface Seen {
  readonly place: Place;
  readonly confirmedAt: Instant;
}

export class Witness {
  readonly #context: Context;
  readonly #tip: Tip;
  #seen: Seen;
  #lookedAt: Instant;
  #looking = false;
  #broken: HoldfastError | undefined;
  /** The whole record being read, because its last bytes were not what they should be. */
  #doubt: Promise<void> | undefined;

  constructor(context: Context, tip: Tip) {
    this.#context = context;
    this.#tip = tip;
    this.#seen = seenOf(tip.view, tip.confirmedAt);
    this.#lookedAt = tip.confirmedAt;
  }

  /**
   * What has been found, ROLLBACK or FORK; undefined: nothing yet.
   * @param look of this very commit: it is waited for a moment, and until it is settled where there is a doubt.
   * @throws what ends that wait, or why the doubt could not be settled.
   */
  async verdict(
    look: Promise<void> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HoldfastError | undefined> {
    if (look) await inTime(this.#context.clock, look, LOOK_WAIT_MS);
    if (this.#doubt) await orAborted(this.#doubt, signal);
    return this.#broken;
  }

  /**
   * Looks if it is due. `view` is about to be followed by a record.
   * @returns resolves when it has looked; undefined: it is not due.
   */
  consider(view: View, confirmedAt: Instant, calls: CallOptions): Promise<void> | undefined {
    const seen = this.#seen;
    if (this.#looking || this.#tip.ageMs(this.#lookedAt) < LOOK_EVERY_MS) return undefined;
    // After a long pause the tip was found anew, and shown to continue what was known.
    const now = instant(this.#context.clock);
    if (this.#tip.isStale(seen.confirmedAt)) {
      this.#seen = seenOf(view, confirmedAt);
      this.#lookedAt = now;
      return undefined;
    }
    this.#looking = true;
    return this.#look(seen.place, calls)
      .then(
        () => {
          this.#seen = seenOf(view, confirmedAt);
          this.#lookedAt = now;
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
    const found = await readRecordHash(this.#context, place.version, calls);
    if (found && equalBytes(found, place.hash)) return;
    // Once more, and the whole of it: an end for good is not concluded from 32 bytes.
    const checking = this.#tip.checkHeld(place, calls);
    this.#doubt = checking.catch((error: unknown) => {
      if (!isBreak(error)) throw error;
    });
    this.#doubt.catch(() => {});
    await checking.finally(() => {
      this.#doubt = undefined;
    });
  }
}

function seenOf({ version, hash, history }: View, confirmedAt: Instant): Seen {
  return { place: { version, hash, history }, confirmedAt };
}
