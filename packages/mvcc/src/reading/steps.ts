/**
 * A walk one by one, as an async generator whose steps cost no more than they must: what is in memory is answered at
 * once, by a promise that is settled.
 *
 * Invariants:
 * - As a generator's, its steps come in order, also where one is asked for before another has ended.
 * - The cursor moves on when the next step is asked for, not before: what a transaction has walked past is what its body
 *   was shown.
 * - After it has ended, or failed, it stays ended.
 */
import type { Cursor } from '@holdfast/core';
import { isAlive } from '../state/alive.js';
import type { ParsedRange } from './entry-reader.js';

/** A scan and the moment whose entries it shows, milliseconds since 1970: one for all of it. */
export interface Scan {
  readonly cursor: Cursor;
  readonly nowMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a walk goes over. */
export interface Walk<T> {
  readonly open: () => Promise<Scan>;
  readonly range: ParsedRange;
  /** No value is fetched: `make` gets an empty one. */
  readonly keysOnly: boolean;
  /** What the cursor stands on, for the user. */
  readonly make: (cursor: Cursor, value: Uint8Array) => T;
}

export const NO_VALUE: Uint8Array = new Uint8Array(0);

type Step<T> = IteratorResult<T, void>;

const END: Step<never> = Object.freeze({ value: undefined, done: true });

export class Steps<T> implements AsyncGenerator<T, void, undefined> {
  readonly #prepared: () => Walk<T>;
  #walk: Walk<T> | undefined;
  #scan: Scan | undefined;
  /** How many more there may be. */
  #left = 0;
  /** The current entry was given out. */
  #isTaken = false;
  #isOver = false;
  /** What `#look` has come upon, and `#step` is to wait for: the cursor's move, or the current entry's value. */
  #pending: Promise<void> | undefined;
  #value: Promise<Uint8Array> | undefined;
  /** The last of the steps under way; undefined: there is none. */
  #busy: Promise<unknown> | undefined;

  constructor(prepared: () => Walk<T>) {
    this.#prepared = prepared;
  }

  next(): Promise<Step<T>> {
    try {
      const step = this.soon();
      return step ? Promise.resolve(step) : this.#queue(() => this.#step());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next step, if nothing must be waited for; else `next()` is to be called. @throws what the step fails with. */
  soon(): Step<T> | undefined {
    if (this.#busy !== undefined) return undefined;
    if (this.#isOver) return END;
    if (this.#scan === undefined || this.#pending || this.#value) return undefined;
    try {
      return this.#look(this.#scan);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** @returns undefined: something must be waited for first. */
  #look({ cursor, nowMs, signal }: Scan): Step<T> | undefined {
    if (this.#isTaken && this.#left === 0) return this.#end();
    for (;;) {
      if (this.#isTaken) {
        const pending = cursor.next();
        this.#isTaken = false;
        if (pending) {
          this.#pending = pending;
          return undefined;
        }
      }
      if (cursor.done) return this.#end();
      signal?.throwIfAborted();
      this.#isTaken = true;
      if (!isAlive(cursor, nowMs)) continue;
      this.#left--;
      const { keysOnly, make } = this.#walk!;
      const value = keysOnly ? NO_VALUE : cursor.value();
      if (value instanceof Uint8Array) return { value: make(cursor, value), done: false };
      this.#value = value;
      return undefined;
    }
  }

  async #step(): Promise<Step<T>> {
    if (this.#isOver) return END;
    try {
      if (this.#scan === undefined) {
        this.#walk = this.#prepared();
        this.#left = this.#walk.range.limit;
        if (this.#left === 0) return this.#end();
        const scan = await this.#walk.open();
        await scan.cursor.start();
        if (this.#isOver) return END;
        this.#scan = scan;
      }
      const scan = this.#scan;
      for (;;) {
        if (this.#value === undefined && this.#pending === undefined) {
          const step = this.#look(scan);
          if (step) return step;
        }
        if (this.#value) {
          const value = this.#value;
          this.#value = undefined;
          return { value: this.#walk!.make(scan.cursor, await value), done: false };
        }
        const pending = this.#pending!;
        this.#pending = undefined;
        await pending;
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** After the steps under way. */
  #queue<R>(step: () => Promise<R>): Promise<R> {
    const result = this.#busy ? this.#busy.then(step, step) : step();
    const settled: Promise<void> = result.then(
      () => this.#settle(settled),
      () => this.#settle(settled),
    );
    this.#busy = settled;
    return result;
  }

  #settle(step: Promise<void>): void {
    if (this.#busy === step) this.#busy = undefined;
  }

  #end(): Step<T> {
    this.#isOver = true;
    this.#scan = undefined;
    this.#walk = undefined;
    return END;
  }

  async return(): Promise<Step<T>> {
    return this.#queue(async () => this.#end());
  }

  async throw(error: unknown): Promise<Step<T>> {
    return this.#queue(async () => {
      this.#end();
      throw error;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
