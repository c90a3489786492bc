/**
 * Bytes that come chunk by chunk, whoever gives them: a web stream, an async iterable (Node's streams are), an iterable.
 *
 * Invariants:
 * - It is read once, one chunk after the other, and never ahead.
 * - Whoever gives up tells the source so, once, unless it has ended by itself. Nobody waits for it: a source that hangs
 *   holds up nobody.
 */
import { isUint8Array } from '@holdfast/core';
import { kindOf } from './call-options.js';

export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const EXPECTED = 'expected a ReadableStream, or an (async) iterable, of Uint8Arrays';

export class Chunks {
  readonly #source: ByteSource;
  readonly #call: string;
  /** From the first chunk on. */
  #reading: { next(): Promise<IteratorResult<unknown, unknown>>; stop(reason: unknown): unknown } | undefined;
  #isOver = false;

  /**
   * @param call how messages name it.
   * @throws TypeError for what is no source. Nothing of it is read.
   */
  constructor(call: string, source: ByteSource) {
    this.#call = call;
    this.#source = source;
    // Iterables they are, but of characters and of numbers.
    if (typeof source === 'string' || isUint8Array(source))
      throw new TypeError(
        `${call}: ${EXPECTED}, found ${typeof source === 'string' ? 'a string' : 'the bytes themselves: give it [bytes], or use set()'}.`,
      );
    if (!isWebStream(source) && !isAsyncIterable(source) && !isIterable(source))
      throw new TypeError(`${call}: ${EXPECTED}, found ${kindOf(source)}.`);
  }

  /** @returns undefined: there are no more. @throws TypeError for a chunk that is none; what the source throws. */
  async next(): Promise<Uint8Array | undefined> {
    this.#reading ??= open(this.#source);
    const { done, value } = await this.#reading.next().catch((error: unknown) => {
      this.#isOver = true;
      throw error;
    });
    if (done) {
      this.#isOver = true;
      return undefined;
    }
    if (isUint8Array(value)) return value;
    throw new TypeError(
      `${this.#call}: expected chunks that are Uint8Arrays, found ${typeof value === 'object' && value !== null ? 'another object' : kindOf(value)}. Nothing was changed.`,
    );
  }

  /** No more of it is wanted. */
  stop(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const source = this.#source;
    try {
      const told = this.#reading
        ? this.#reading.stop(reason)
        : // An iterator that was not made has nothing to give back.
          isWebStream(source) && !source.locked && source.cancel(reason);
      Promise.resolve(told).catch(() => {});
    } catch {
      // There was a reason before it.
    }
  }
}

function open(source: ByteSource): {
  next(): Promise<IteratorResult<unknown, unknown>>;
  stop(reason: unknown): unknown;
} {
  if (isWebStream(source)) {
    const reader = source.getReader();
    return { next: () => reader.read(), stop: (reason) => reader.cancel(reason) };
  }
  const iterator = isAsyncIterable(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  return { next: async () => iterator.next(), stop: () => iterator.return?.() };
}

// By what they do, not by their class: they may come from another realm.

function isWebStream(source: unknown): source is ReadableStream<Uint8Array> {
  return typeof (source as { getReader?: unknown } | null | undefined)?.getReader === 'function';
}

function isAsyncIterable(source: unknown): source is AsyncIterable<Uint8Array> {
  return (
    typeof (source as { [Symbol.asyncIterator]?: unknown } | null | undefined)?.[Symbol.asyncIterator] ===
    'function'
  );
}

function isIterable(source: unknown): source is Iterable<Uint8Array> {
  return (
    typeof (source as { [Symbol.iterator]?: unknown } | null | undefined)?.[Symbol.iterator] === 'function'
  );
}
