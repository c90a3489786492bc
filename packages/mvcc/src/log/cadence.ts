/**
 * When the next record of others is to be expected, and how many have come since the last look: so that a look seldom
 * finds nothing, and what there is is found soon.
 *
 * How often records come their writers' clocks tell, whatever this process sees of them; when the last one came lies between
 * the look that did not find it and the one that did.
 */
import { smoothed } from '../context/smoothed.js';
import type { View } from '../state/view.js';

/** What comes less often is not waited for. */
const INTERVAL_MS_MAX = 2_000;
const SMOOTHING = 1 / 4;
/** Slots that are looked at together. */
const WIDTH_MAX = 24;
/** Who gets over `LISTED_FROM` records while it lists is far away. It looks beyond what it expects, for the end. */
const BEYOND = 2;
/** From so many on a listing, the newest record and what shows that it continues the known one are fewer requests. */
const LISTED_FROM = 8;
/** But they come one after the other: in so many looks. */
const LOOKS_OF_LISTING = 3;
/** So many records later, about, what is announced is carried: every third lists, the next has what that showed. */
const CARRIED_AFTER = 4;
/** What was seen longer ago, in looks, says little of how often records come now. */
const FRESH_LOOKS = 4;
/** After a look too early, the next is so much later, as a share of what a look takes. */
const AGAIN_SHARE = 1 / 32;
/** Beside a store that answers at once. */
const AGAIN_MS_MIN = 1;
/** How much of a look goes by before it is answered: a little less than half, since one too early costs a whole one. */
const AIMED_SHARE = 0.35;

interface Look {
  /** By the monotonic clock. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** The state before it, after the first record that it found, and after the last. */
  readonly from: View;
  readonly first?: View | undefined;
  readonly to: View;
  /** Slots; 0: it was a listing. */
  readonly width: number;
}

export class Cadence {
  /** What a look takes. */
  #lookMs = 0;
  /** Between two records. */
  #intervalMs = 0;
  /** When the newest that is known came. */
  #cameMs: number;
  /** When a look after it found nothing. */
  #missedMs: number | undefined;
  /** When the last look was answered. */
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** @param cameMs when the newest that is known came, as far as the clocks agree. */
  constructor(cameMs: number) {
    this.#cameMs = cameMs;
  }

  looked({ askedMs, answeredMs, from, first, to, width }: Look): void {
    if (width > 0) this.#lookMs = smoothed(this.#lookMs || undefined, answeredMs - askedMs, SMOOTHING);
    // Where it was answered, about. A listing is the first of several requests.
    const atMs = width > 0 ? (askedMs + answeredMs) / 2 : askedMs + this.#lookMs / 2;
    this.#lookedMs = answeredMs;
    const count = to.version - from.version;
    if (count === 0) {
      this.#missedMs = atMs;
      return;
    }
    // Before the first of several nothing may have happened for long.
    const since = count > 1 && first ? first : from;
    const apartMs = Math.min((to.clockMs - since.clockMs) / (to.version - since.version), INTERVAL_MS_MAX);
    // Their writers' clocks may differ.
    if (apartMs >= 0) this.#intervalMs = smoothed(this.#intervalMs || undefined, apartMs, SMOOTHING);
    const expectedMs = this.#cameMs + Math.max(0, to.clockMs - from.clockMs);
    // Where all of the slots were taken, there may be any number behind them.
    const isEnd = width === 0 || count < width;
    const earliestMs = Math.max(isEnd ? atMs - this.#intervalMs : 0, this.#missedMs ?? 0);
    const missedMs = this.#missedMs ?? Number.NEGATIVE_INFINITY;
    const isClose = count === 1 && atMs - missedMs < 2 * this.#intervalMs;
    const latestMs = isClose ? (missedMs + atMs) / 2 : atMs;
    this.#cameMs = Math.min(Math.max(expectedMs, earliestMs), latestMs);
    this.#missedMs = undefined;
  }

  /**
   * After how long to look next, and at how many slots; 0: there are so many that the newest is better listed.
   * @param ahead records that are to come before one that is of interest.
   */
  next(nowMs: number, ahead = 0): { readonly waitMs: number; readonly width: number } {
    if (this.#missedMs !== undefined && ahead === 0)
      return { waitMs: Math.max(this.#lookMs * AGAIN_SHARE, AGAIN_MS_MIN), width: 1 };
    const dueMs = this.#cameMs + (1 + ahead) * this.#intervalMs - this.#lookMs * AIMED_SHARE;
    const waitMs = Math.min(Math.max(0, dueMs - nowMs), (1 + ahead) * INTERVAL_MS_MAX);
    return { waitMs, width: this.widthAt(nowMs + waitMs) };
  }

  /** Whether others' records come so often that one that takes `ms` is likely to find its slot taken. */
  outruns(ms: number, nowMs: number): boolean {
    return this.isFresh(nowMs) && this.#intervalMs > 0 && this.#intervalMs < ms / 2;
  }

  /** Whether it has looked so lately that it can tell how many have come since. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.#lookedMs < FRESH_LOOKS * this.#lookMs;
  }

  /** At how many slots to look then. */
  widthAt(askedMs: number): number {
    if (this.#intervalMs === 0) return 1;
    const sinceMs = askedMs + this.#lookMs / 2 - this.#cameMs;
    const count = Math.floor(sinceMs / this.#intervalMs);
    if (count <= 1) return 1;
    const comingMeanwhile = (LOOKS_OF_LISTING * this.#lookMs) / this.#intervalMs;
    const isFar = comingMeanwhile > LISTED_FROM;
    if (count > (isFar ? Math.min(comingMeanwhile, WIDTH_MAX) : LISTED_FROM)) return 0;
    return isFar ? Math.min(count + BEYOND, WIDTH_MAX) : count;
  }

  /** When to look, at the earliest, for a record that carries what was there for others from `atMs` on. */
  carriedFromMs(atMs: number): number {
    if (this.#intervalMs === 0) return Number.POSITIVE_INFINITY;
    return atMs + CARRIED_AFTER * this.#intervalMs - this.#lookMs / 2;
  }
}
