/**
 * One worker process: a clock that may be wrong, a life that may end at any moment, and pauses of which it knows
 * nothing.
 *
 * Invariants:
 * - A dead machine's code never runs again: no timer wakes it and no answer reaches it. What it has sent travels on.
 * - A paused machine's timers and answers wait until it goes on, and then come in order.
 */
import { type Clock, sleepBy } from '@holdfast/object-store';
import { EPOCH_MS, type World } from './world.js';

export interface ClockFaults {
  /** What the wall clock is ahead by, milliseconds. */
  readonly offsetMs: number;
  /** How fast both clocks run: 1 is right. */
  readonly rate: number;
  /** The monotonic clock stands still while the machine is paused, as on a suspended one. */
  readonly suspends: boolean;
}

export const soundClock: ClockFaults = { offsetMs: 0, rate: 1, suspends: false };

/** No timer is finer than this. */
const SLEEP_MS_MIN = 0.001;

export class Machine {
  readonly name: string;
  readonly clock: Clock;
  readonly #world: World;
  readonly #faults: ClockFaults;
  #stepMs = 0;
  #alive = true;
  #held: (() => void)[] | undefined;
  #pausedAtMs = 0;
  #suspendedMs = 0;
  readonly #onDeath: (() => void)[] = [];

  constructor(world: World, name: string, faults: ClockFaults) {
    this.#world = world;
    this.name = name;
    this.#faults = faults;
    this.clock = {
      now: () => EPOCH_MS + world.nowMs * faults.rate + faults.offsetMs + this.#stepMs,
      monotonic: () => (world.nowMs - this.#suspendedMs) * faults.rate,
      sleep: (ms, signal) => sleepBy((...args) => this.#after(...args), ms, signal),
      after: (ms, act) => this.#after(ms, act),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== undefined;
  }

  /** Somebody sets the wall clock, unless the other one is wrong already: of two, the engine needs one. */
  stepClock(ms: number): void {
    if (this.#faults.suspends) return;
    this.#stepMs += ms;
    this.#world.log(this.name, `wall clock set by ${ms} ms`);
  }

  /** Hands the machine something from outside, now or when it goes on. */
  deliver(run: () => void): void {
    if (!this.#alive) return;
    if (this.#held) this.#held.push(run);
    else run();
  }

  crash(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = undefined;
    this.#world.log(this.name, `dies: ${why}`);
    this.#world.troubles.add(this.name, this.#world.nowMs);
    for (const told of this.#onDeath.splice(0)) told();
  }

  /** Calls back when it dies, until the returned function is called. */
  onDeath(told: () => void): () => void {
    this.#onDeath.push(told);
    return () => {
      const at = this.#onDeath.indexOf(told);
      if (at >= 0) this.#onDeath.splice(at, 1);
    };
  }

  pause(ms: number): void {
    if (!this.#alive || this.#held) return;
    this.#held = [];
    this.#pausedAtMs = this.#world.nowMs;
    this.#world.log(this.name, `stands still for ${ms.toFixed(3)} ms`);
    this.#world.troubles.add(this.name, this.#world.nowMs, this.#world.nowMs + ms);
    this.#world.after(ms, () => this.#resume());
  }

  #resume(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    if (this.#faults.suspends) this.#suspendedMs += this.#world.nowMs - this.#pausedAtMs;
    this.#world.log(this.name, 'goes on');
    // Each as an event of its own: it may die or stand still again in between.
    for (const run of held) this.#world.after(0, () => this.deliver(run));
  }

  #after(ms: number, act: () => void): () => void {
    // However short, it lets time pass: what is left of a deadline after rounding would be slept for again for ever.
    const shortestMs = ms > 0 ? SLEEP_MS_MIN : 0;
    let isOver = false;
    const timer = this.#world.after(Math.max(ms / this.#faults.rate, shortestMs), () =>
      this.deliver(() => {
        // Ended while the machine was paused.
        if (!isOver) act();
      }),
    );
    return () => {
      isOver = true;
      timer.cancel();
    };
  }
}
