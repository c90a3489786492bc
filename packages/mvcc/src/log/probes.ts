/**
 * When a probe for a newer tip is sent, and for whom.
 *
 * Invariants:
 * - Who asks is answered by a probe that was sent after that.
 * - An answer that never comes holds up nobody: who comes later gets another probe, and who waits for it too.
 * - No more than `PROBES_MAX` are under way, however slow the store is.
 */
import type { Clock } from '@holdfast/object-store';
import { inTime } from '../context/in-time.js';
import { smoothed } from '../context/smoothed.js';
import type { View } from '../state/view.js';

/** How many turns of the microtask queue a probe waits for others to join it. */
const GATHER_TURNS = 16;
/** How many probes are under way at once; more than one only while the older ones are late. */
const PROBES_MAX = 4;
/** A probe that takes so many times as long as usual is late. */
const PATIENCE_TIMES = 3;
const PATIENCE_MS_MIN = 100;
const PATIENCE_MS_MAX = 10_000;
/** Before anything is known of the store. */
const PATIENCE_MS_FIRST = 500;

/** A look at the slots after the tip, and those who wait for it. */
interface Probe {
  readonly resolve: (view: View) => void;
  readonly reject: (error: unknown) => void;
  /** Resolves however it ends. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  readonly sinceMs: number;
  /** The store has answered it, or a later one. */
  isHeard: boolean;
}

export class Probes {
  readonly #clock: Clock;
  readonly #look: (onAnswer: () => void) => Promise<View>;
  /** Under way, in the order they began. */
  readonly #probes: Probe[] = [];
  /** The refresh whose probe is not sent yet. */
  #gathering: Promise<View> | undefined;
  /** The refresh whose probe begins when it may. */
  #next: Promise<View> | undefined;
  /** What a probe took lately, ms. */
  #usualMs: number | undefined;

  /** @param look asks the store for the newest state; `onAnswer` is called at its first answer. */
  constructor(clock: Clock, look: (onAnswer: () => void) => Promise<View>) {
    this.#clock = clock;
    this.#look = look;
  }

  /**
   * The state with everything acknowledged before this call. Calls that come while a probe is under way share
   * the one after it: that one begins after them. It begins when the one under way has ended, or has taken much
   * longer than usual; then one goes out by itself too, so that an answer that never comes holds up nobody.
   */
  ask(): Promise<View> {
    if (this.#gathering) return this.#gathering;
    if (this.#probes.length === 0) return this.#begin();
    this.#next ??= this.#turn().then(() => this.#begin());
    return this.#next;
  }

  /** Resolves when another probe may begin: the newest has ended or is late, and there are not too many. */
  async #turn(): Promise<void> {
    for (let newest = this.#probes.at(-1); newest; newest = this.#probes.at(-1)) {
      const crowded = this.#probes.length >= PROBES_MAX;
      const leftMs = crowded ? Number.POSITIVE_INFINITY : this.#patienceMs - this.#elapsedMs(newest);
      if (leftMs <= 0) return;
      const ended = Promise.race(this.#probes.map((probe) => probe.ended));
      if (crowded) await ended;
      else if (!(await inTime(this.#clock, ended, leftMs))) return;
    }
  }

  /** How long a probe is waited for before another one is sent. */
  get #patienceMs(): number {
    if (this.#usualMs === undefined) return PATIENCE_MS_FIRST;
    return Math.min(Math.max(PATIENCE_MS_MIN, PATIENCE_TIMES * this.#usualMs), PATIENCE_MS_MAX);
  }

  #elapsedMs(probe: Probe): number {
    return this.#clock.monotonic() - probe.sinceMs;
  }

  #begin(): Promise<View> {
    this.#next = undefined;
    const begun = new Promise<View>((resolve, reject) => {
      this.#gather(resolve, reject);
    });
    this.#gathering = begun;
    return begun;
  }

  /** Sends a probe, for all who ask until it is sent. */
  async #gather(resolve: (view: View) => void, reject: (error: unknown) => void): Promise<void> {
    const probe = this.#newProbe(resolve, reject);
    // Readers that were just answered, and read on, share this probe: it is not sent yet. Microtasks only.
    for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined;
    this.#gathering = undefined;
    this.#again(probe);
    await this.#send(probe);
  }

  #newProbe(resolve: (view: View) => void, reject: (error: unknown) => void): Probe {
    let end = (): void => {};
    const ended = new Promise<void>((done) => {
      end = done;
    });
    const sinceMs = this.#clock.monotonic();
    const probe: Probe = { resolve, reject, ended, end, sinceMs, isHeard: false };
    this.#probes.push(probe);
    return probe;
  }

  /** What a probe finds serves those of every earlier one too. */
  async #send(probe: Probe): Promise<void> {
    try {
      const view = await this.#look(() => {
        probe.isHeard = true;
      });
      const ms = this.#elapsedMs(probe);
      this.#usualMs = smoothed(this.#usualMs, ms, 1 / 8);
      for (const served of this.#probes) {
        served.resolve(view);
        served.isHeard = true;
        if (served === probe) break;
      }
    } catch (error) {
      probe.reject(error);
    }
    this.#probes.splice(this.#probes.indexOf(probe), 1);
    probe.end();
  }

  /** A probe of which nothing is heard for long is sent again for those who wait for it, a few times at most. */
  async #again(probe: Probe): Promise<void> {
    for (let sent = 1; sent < PROBES_MAX; sent++) {
      if ((await inTime(this.#clock, probe.ended, this.#patienceMs)) || probe.isHeard) return;
      // Who has come meanwhile begins one in any case.
      if (this.#probes.length >= PROBES_MAX || this.#next) return;
      this.#send(
        this.#newProbe(
          () => {},
          () => {},
        ),
      );
    }
  }
}
