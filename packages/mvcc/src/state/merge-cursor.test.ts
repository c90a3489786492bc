import { type Cursor, compareBytes } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MergeCursor, type MergeSource } from './merge-cursor.js';
import { RangeCovers } from './range-covers.js';

interface Item {
  readonly key: number;
  readonly version: number;
}

/** A source over items; every `pauses`-th step takes a turn of the event loop, as a fetch would. */
class ListCursor implements Cursor {
  readonly #items: readonly Item[];
  readonly #pauses: number;
  #at = -1;
  constructor(items: readonly Item[], pauses: number) {
    this.#items = items;
    this.#pauses = pauses;
  }
  get done(): boolean {
    return this.#at >= this.#items.length;
  }
  get key(): Uint8Array {
    return toKey(this.#items[this.#at]!.key);
  }
  compareKey(key: Uint8Array): number {
    return compareBytes(this.key, key);
  }
  get version(): number {
    return this.#items[this.#at]!.version;
  }
  readonly order = 0;
  readonly tombstone = false;
  value(): Uint8Array {
    return new Uint8Array(0);
  }
  async start(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#at = 0;
  }
  next(): Promise<void> | undefined {
    this.#at++;
    return this.#at % this.#pauses === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
  }
}

const toKey = (key: number): Uint8Array => Uint8Array.of(key >> 16, key >> 8, key);
const fromKey = (key: Uint8Array): number => (key[0]! << 16) | (key[1]! << 8) | key[2]!;

/** Runs of sorted keys; `spread` makes them overlap or follow one another. */
const runs = fc.array(
  fc.record({
    start: fc.nat(20_000),
    keys: fc.uniqueArray(fc.nat(3_000), { maxLength: 400 }),
    slack: fc.nat(50),
  }),
  { maxLength: 12 },
);

test('walks its sources as one sorted map of the newest entries, in either direction, however long', async () => {
  await fc.assert(
    fc.asyncProperty(runs, fc.boolean(), fc.integer({ min: 1, max: 50 }), async (list, reverse, pauses) => {
      const newest = new Map<number, number>();
      const direction = reverse ? -1 : 1;
      const sources = list.map(({ start, keys, slack }, i): MergeSource => {
        const version = ((i * 7) % 12) + 1;
        const items = keys
          .map((key) => ({ key: start + key, version }))
          .sort((a, b) => (a.key - b.key) * direction);
        for (const { key } of items) newest.set(key, Math.max(newest.get(key) ?? 0, version));
        // A bound may lie before the first key, as a segment's does where the range begins inside it.
        const first = items[0] ? Math.max(0, items[0].key - slack * direction) : start;
        return {
          bound: slack % 3 === 0 ? undefined : toKey(first),
          open: () => new ListCursor(items, pauses),
        };
      });
      const cursor = new MergeCursor(sources, new RangeCovers(), reverse);
      const found: [number, number][] = [];
      for (await cursor.start(); !cursor.done; await cursor.next())
        found.push([fromKey(cursor.key), cursor.version]);
      expect(found).toEqual([...newest].sort(([a], [b]) => (a - b) * direction));
    }),
    { numRuns: 60 },
  );
});

test('a long walk opens the next source ahead, a short one does not', async () => {
  const opened: number[] = [];
  const sources = Array.from({ length: 4 }, (_, run): MergeSource => {
    const items = Array.from({ length: 1500 }, (_, i) => ({ key: run * 2000 + i, version: 1 }));
    return {
      bound: toKey(run * 2000),
      open: () => {
        opened.push(run);
        return new ListCursor(items, 100);
      },
    };
  });
  const cursor = new MergeCursor(sources, new RangeCovers(), false);
  const openedAt = new Map<number, number>();
  for (await cursor.start(); !cursor.done; await cursor.next())
    for (const run of opened.splice(0)) openedAt.set(run, fromKey(cursor.key));
  expect(openedAt.get(1)).toBe(2000);
  expect(openedAt.get(2)).toBeLessThan(4000);
  expect(openedAt.get(3)).toBeLessThan(6000);
});
