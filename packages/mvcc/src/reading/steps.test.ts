import type { Cursor } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Steps, type Walk } from './steps.js';

/** Numbers from 0; every `pauses`-th move, and every `large`-th value, takes a turn of the event loop. */
class Numbers implements Cursor {
  readonly #count: number;
  readonly #pauses: number;
  readonly #large: number;
  at = -1;
  isMoving = false;
  constructor(count: number, pauses: number, large: number) {
    this.#count = count;
    this.#pauses = pauses;
    this.#large = large;
  }
  get done(): boolean {
    return this.at >= this.#count;
  }
  get key(): Uint8Array {
    return Uint8Array.of(this.at);
  }
  compareKey(key: Uint8Array): number {
    return this.at - key[0]!;
  }
  readonly version = 1;
  readonly order = 0;
  readonly expiresMs = 0;
  readonly stream = false;
  get tombstone(): boolean {
    return this.at % 5 === 4;
  }
  value(): Uint8Array | Promise<Uint8Array> {
    return this.at % this.#large === 0 ? turn().then(() => this.key) : this.key;
  }
  async start(): Promise<void> {
    await turn();
    this.at = 0;
  }
  next(): Promise<void> | undefined {
    if (this.isMoving) throw new Error('asked to move while it moves');
    this.at++;
    if (this.at % this.#pauses !== 0) return undefined;
    this.isMoving = true;
    return turn().then(() => {
      this.isMoving = false;
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function walk(cursor: Cursor, limit = Number.POSITIVE_INFINITY): Walk<number> {
  return {
    open: async () => ({ cursor, nowMs: 0 }),
    range: { bounds: { begin: new Uint8Array(0), end: undefined }, reverse: false, limit },
    keysOnly: false,
    make: ({ key }, value) => {
      expect(value).toEqual(key);
      return key[0]!;
    },
  };
}

const living = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i).filter((i) => i % 5 !== 4);

describe('the steps of a walk', () => {
  test('are those of a generator, whatever must be waited for, and whether or not each is awaited', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(70),
        fc.boolean(),
        async (count, pauses, large, limit, isHasty) => {
          const steps = new Steps(() => walk(new Numbers(count, pauses, large), limit));
          const found: number[] = [];
          if (isHasty) {
            const asked = await Promise.all(Array.from({ length: count + 2 }, () => steps.next()));
            for (const { value, done } of asked) if (!done) found.push(value);
          } else for await (const each of steps) found.push(each);
          expect(found).toEqual(living(count).slice(0, limit));
          expect(await steps.next()).toEqual({ value: undefined, done: true });
        },
      ),
    );
  });

  test('move the cursor when they are asked for, not before', async () => {
    const cursor = new Numbers(10, 100, 100);
    const steps = new Steps(() => walk(cursor));
    expect((await steps.next()).value).toBe(0);
    expect(cursor.at).toBe(0);
    expect((await steps.next()).value).toBe(1);
    expect(cursor.at).toBe(1);
  });

  test('end where they are left, also while one is under way', async () => {
    const steps = new Steps(() => walk(new Numbers(10, 2, 100)));
    await steps.next();
    const [under, left, after] = [steps.next(), steps.return(), steps.next()];
    expect((await under).value).toBe(1);
    expect((await left).done).toBe(true);
    expect((await after).done).toBe(true);
  });

  test('fail once, and are over then', async () => {
    const steps = new Steps<number>(() => {
      throw new TypeError('no range');
    });
    await expect(steps.next()).rejects.toThrow('no range');
    expect(await steps.next()).toEqual({ value: undefined, done: true });
    const thrown = new Steps(() => walk(new Numbers(10, 2, 2)));
    await thrown.next();
    await expect(thrown.throw(new Error('enough'))).rejects.toThrow('enough');
    expect((await thrown.next()).done).toBe(true);
  });
});
