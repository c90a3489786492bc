import { type Clock, sleepBy } from '../clock.js';

interface Sleeper {
  readonly wakeAt: number;
  wake(): void;
}

const idleTurnsMax = 5_000;

/**
 * A clock that stands still until it is told to go.
 *
 * Invariant: sleepers wake in the order of their times, and in the order they lay down where these are equal; what
 * one does on waking (as far as it waits for promises only) is done before the next one wakes.
 */
export class ManualClock implements Clock {
  #now: number;
  #elapsedMs = 0;
  #sleepers: Sleeper[] = [];

  /** @param now wall clock at the start, milliseconds since the Unix epoch. */
  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  /** How many are asleep. */
  get sleepers(): number {
    return this.#sleepers.length;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy((...args) => this.after(...args), ms, signal);
  }

  after(ms: number, act: () => void): () => void {
    const sleeper: Sleeper = { wakeAt: this.#elapsedMs + Math.max(0, ms), wake: act };
    const later = this.#sleepers.findIndex((other) => other.wakeAt > sleeper.wakeAt);
    this.#sleepers.splice(later < 0 ? this.#sleepers.length : later, 0, sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    };
  }

  /** Lets `ms` pass. Those who lie down meanwhile wake too, if their time is in it. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    await settled();
    while (this.#sleepers[0] && this.#sleepers[0].wakeAt <= end) await this.#wakeFirst();
    this.#pass(end - this.#elapsedMs);
  }

  /**
   * Lets time pass, from sleeper to sleeper, until `work` has ended; gives its outcome. Fails when it waits for
   * what will not come: nobody is asleep, and nothing has happened for about five seconds of real time.
   */
  async runUntil<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    work.then(end, end);
    for (let idleTurns = 0; idleTurns < idleTurnsMax; idleTurns++) {
      // Several turns: test stores take one for each call, and calls follow each other.
      for (let turn = 0; turn < 5 && !ended; turn++) await settled();
      if (ended) return work;
      if (this.#sleepers.length > 0) {
        await this.#wakeFirst();
        idleTurns = 0;
      } else if (idleTurns > 100) {
        // It may be waiting for a file or for WebCrypto.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    throw new Error('ManualClock.runUntil: the work has not ended, and nobody is asleep.');
  }

  /** Sets the wall clock alone, as an administrator or an attacker would. */
  setWall(now: number): void {
    this.#now = now;
  }

  async #wakeFirst(): Promise<void> {
    const sleeper = this.#sleepers.shift()!;
    this.#pass(sleeper.wakeAt - this.#elapsedMs);
    sleeper.wake();
    await settled();
  }

  #pass(ms: number): void {
    this.#elapsedMs += ms;
    this.#now += ms;
  }
}

/** Resolves after all that waits for nothing but promises has run: the event loop's next turn comes after them. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
