/**
 * Virtual time: a queue of events, run one at a time. Nothing in a world waits for the real clock.
 *
 * Invariants:
 * - Events run in the order of their times, and in the order they were asked for where these are equal.
 * - All that an event sets off (as far as it waits for promises only) is done before the next one runs.
 */
import type { Clock } from '@holdfast/object-store';
import { Trace } from './trace.js';
import { TroubleLog } from './trouble-log.js';

export interface Timer {
  cancel(): void;
}

interface Event extends Timer {
  readonly atMs: number;
  run: (() => void) | undefined;
}

/** When every world begins, by a clock that is right. */
export const EPOCH_MS: number = Date.UTC(2026, 0, 1);

const AT_ONCE_MAX = 20_000;

export class World {
  readonly trace: Trace = new Trace();
  readonly troubles: TroubleLog = new TroubleLog();
  /** That were published. */
  compactions = 0;
  /** Objects that garbage collection has deleted. */
  collected = 0;
  #nowMs = 0;
  #stamps = 0;
  /** Events since time has passed. */
  #atOnce = 0;
  /** Latest first, so that the next one is taken from the end. */
  readonly #events: Event[] = [];

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The store's own clock: by which it says when objects were written. */
  get clock(): Pick<Clock, 'now'> {
    return { now: () => EPOCH_MS + this.#nowMs };
  }

  /** A time that is never given twice: milliseconds, and a tiny part that grows with every call. */
  stamp(): number {
    return this.#nowMs + ++this.#stamps * 1e-6;
  }

  /** Runs `run` after `delayMs`. */
  after(delayMs: number, run: () => void): Timer {
    const event: Event = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      run,
      cancel: () => {
        event.run = undefined;
      },
    };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.atMs > event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return event;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  log(who: string, what: string): void {
    this.trace.add(this.#nowMs, who, what);
  }

  /**
   * Lets time pass until `work` has settled.
   * @throws Error when it never will: nothing is left to happen, or it takes longer than `limitMs` of virtual time.
   */
  async until<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    const endMs = this.#nowMs + limitMs;
    await turn();
    while (!settled) {
      if (!(await this.#step())) throw new Hang('nothing is left to happen, and the work has not ended');
      if (this.#nowMs > endMs) throw new Hang(`the work has not ended within ${limitMs} ms of virtual time`);
    }
    return work;
  }

  /** Lets everything happen that is still to happen, for at most `limitMs` of virtual time. */
  async settle(limitMs: number): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    while ((this.#events.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) <= endMs) await this.#step();
  }

  async #step(): Promise<boolean> {
    let event = this.#events.pop();
    while (event && !event.run) event = this.#events.pop();
    if (!event) return false;
    this.#atOnce = event.atMs === this.#nowMs ? this.#atOnce + 1 : 0;
    if (this.#atOnce > AT_ONCE_MAX) throw new Hang(`${AT_ONCE_MAX} events at once, and no time passes`);
    this.#nowMs = event.atMs;
    event.run!();
    await turn();
    return true;
  }
}

/** Work that can't end. */
export class Hang extends Error {
  override readonly name: string = 'Hang';
}

/** Until every promise that can go on has. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
