/**
 * How fast upkeep works beside what users wait for: it gives up its turn after every piece of work, for so long that the
 * others have most of the time while they commit, and half of it otherwise. Nobody's commit waits for a whole merge.
 */
import type { Clock } from '@holdfast/object-store';

/** What it rests after a piece of work, in times that that took. */
const RESTS = 1;
const RESTS_BUSY = 4;
const REST_MS_MAX = 100;
/** Where nobody waits it gives up its turn this often. */
const UNPACED_MS = 10;

export class Pace {
  readonly #clock: Clock;
  /** Undefined: as fast as it can. */
  readonly #isBusy: (() => boolean) | undefined;
  #sinceMs: number;

  constructor(clock: Clock, isBusy?: () => boolean) {
    this.#clock = clock;
    this.#isBusy = isBusy;
    this.#sinceMs = clock.monotonic();
  }

  async turn(signal?: AbortSignal): Promise<void> {
    const workedMs = this.#clock.monotonic() - this.#sinceMs;
    if (!this.#isBusy) {
      if (workedMs < UNPACED_MS) return;
      await this.#clock.sleep(0, signal);
    } else {
      const restMs = workedMs * (this.#isBusy() ? RESTS_BUSY : RESTS);
      await this.#clock.sleep(Math.min(REST_MS_MAX, restMs), signal);
    }
    this.#sinceMs = this.#clock.monotonic();
  }
}
