/**
 * Who makes the next record, as far as this process is concerned, and what it tells the others of that.
 *
 * Alone it is whoever has something to commit. Where several are at it the last record names one (its `successor`): its
 * own writer for a while, then another, so that shares come out even, since who makes records commits with each of
 * them. Nobody has to wait for it: after some silence anyone steps in.
 *
 * Invariant: a hint. What two processes that both think it is theirs do, or none, is decided by the slot.
 */
import { equalBytes, type Intent, TURNS_MAX, type Turn } from '@holdfast/core';
import { type Clock, jitteredMs, type RandomBytes } from '@holdfast/object-store';
import { smoothed } from '../context/smoothed.js';
import type { Contention, View } from '../state/view.js';
import type { Collected } from './collector.js';

/** Records that one process makes before it names another. */
const TERM_RECORDS = 16;
/** Where there are turns it has more of it than a record each: what it loses it runs again at once, on the record itself. */
const TERM_RECORDS_TURNS = 8;
/** So many before its last one it tells the other. */
const NOTICE_RECORDS = 2;
/** Silence after which others step in, in round trips, and over how many more they spread. */
const SILENCE_ROUND_TRIPS = 1.75;
const SPREAD_ROUND_TRIPS = 1;
/** Who takes so many times as long as this process is not named by it. */
const SLOWER_TIMES = 2;
/** Records without news of others, after which there is no contention any more. */
const CALM_RECORDS = 4;
/** Of these, so many are left to who has it only from others' records. */
const CALM_AFTER_OTHERS = 2;
/** How long after its last intent one that is slow is expected to announce again: in its own round trips, and in ms. */
const SLOW_ROUND_TRIPS = 4;
const SLOW_MS_MAX = 5_000;
/** While others are about, every so many records somebody looks for newcomers. */
const LIST_EVERY_RECORDS = 3;
/** In a row of its own records a process looks, beside these and then every so many, whether slow rivals are about. */
const FIRST_LOOKS: readonly number[] = [6, 10, 16];
const LOOK_EVERY_RECORDS = 32;
/** Longer than both between two records is no row, in round trips and ms: a process computes, too, beside a fast store. */
const ROW_ROUND_TRIPS = 4;
const ROW_MS = 20;
const ROUND_TRIP_MS_FIRST = 100;
const SMOOTHING = 1 / 4;

export class Lead {
  readonly processId: Uint8Array;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  #roundTripMs: number | undefined;
  #seen: { readonly version: number; readonly atMs: number; spreadMs?: number } = { version: 0, atMs: 0 };
  /** Own records in a row. */
  #row = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Records made since another was heard of. */
  #calm = CALM_RECORDS;
  #sinceListing = 0;
  /** Until then somebody who is far away may announce again. */
  #slowUntilMs = Number.NEGATIVE_INFINITY;
  /** Records one after the other, and the last of them. */
  #term = 0;
  #lastVersion = 0;
  /** Whom it has told that it is next. */
  #heir: Uint8Array | undefined;
  /** All that it has made. */
  recordsMade = 0;

  constructor(clock: Clock, random: RandomBytes, processId: Uint8Array) {
    this.#clock = clock;
    this.#random = random;
    this.processId = processId;
  }

  /** What sending a record takes lately, ms. */
  get roundTripMs(): number {
    return this.#roundTripMs ?? ROUND_TRIP_MS_FIRST;
  }

  /** A request was answered after so long. */
  answered(ms: number): void {
    this.#roundTripMs = smoothed(this.#roundTripMs, ms, SMOOTHING);
  }

