/**
 * The newest state that this process knows, and how it learns of newer ones.
 *
 * Invariants:
 * - The known version never goes back.
 * - A refresh reflects every commit acknowledged anywhere before it was asked for: its last probe was sent
 *   after that, and found the next slot empty.
 * - What a slot holds, or that it is empty, says something only while the tip below it was confirmed within half
 *   the grace period (after a whole one, collected slots are empty too, and a late PUT can fill them): otherwise
 *   the tip is found anew by listing. Judged when the answer is there, against the confirmation of the very
 *   view that the question was asked from: a process can sleep in any await, and another call can meanwhile
 *   have confirmed a newer tip.
 */

import { HoldfastError } from '@holdfast/core';
import type { Clock } from '@holdfast/object-store';
import { advance, jump } from './advance.js';
import type { Context } from './context.js';
import { type Log, missingRecord } from './log.js';
import type { View } from './view.js';

/** Two clocks, because either may be wrong: a suspended machine stops one, an administrator sets the other. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

const HASHES_KEPT = 64;
/** How many turns of the microtask queue a probe waits for others to join it. */
const GATHER_TURNS = 16;
/** How often the tip is listed again because reading it took longer than half the grace period. */
const RELOCATIONS_MAX = 5;

export class Tip {
  readonly #context: Context;
  readonly #log: Log;
  readonly #graceMs: number;
  #view: View;
  #confirmedAt: Instant;
  #refreshing: Promise<View> | undefined;
  /** The refresh whose probe is not sent yet. */
  #gathering: Promise<View> | undefined;
  #next: Promise<View> | undefined;
  readonly #listeners = new Set<() => void>();
  /** Hashes of the newest records, so that a lost race is told from a won one without reading the slot again. */
  readonly #hashes = new Map<number, Uint8Array>();

  constructor(context: Context, log: Log, view: View, confirmedAt: Instant, graceMs: number) {
    this.#context = context;
    this.#log = log;
    this.#view = view;
    this.#confirmedAt = confirmedAt;
    this.#graceMs = graceMs;
  }

  get view(): View {
    return this.#view;
  }

  /** The hash of a record of this chain, if it was seen lately. */
  hashAt(version: number): Uint8Array | undefined {
    return this.#hashes.get(version);
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
    return this.ageMs(since) > this.#graceMs / 2;
  }

  /** Takes a newer state; an older one is passed over. */
  adopt(view: View, confirmedAt?: Instant): void {
    if (confirmedAt && view.version >= this.#view.version) this.#confirmedAt = confirmedAt;
    if (view.version <= this.#view.version) return;
    this.#view = view;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back on each newer state, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The state with everything acknowledged before this call. Calls that come while a probe is under way share
   * the one after it: that one begins after them.
   */
  refresh(signal?: AbortSignal): Promise<View> {
    const shared = this.#refresh();
    return signal ? orAborted(shared, signal) : shared;
  }

  #refresh(): Promise<View> {
    if (this.#gathering) return this.#gathering;
    if (this.#refreshing === undefined) return this.#begin();
    this.#next ??= this.#refreshing.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<View> {
    this.#next = undefined;
    const refreshing = this.#gather().finally(() => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined;
    });
    this.#gathering = this.#refreshing = refreshing;
    return refreshing;
  }

  /** Readers that were just answered, and read on, share this probe: it is not sent yet. Microtasks only. */
  async #gather(): Promise<View> {
    for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined;
    this.#gathering = undefined;
    return this.follow();
  }

  /** Reads what comes after the known tip. `lost`: the next slot is known to be taken. */
  async follow(lost = false): Promise<View> {
    const from = this.#view.version;
    let relocated = false;
    for (;;) {
      if (this.isStale()) {
        await this.#relocate();
        relocated = true;
      }
      const asked = instant(this.#context.clock);
      const base = this.#confirmedAt;
      let view = this.#view;
      const { records, gap } = await this.#log.readAfter(view.version, lost ? { firstWidth: 2 } : {});
      if (this.isStale(base)) {
        // Asleep meanwhile: what was read may be a collected slot, or somebody's late PUT into one. A tip that
        // was listed in this very call reflects what was acknowledged before it.
        if (relocated) break;
        continue;
      }
      for (const record of records) {
        view = await advance(this.#context, view, record);
        this.#hashes.set(record.version, record.hash);
        if (this.#hashes.size > HASHES_KEPT) this.#hashes.delete(this.#hashes.keys().next().value!);
      }
      this.adopt(view, gap ? undefined : asked);
      if (!gap) break;
      await this.#relocate();
      relocated = true;
    }
    if (this.#view.version > from) this.#context.emit({ type: 'follow', from, to: this.#view.version });
    return this.#view;
  }

  /** Finds the tip by listing. */
  async #relocate(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const asked = instant(this.#context.clock);
      const found = await this.#newest().catch((error: unknown) => ({ error }));
      // Asleep between the listing and the last answer: what was listed may have been collected, and what was
      // read in its place, or found missing, says nothing.
      if (this.isStale(asked)) {
        if (attempt < RELOCATIONS_MAX) continue;
        throw new HoldfastError(
          'UNAVAILABLE',
          `The newest record could not be found within ${this.#graceMs / 2} ms, half the grace period, ${attempt} times in a row: expected a store that answers sooner, or a longer graceMs. Nothing was changed; try again.`,
        );
      }
      if (found && 'error' in found) throw found.error;
      if (found) this.adopt(found, asked);
      return;
    }
  }

  /** The state that a listing shows to be the newest; undefined: it shows none as new as the known one. */
  async #newest(): Promise<View | undefined> {
    const newest = await this.#log.newest();
    const view = this.#view;
    if (newest === undefined || newest < view.version) return undefined;
    if (newest === view.version) return view;
    const record = await this.#log.read(newest);
    if (record === undefined) throw missingRecord(newest, 'The listing of the log');
    return jump(this.#context, this.#log, record, view);
  }
}

/** The work is shared with others: an abort ends the waiting for it, not the work. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}

export function instant(clock: Clock): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
