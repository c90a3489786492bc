/**
 * Which versions stay, and from when on nothing can need the others: counted in versions, and by the store's clock.
 *
 * A writer's own clock decides nothing here: one that is a year ahead, for one record, would let go of a year. The times
 * compared are those at which the store took two records, so they are of one clock.
 */
import { HoldfastError } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Context, callStore } from '../context/context.js';
import type { Retention } from '../context/options.js';

/** When the store took records, asked for once each. */
export class StoreTimes {
  readonly #context: Context;
  readonly #options: CallOptions;
  readonly #asked = new Map<number, Promise<number | undefined>>();

  constructor(context: Context, options: CallOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Milliseconds since 1970 by the store's clock. Undefined: there is no such record. */
  of(version: number): Promise<number | undefined> {
    const known = this.#asked.get(version);
    if (known) return known;
    const { slots } = this.#context;
    const asked = callStore(`asking when record ${version} was written`, async () => {
      if (!slots.claimedAt)
        throw new HoldfastError(
          'STORE_REFUSED',
          'The log does not tell when a record was written: expected Slots with claimedAt. Nothing was collected.',
        );
      return slots.claimedAt(version, this.#options);
    });
    this.#asked.set(version, asked);
    return asked;
  }

  /**
   * The newest version that was written `ms` before `nowMs` or earlier. Undefined: none is known to be. Records that are
   * gone are older than all that are there.
   * @param newest the version to begin at.
   */
  async newestBefore(newest: number, nowMs: number, ms: number): Promise<number | undefined> {
    const isOld = async (version: number): Promise<boolean> => {
      const writtenMs = await this.of(version);
      return writtenMs === undefined || nowMs - writtenMs >= ms;
    };
    if (await isOld(newest)) return newest;
    // Doubling steps back, then halves: what lies far back is asked for only where it must be.
    let [high, low] = [newest, newest];
    for (let step = 1; ; step *= 2) {
      low = Math.max(1, newest - step);
      if (await isOld(low)) break;
      if (low === 1) return undefined;
      high = low;
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (await isOld(middle)) low = middle;
      else high = middle;
    }
    return (await this.of(low)) === undefined ? undefined : low;
  }
}

/** The floor that a retention asks for: the lowest version that stays. 1: all of them do. */
export async function floorFor(
  times: StoreTimes,
  newest: number,
  nowMs: number,
  retention: Retention,
): Promise<number> {
  const byVersions = newest - retention.versions;
  if (byVersions <= 1) return 1;
  const byTime = await times.newestBefore(newest, nowMs, retention.ms);
  return Math.max(1, Math.min(byVersions, byTime ?? 1));
}
