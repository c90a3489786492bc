/**
 * Time that passes only when nothing else can happen. Everything under it settles within a few turns of the event
 * loop or never: a hang is seen at once, not after a timeout.
 */
import { type Clock, sleepBy } from '@holdfast/object-store';

export type Settled<T> =
  | { readonly value: T }
  | { readonly error: unknown }
  /** Neither settled nor waiting for anything, or waiting again and again. */
  | { readonly hung: string };

/** So many idle turns mean that only time can help. */
const IDLE_TURNS = 40;
/** Work that has slept this long in all will not end. */
const SLEPT_MS_MAX = 60 * 60 * 1000;

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export class IdleClock implements Clock {
  #ms = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return 1_750_000_000_000 + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy((...args) => this.after(...args), ms, signal);
  }

  after(ms: number, act: () => void): () => void {
    const sleeper = {
      at: this.#ms + ms,
      wake: () => {
        this.#sleepers.delete(sleeper);
        act();
      },
    };
    this.#sleepers.add(sleeper);
    return () => {
      this.#sleepers.delete(sleeper);
    };
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#ms += ms;
  }

  /** Runs `work` to its end, or until it is certain that there is none. Never rejects. */
  async settle<T>(work: () => Promise<T>): Promise<Settled<T>> {
    let settled: Settled<T> | undefined;
    work().then(
      (value) => {
        settled = { value };
      },
      (error: unknown) => {
        settled = { error };
      },
    );
    const until = this.#ms + SLEPT_MS_MAX;
    for (let idle = 0; ; idle++) {
      await turn();
      if (settled) return settled;
      if (idle < IDLE_TURNS) continue;
      idle = 0;
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined) return { hung: 'not settled, and nothing is pending' };
      if (next.at > until) return { hung: `not settled after ${SLEPT_MS_MAX} ms of sleep` };
      this.#ms = Math.max(this.#ms, next.at);
      next.wake();
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
