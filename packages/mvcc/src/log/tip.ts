/**
 * The newest state that this process knows, and how it learns of newer ones.
 *
 * Invariants:
 * - The known version never goes back.
 * - A newer state is taken only if it continues the one that is known at that moment (I2): by its parents' hashes,
 *   record by record, or by its history tree. Else `FORK`, and the database is not used again by this process.
 * - A look for the tip that confirms nothing is an error, never "as new as before".
 * - A refresh reflects every commit acknowledged anywhere before it was asked for: its last probe was sent
 *   after that, and found the next slot empty; or the tip was listed after that.
 * - What a slot holds, or that it is empty, says something only while the tip below it was confirmed within half
 *   the grace period (after a whole one, collected slots are empty too, and a late PUT can fill them): otherwise
 *   the tip is found anew by listing. Judged when the answer is there, against the confirmation of the very
 *   view that the question was asked from: a process can sleep in any await, and another call can meanwhile
 *   have confirmed a newer tip.
 */

import { continuationSizes, equalBytes, HoldfastError, isMissing, recordName, toHex } from '@holdfast/core';
import { type CallOptions, type Clock, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { View } from '../state/view.js';
import { advance, jump, type StateRecord } from './advance.js';
import { Cadence } from './cadence.js';
import { continues, placeAfter } from './continuity.js';
import { fork, isBreak, type Place, rollback } from './fork.js';
import { type Early, type Log, missingRecord } from './log.js';
import { Probes } from './probes.js';

/** Two clocks, because either may be wrong: a suspended machine stops one, an administrator sets the other. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

/** One version's record and the state it makes. */
export interface Step {
  readonly record: StateRecord;
  readonly view: View;
}

/** Told of each step in order; undefined: of a jump, whose records are to be read. */
type Listener = (step: Step | undefined) => void;

const HASHES_KEPT = 64;
/** Who finds so many slots taken, and is not told how many more there are, lists the newest. */
const FOLLOWED_MAX = 8;
/** Over so many records there are few headers on the way, and no tile that would make them fewer. */
const EARLY_MAX = 64;
/** How often the tip is listed again because reading it took longer than half the grace period. */
const RELOCATIONS_MAX = 5;

export class Tip {
  readonly #context: Context;
  readonly #log: Log;
  /** It stays at this version: what is newer is not looked at. */
  readonly #pinned: boolean;
  /** What ended the use of this database. */
  #break: HoldfastError | undefined;
  #view: View;
  #confirmedAt: Instant;
  readonly #probes: Probes;
  readonly #listeners = new Set<Listener>();
  /** Hashes of the newest records, so that a lost race is told from a won one without reading the slot again. */
  readonly #hashes = new Map<number, Uint8Array>();
  /** When others' records come. */
  readonly cadence: Cadence;

  constructor(
    context: Context,
    log: Log,
    view: View,
    confirmedAt: Instant,
    options: { readonly pinned?: boolean | undefined } = {},
  ) {
    this.#context = context;
    this.#log = log;
    this.#view = view;
    this.#confirmedAt = confirmedAt;
    this.#pinned = options.pinned ?? false;
    this.#probes = new Probes(context.clock, (onAnswer) => this.follow(false, onAnswer));
    const { clock } = context;
    this.cadence = new Cadence(clock.monotonic() - Math.max(0, clock.now() - view.clockMs));
    this.#keepHash(view.version, view.hash);
  }

  get view(): View {
    return this.#view;
  }

  /**
   * The hash of a retained record of this history, up to the tip. It is read, and shown to be of it, where the tip
   * has jumped over it.
   */
  async hashOf(version: number, options: CallOptions = {}): Promise<Uint8Array> {
    const kept = this.#hashes.get(version);
    if (kept) return kept;
    const { view: tip, confirmedAt } = this;
    const header = await this.#log.readHeader(version, options);
    const broken = header
      ? await continues(this.#context, this.#log, placeAfter(this.#context, header), tip, options).catch(
          (error: unknown) => ({ error }),
        )
      : { error: missingRecord(version, `Record ${tip.version}`) };
    if (this.isStale(confirmedAt))
      throw new HoldfastError('UNAVAILABLE', 'Reading the slot took longer than half the grace period.');
    if (broken) throw this.broken(broken.error);
    return header!.hash;
  }

  /** When `view` was known to be the tip. */
  get confirmedAt(): Instant {
    return this.#confirmedAt;
  }

  /** Milliseconds since then (default: since the tip was last confirmed), by the clock that says more. */
  ageMs(since: Instant = this.#confirmedAt): number {
    const now = instant(this.#context.clock);
    return Math.max(now.wall - since.wall, now.monotonic - since.monotonic, 0);
  }

  /** Whether slots after what was the tip then may have been collected since, and prove nothing any more. */
  isStale(since: Instant = this.#confirmedAt): boolean {
    return !this.#pinned && this.ageMs(since) > this.#view.graceMs / 2;
  }

  /**
   * Takes a newer state; an older one is passed over.
   * @param steps the records that lead to it, without a gap up to it. Empty: it was reached by a jump from the
   * state that is known now.
   * @throws HoldfastError FORK where they are not those that this process has seen meanwhile.
   */
  adopt(view: View, confirmedAt: Instant | undefined, steps: readonly Step[]): void {
    const from = this.#view.version;
    for (const step of steps) this.#checkSeen(step);
    // A probe that comes late confirms less than is known.
    if (confirmedAt && view.version >= from && !this.#isLate(view, confirmedAt))
      this.#confirmedAt = confirmedAt;
    if (view.version <= from) return;
    this.#view = view;
    const news = steps.filter((step) => step.view.version > from);
    for (const { record } of news) this.#keepHash(record.version, record.hash);
    this.#keepHash(view.version, view.hash);
    for (const listener of [...this.#listeners]) {
      if (news.length < view.version - from) listener(undefined);
      for (const step of news) listener(step);
    }
  }

  #isLate(view: View, confirmedAt: Instant): boolean {
    return view.version === this.#view.version && confirmedAt.monotonic < this.#confirmedAt.monotonic;
  }

  /** Two calls follow the log at once: a store can show each of them another one. */
  #checkSeen({ record }: Step): void {
    const { version } = record;
    const seen = version === this.#view.version ? this.#view.hash : this.#hashes.get(version);
    if (seen !== undefined && !equalBytes(seen, record.hash))
      throw this.broken(
        fork(this.#context, this.#view, record, 'this process has seen another record there'),
      );
  }

  #keepHash(version: number, hash: Uint8Array): void {
    this.#hashes.set(version, hash);
    if (this.#hashes.size > HASHES_KEPT) this.#hashes.delete(this.#hashes.keys().next().value!);
  }

  /** Ends the use of the database if `error` says that its history is broken. */
  broken<T>(error: T): T {
    if (!isBreak(error)) return error;
    this.#break ??= error;
    this.#context.lifetime.stop(error);
    return error;
  }

  /** Calls back on each newer state, until the returned function is called. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The state with everything acknowledged before this call. */
  refresh(signal?: AbortSignal): Promise<View> {
    return orAborted(this.#probes.ask(), signal);
  }

  /**
   * Reads what comes after the known tip, up to its end: nothing acknowledged before this call is left out.
   * @param lost the next slot is known to be taken.
   * @param onAnswer called when the store has answered for the first time.
   */
  async follow(lost = false, onAnswer?: () => void): Promise<View> {
    if (this.#break) throw this.#break;
    if (this.#pinned) return this.#view;
    const from = this.#view.version;
    const { clock } = this.#context;
    // Who has not looked for long has no idea of how many there are.
    const isFresh = this.cadence.isFresh(clock.monotonic());
    let relocated = false;
    for (let width = lost ? this.#widthAfterLoss() : 1; ; ) {
      if (this.isStale()) {
        await this.#relocate();
        relocated = true;
      }
      const found = width > 0 ? await this.#look(width, onAnswer) : await this.#lookByListing();
      // A tip that was listed in this very call reflects what was acknowledged before it. Who is slow would never see
      // the end of what comes since.
      if (found === 'end' || relocated || width === 0) break;
      if (found === 'unknown') continue;
      const expected = isFresh || lost ? this.cadence.widthAt(clock.monotonic()) : 1;
      width = expected === 0 || width >= FOLLOWED_MAX ? 0 : Math.max(2 * width, expected);
    }
    if (this.#view.version > from) this.#context.emit({ type: 'follow', from, to: this.#view.version });
    return this.#view;
  }

  /** At least the next slot is taken. */
  #widthAfterLoss(): number {
    const nowMs = this.#context.clock.monotonic();
    if (!this.cadence.isFresh(nowMs)) return 2;
    const width = this.cadence.widthAt(nowMs);
    return width === 0 ? 0 : Math.max(2, width);
  }

  /**
   * Looks once for what comes after the known tip, for who waits for a record there.
   * @param width at how many slots: more than 1 for who is behind, and would stay it; 0: the newest is listed.
   */
  async step(width: number): Promise<void> {
    if (this.#break) throw this.#break;
    if (this.#pinned) return;
    if (width === 0 || this.isStale()) await this.#lookByListing();
    else await this.#look(width);
  }

  /**
   * Reads the slots right after the known tip.
   * @returns `more`: behind the last of them there may be more; `unknown`: the answer came too late to say anything.
   */
  async #look(width: number, onAnswer?: () => void): Promise<'end' | 'more' | 'unknown'> {
    const asked = instant(this.#context.clock);
    const base = this.#confirmedAt;
    const from = this.#view;
    const { records, isEnd } = await this.#log.readNext(from.version, width);
    onAnswer?.();
    // Asleep meanwhile: it may be a collected slot, or somebody's late PUT into one.
    if (this.isStale(base)) return 'unknown';
    const answeredMs = this.#context.clock.monotonic();
    const steps: Step[] = [];
    let view = from;
    for (const record of records) {
      const next: View | undefined = await advance(this.#context, view, record).catch((error: unknown) => {
        // Asleep again: what the record names may have been collected.
        if (isMissing(error) && this.isStale(base)) return undefined;
        throw this.broken(error);
      });
      if (!next) return 'unknown';
      view = next;
      steps.push({ record, view });
    }
    this.adopt(view, isEnd ? asked : undefined, steps);
    this.cadence.looked({
      askedMs: asked.monotonic,
      answeredMs,
      from,
      first: steps[0]?.view,
      to: view,
      width,
    });
    return isEnd ? 'end' : 'more';
  }

  async #lookByListing(): Promise<void> {
    const { clock } = this.#context;
    const [from, askedMs] = [this.#view, clock.monotonic()];
    await this.#relocate();
    this.cadence.looked({ askedMs, answeredMs: clock.monotonic(), from, to: this.#view, width: 0 });
  }

  /** Finds the tip by listing. */
  async #relocate(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const asked = instant(this.#context.clock);
      const known = this.#view;
      const found = await this.#newest(known).catch((error: unknown) => ({ error }));
      // Asleep between the listing and the last answer: what was listed may have been collected, and what was
      // read in its place, or found missing, says nothing. Nor is it known how what was found relates to a state
      // that another call has found meanwhile, unless it is no newer.
      const isPassed = this.#view !== known;
      if (isPassed && !('error' in found) && found.version <= this.#view.version) return;
      if (this.isStale(asked) || isPassed) {
        if (attempt < RELOCATIONS_MAX) continue;
        throw new HoldfastError(
          'UNAVAILABLE',
          `The newest record could not be found within ${this.#view.graceMs / 2} ms, half the grace period, ${attempt} times in a row: expected a store that answers sooner, or a longer graceMs. Nothing was changed; try again.`,
        );
      }
      if ('error' in found) throw this.broken(found.error);
      this.adopt(found, asked, []);
      return;
    }
  }

  /**
   * The state that a listing shows to be the newest.
   * @throws HoldfastError where it shows none as new as the known one, or one that does not continue it.
   */
  async #newest(known: View): Promise<View> {
    const newest = await this.#log.newest();
    if (newest !== undefined && newest > known.version) {
      const reading = this.#log.read(newest);
      const early = this.#readEarly(known, newest);
      const record = await reading;
      if (record === undefined) throw missingRecord(newest, 'The listing of the log');
      return jump(this.#context, this.#log, record, known, { early });
    }
    await this.checkHeld(known);
    if (newest === known.version) return known;
    throw new HoldfastError(
      'UNAVAILABLE',
      `The listing of the log shows ${newest === undefined ? 'no record' : `${recordName(newest)} as the newest`}, though ${recordName(known.version)} is there: expected a store that lists what it holds. Nothing was changed; try again.`,
    );
  }

  /** What will show that record `newest` continues the known one is asked for beside it, where it is little. */
  #readEarly(known: View, newest: number): Early | undefined {
    if (newest - known.version > EARLY_MAX) return undefined;
    // The tree in a record's header ends before that record.
    return this.#log.readEarly(continuationSizes(known.history.size, newest - 1));
  }

  /**
   * Checks that the store still holds the record of a state that this process knows.
   * @throws HoldfastError ROLLBACK where it is gone, FORK where another stands in its place.
   */
  async checkHeld(known: Place, options: CallOptions = {}): Promise<void> {
    const held = await this.#log.readHeader(known.version, options);
    if (held === undefined) throw rollback(this.#context, known, 'there is no such object');
    if (equalBytes(held.hash, known.hash)) return;
    const { databaseId } = held.envelope;
    if (!equalBytes(databaseId, this.#context.sealing.databaseId))
      throw rollback(this.#context, known, `a record of another database (id ${toHex(databaseId)}) is there`);
    // Whoever can write a bucket can put a header there whose hash is right: that is a damaged record.
    const record = await this.#log.open(held, options);
    throw fork(this.#context, known, record, 'this process has seen another record there');
  }
}

export function instant(clock: Clock): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