  /** A newer state is known from now on. */
  saw({ version, contention, madeBy }: View): void {
    if (version === this.#seen.version) return;
    // Others have found so; unless it finds them too it soon says that they are gone.
    if (contention.contended && !equalBytes(madeBy, this.processId))
      this.#calm = Math.min(this.#calm, CALM_RECORDS - CALM_AFTER_OTHERS);
    this.#seen = { version, atMs: this.#clock.monotonic() };
  }

  /**
   * Another process's intents or records were seen.
   * @param roundTripMs of the slowest of them: who is far away is heard of seldom, and is there all the same.
   */
  heard(roundTripMs = 0): void {
    this.#calm = 0;
    if (roundTripMs <= SLOWER_TIMES * this.roundTripMs) return;
    const ms = Math.min(SLOW_ROUND_TRIPS * roundTripMs, SLOW_MS_MAX);
    this.#slowUntilMs = Math.max(this.#slowUntilMs, this.#clock.monotonic() + ms);
  }

  /** Whether by what its record says this process makes the one after it, too. */
  goesOn({ contended, successor }: Contention): boolean {
    return !contended || successor === undefined || equalBytes(successor, this.processId);
  }

  isNamed({ contention: { successor } }: View): boolean {
    return successor !== undefined && equalBytes(successor, this.processId);
  }

  /**
   * From when on this process may make the record after `view`, by the monotonic clock.
   * @param isOutrun others make records faster than it can, and what it has is announced.
   */
  mayLeadAtMs(view: View, isOutrun = false): number {
    if (!(view.contention.contended || isOutrun) || this.isNamed(view)) return Number.NEGATIVE_INFINITY;
    // Also where somebody's turn is to come: what that one has read is put off until then, and nothing else.
    const silenceMs = SILENCE_ROUND_TRIPS * this.roundTripMs;
    const spreadMs = SPREAD_ROUND_TRIPS * this.roundTripMs;
    // Once for each state: who asks again waits no longer.
    this.#seen.spreadMs ??= jitteredMs(this.#random, 0, { firstMs: spreadMs, maxMs: spreadMs });
    return this.#seen.atMs + silenceMs + this.#seen.spreadMs;
  }

  /** Whether to look for newcomers beside the record that is about to be sent. */
  isListingDue({ contention, version }: View): boolean {
    if (contention.contended && version !== this.#lastVersion) return true;
    // Those whose turn it is announce what they have run again, whenever that was: nobody expects it.
    if (contention.turns.length > 0) return true;
    if (this.isContended) return this.#sinceListing + 1 >= LIST_EVERY_RECORDS;
    const next = this.#isRow ? this.#row + 1 : 1;
    return next % LOOK_EVERY_RECORDS === 0 || FIRST_LOOKS.includes(next);
  }

  /** Whether others are about, so that it collects what they announce beside each of its records. */
  get isContended(): boolean {
    return this.#calm < CALM_RECORDS || this.#clock.monotonic() < this.#slowUntilMs;
  }

  get #isRow(): boolean {
    const pauseMs = this.#clock.monotonic() - this.#lastMs;
    return pauseMs < Math.max(ROW_ROUND_TRIPS * this.roundTripMs, ROW_MS);
  }

  /** Its record is in the chain. */
  made(version: number, listed: boolean): void {
    this.#row = this.#isRow ? this.#row + 1 : 1;
    this.#lastMs = this.#clock.monotonic();
    this.#term = this.#termAfter(version - 1);
    this.#lastVersion = version;
    this.#calm++;
    // Whoever comes to make records looks for newcomers first: it can't know when that was done last.
    const isNew = this.#term === 1;
    this.#sinceListing = listed ? 0 : isNew ? LIST_EVERY_RECORDS : this.#sinceListing + 1;
    this.recordsMade++;
  }

  /** How many records it has made in its term, with the one after `parent`. */
  #termAfter(parent: number): number {
    return parent === this.#lastVersion ? this.#term + 1 : 1;
  }

  /** Another had the slot. */
  lost(): void {
    this.#row = 0;
    this.#term = 0;
    this.#heir = undefined;
  }

  /**
   * What the record that is about to be made says of who goes next.
   * @param o `turns` after it; `stays`: whether this process has transactions, in it or behind it; `carried`: whose of
   * others, as far as they commit.
   */
  hints(o: {
    /** The state that the record follows. */
    readonly parent: Pick<View, 'version' | 'madeBy' | 'contention'>;
    /** Others make records faster than this process can. */
    readonly isOutrun: boolean;
    readonly turns: readonly Turn[];
    readonly areSerial: boolean;
    readonly stays: boolean;
    readonly carried: readonly Collected[];
  }): Contention {
    const { turns, carried } = o;
    const contended = turns.length > 0 || this.isContended;
    if (!contended) return { contended, turns };
    // All wait for one key: only who has its newest state can write it. Whoever was named before, and let the silence
    // pass, is not named again: its intent may still be carried.
    const { contention, madeBy } = o.parent;
    const first = o.areSerial && carried.length < 2 ? turns[0]!.processId : undefined;
    const isPassed = first && contention.successor && equalBytes(first, contention.successor);
    if (first && !isPassed) return { contended, turns, successor: first };
    const term = this.#termAfter(o.parent.version);
    const areTurns = turns.some(({ reads }) => reads.points.length > 0 || reads.ranges.length > 0);
    const termMax = areTurns ? TERM_RECORDS_TURNS : TERM_RECORDS;
    if (!o.stays || o.isOutrun || term >= termMax) {
      const faster = o.isOutrun ? madeBy : undefined;
      const successor = this.#heir ?? this.#next(carried)?.processId ?? faster;
      this.#heir = undefined;
      return { contended, turns, successor: successor ?? this.processId };
    }
    const isTold = this.#heir !== undefined || turns.length >= TURNS_MAX;
    const heir = term >= termMax - NOTICE_RECORDS && !isTold ? this.#next(carried) : undefined;
    if (!heir) return { contended, turns, successor: this.processId };
    this.#heir = heir.processId;
    const notice: Turn = {
      processId: heir.processId,
      waitMs: heir.turnMs,
      reads: { points: [], ranges: [] },
    };
    return { contended, turns: [...turns, notice], successor: this.processId };
  }

  /** Who of those that are carried is to make records next: who has made the fewest, and is not much slower. */
  #next(carried: readonly Collected[]): Intent | undefined {
    return carried
      .map(({ intent }) => intent)
      .filter(({ roundTripMs }) => roundTripMs <= SLOWER_TIMES * this.roundTripMs)
      .filter(({ processId }) => !equalBytes(processId, this.processId))
      .sort((a, b) => a.recordsMade - b.recordsMade)[0];
  }
}
