/**
 * Rows that come one by one, whoever gives them: an iterable (an array, a Map, a generator), or an async one.
 *
 * Invariants:
 * - It is read once, one row after the other, and never ahead.
 * - Whoever gives up tells the source so, once, unless it has ended by itself. Nobody waits for it: a source that hangs
 *   holds up nobody.
 */
import { isUint8Array } from '@holdfast/core';
import { kindOf } from './call-options.js';

export type RowSource<Row> = Iterable<Row> | AsyncIterable<Row>;

interface Reading {
  next(): IteratorResult<unknown, unknown> | Promise<IteratorResult<unknown, unknown>>;
  return?(): unknown;
}

export class Rows {
  readonly #source: RowSource<unknown>;
  /** From the first row on. */
  #reading: Reading | undefined;
  #isOver = false;

  /**
   * @param call how messages name it.
   * @param expected what it should be.
   * @throws TypeError for what is no source. Nothing of it is read.
   */
  constructor(call: string, source: RowSource<unknown>, expected: string) {
    this.#source = source;
    // Iterables they are, but of characters and of numbers.
    if (typeof source === 'string' || isUint8Array(source) || !(isAsync(source) || isSync(source)))
      throw new TypeError(
        `${call}: expected ${expected}, found ${isUint8Array(source) ? 'bytes' : kindOf(source)}. Nothing was changed.`,
      );
  }

  /** The next row, at once where the source has it at hand. @throws what the source throws. */
  next(): IteratorResult<unknown, unknown> | Promise<IteratorResult<unknown, unknown>> {
    try {
      this.#reading ??= open(this.#source);
      const step = this.#reading.next();
      if (step instanceof Promise || typeof (step as { then?: unknown }).then === 'function')
        return this.#later(Promise.resolve(step));
      if ((step as IteratorResult<unknown>).done) this.#isOver = true;
      return step;
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  #later(step: Promise<IteratorResult<unknown, unknown>>): Promise<IteratorResult<unknown, unknown>> {
    return step.then(
      (result) => {
        if (result.done) this.#isOver = true;
        return result;
      },
      (error: unknown) => {
        this.#isOver = true;
        throw error;
      },
    );
  }

  /** No more of it is wanted. */
  stop(): void {
    // An iterator that was not made has nothing to give back.
    if (this.#isOver || !this.#reading) return;
    this.#isOver = true;
    try {
      Promise.resolve(this.#reading.return?.()).catch(() => {});
    } catch {
      // There was a reason before it.
    }
  }
}

function open(source: RowSource<unknown>): Reading {
  return isAsync(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

// By what they do, not by their class: they may come from another realm.

function isAsync(source: unknown): source is AsyncIterable<unknown> {
  const iterable = source as { [Symbol.asyncIterator]?: unknown } | null | undefined;
  return typeof iterable?.[Symbol.asyncIterator] === 'function';
}

function isSync(source: unknown): source is Iterable<unknown> {
  return (
    typeof (source as { [Symbol.iterator]?: unknown } | null | undefined)?.[Symbol.iterator] === 'function'
  );
}
