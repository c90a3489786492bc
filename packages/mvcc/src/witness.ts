/**
 * Looks, now and then, whether the log still holds what this process has built on: whose past was deleted under
 * him would otherwise go on creating records in an empty log, each one a success.
 *
 * A commit is one PUT and asks nothing. So beside one PUT in every second of committing the last 32 bytes (its
 * hash) of the record are read that was the tip at the look before: an older one than the commit's own parent,
 * which this process may itself have put into the emptied log. Nobody waits for the answer.
 *
 * Invariants:
 * - An answer counts only while that record was known to be the tip within half the grace period: later its slot
 *   may have been collected.
 * - "Gone" is believed when two looks say so.
 */
import { equalBytes, HoldfastError, recordName, toHex } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from './context.js';
import type { Instant, Tip } from './tip.js';
import type { View } from './view.js';

const LOOK_EVERY_MS = 1_000;
const HASH_BYTES = 32;

/** A record that was the tip, and when. */
interface Seen {
  readonly version: number;
  readonly hash: Uint8Array;
  readonly confirmedAt: Instant;
}

export class Witness {
  readonly #context: Context;
  readonly #tip: Tip;
  #seen: Seen;
  #looking = false;
  #gone: HoldfastError | undefined;

  constructor(context: Context, tip: Tip) {
    this.#context = context;
    this.#tip = tip;
    this.#seen = seenOf(tip.view, tip.confirmedAt);
  }

  /** What has been found; undefined: nothing is known to be gone. */
  get gone(): HoldfastError | undefined {
    return this.#gone;
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
    this.#look(seen, calls)
      .then(
        (gone) => {
          if (this.#tip.isStale(seen.confirmedAt)) return;
          if (gone === undefined) this.#seen = seenOf(view, confirmedAt);
          else {
            this.#gone = gone;
            this.#context.lifetime.stop(gone);
          }
        },
        // Could not be learnt just now: the next commit looks again.
        () => {},
      )
      .finally(() => {
        this.#looking = false;
      });
  }

  async #look(seen: Seen, calls: CallOptions): Promise<HoldfastError | undefined> {
    const name = recordName(seen.version);
    const range = { offset: -HASH_BYTES, length: HASH_BYTES };
    for (let look = 1; look <= 2; look++) {
      const found = await this.#context.store.get(name, { ...calls, range, maxBytes: HASH_BYTES });
      if (found === undefined) continue;
      if (equalBytes(found.bytes, seen.hash)) return undefined;
      return new HoldfastError(
        'FORK',
        `${name} is another record than the one that this process has built on: expected hash ${toHex(seen.hash)}, found ${toHex(found.bytes)}. The store shows two histories; stop using it and compare replicas.`,
      );
    }
    return new HoldfastError(
      'ROLLBACK',
      `${name} is gone, a record that this process has built on: expected it for as long as its version is retained. The log was emptied, or set back; stop using it, and restore the bucket from a replica.`,
    );
  }
}

function seenOf({ version, hash }: View, confirmedAt: Instant): Seen {
  return { version, hash, confirmedAt };
}
