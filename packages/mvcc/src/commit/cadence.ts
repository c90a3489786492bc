/**
 * When the next record of others is to be expected, for who waits for one: so that a look seldom finds nothing, and what
 * there is is found soon.
 *
 * How often records come their own times tell, whatever this process sees of them; when the last one came lies between
 * the look that did not find it and the one that did.
 */
import { smoothed } from '../context/smoothed.js';
import type { View } from '../state/view.js';

/** What comes less often is not waited for. */
const INTERVAL_MS_MAX = 2_000;
const SMOOTHING = 1 / 4;
/** Slots that are looked at together. */
const WIDTH_MAX = 8;
/** From so many on a listing, the newest record and what shows that it continues the known one are fewer requests. */
const LISTED_FROM = 8;
/** After a look too early, the next is so much later, as a share of what a look takes. */
const AGAIN_SHARE = 1 / 32;
/** How much of a look goes by before it is answered: a little less than half, since one too early costs a whole one. */
const AIMED_SHARE = 0.35;

interface Look {
  /** By the monotonic clock. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** The state before it, and after. */
  readonly from: View;
  readonly to: View;
}

export class Cadence {
  /** What a look takes. */
  #lookMs = 0;
  /** Between two records. */
  #intervalMs = 0;
  /** When the newest that is known came. */
  #cameMs = Number.NEGATIVE_INFINITY;
  /** When a look after it found nothing. */
  #missedMs: number | undefined;

  looked({ askedMs, answeredMs, from, to }: Look): void {
    const tookMs = answeredMs - askedMs;
    this.#lookMs = smoothed(this.#lookMs || undefined, tookMs, SMOOTHING);
    // Where it was answered, about.
    const atMs = (askedMs + answeredMs) / 2;
    const count = to.version - from.version;
    if (count === 0) {
      this.#missedMs = atMs;
      return;
    }
    const apartMs = Math.min((to.timeMs - from.timeMs) / count, INTERVAL_MS_MAX);
    this.#intervalMs = smoothed(this.#intervalMs || undefined, apartMs, SMOOTHING);
    const expectedMs = this.#cameMs + count * this.#intervalMs;
    const latestMs = this.#missedMs !== undefined && count === 1 ? (this.#missedMs + atMs) / 2 : atMs;
    this.#cameMs = Math.min(Math.max(expectedMs, atMs - this.#intervalMs, this.#missedMs ?? 0), latestMs);
    this.#missedMs = undefined;
  }

  /**
   * After how long to look next, and at how many slots; 0: there are so many that the newest is better listed.
   * @param ahead records that are to come before one that is of interest.
   */
  next(nowMs: number, ahead = 0): { readonly waitMs: number; readonly width: number } {
    if (this.#missedMs !== undefined && ahead === 0) return { waitMs: this.#lookMs * AGAIN_SHARE, width: 1 };
    const dueMs = this.#cameMs + (1 + ahead) * this.#intervalMs - this.#lookMs * AIMED_SHARE;
    const waitMs = Math.min(Math.max(0, dueMs - nowMs), (1 + ahead) * INTERVAL_MS_MAX);
    const sinceMs = nowMs + waitMs + this.#lookMs / 2 - this.#cameMs;
    const width = this.#intervalMs > 0 ? Math.floor(sinceMs / this.#intervalMs) : 1;
    return { waitMs, width: width > LISTED_FROM ? 0 : Math.min(Math.max(1, width), WIDTH_MAX) };
  }
}
