/**
 * The reads of a state that lies in many segments, against a sorted list of what was written: every read, whatever the
 * cache holds, at every version that is looked at.
 */
import { MISS } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import type { Snapshot } from './snapshot.js';

const KEYS = 60;
const LARGE = 70_000;

type Op =
  | { readonly op: 'set'; readonly key: number; readonly size: number; readonly lives: number }
  | { readonly op: 'delete'; readonly key: number }
  | { readonly op: 'range'; readonly key: number; readonly length: number }
  | { readonly op: 'bulk'; readonly key: number; readonly length: number; readonly size: number }
  | { readonly op: 'flush' };

const key = fc.nat(KEYS - 1);
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('set' as const),
      key,
      size: fc.constantFrom(0, 3, 500, LARGE),
      lives: fc.constantFrom(0, 0, 0, 1, 1_000_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('range' as const), key, length: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('bulk' as const),
      key,
      length: fc.integer({ min: 1, max: 40 }),
      // Over 1 MiB together, it is a run of its own: newer than the tail, and under it in the manifest.
      size: fc.constant(LARGE),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('flush' as const) }) },
);

const nameOf = (n: number): [string, number] => ['row', n];
const bytesOf = (n: number, size: number): Uint8Array => new Uint8Array(size).fill(n % 251);

type Model = Map<number, { readonly value: Uint8Array; readonly until: number }>;

async function apply(db: Database, clock: ManualClock, model: Model, ops: readonly Op[]): Promise<void> {
  for (const [i, each] of ops.entries())
    switch (each.op) {
      case 'set': {
        const value = bytesOf(i, each.size);
        await db.set(nameOf(each.key), value, each.lives ? { expireInMs: each.lives } : {});
        model.set(each.key, {
          value,
          until: each.lives ? clock.now() + each.lives : Number.POSITIVE_INFINITY,
        });
        break;
      }
      case 'delete':
        await db.delete(nameOf(each.key));
        model.delete(each.key);
        break;
      case 'range':
        await db.deleteRange({ gte: nameOf(each.key), lt: nameOf(each.key + each.length) });
        for (let n = each.key; n < each.key + each.length; n++) model.delete(n);
        break;
      case 'bulk':
        await db.transact((tx) => {
          for (let n = each.key; n < Math.min(KEYS, each.key + each.length); n++) {
            tx.set(nameOf(n), bytesOf(i, each.size));
            model.set(n, { value: bytesOf(i, each.size), until: Number.POSITIVE_INFINITY });
          }
        });
        break;
      case 'flush':
        await db.flush();
    }
}

const digest = (value: Uint8Array | undefined): string | undefined => value && `${value.length}:${value[0]}`;

async function compare(snapshot: Snapshot, model: Model, nowMs: number): Promise<void> {
  const live = [...model].filter(([, { until }]) => until > nowMs).sort(([a], [b]) => a - b);
  const expected = live.map(([n, { value }]) => [n, digest(value)]);
  const byKey = new Map(live.map(([n, { value }]) => [n, digest(value)]));
  const all = Array.from({ length: KEYS }, (_, n) => n);
  for (const n of all) {
    const peeked = snapshot.peek<Uint8Array>(nameOf(n));
    if (peeked !== MISS) expect(digest(peeked)).toBe(byKey.get(n));
  }
  const many = await snapshot.getMany<Uint8Array>(all.toReversed().map(nameOf));
  expect(many.toReversed().map(digest)).toEqual(all.map((n) => byKey.get(n)));
  for (const n of all) {
    expect(digest(await snapshot.get<Uint8Array>(nameOf(n)))).toBe(byKey.get(n));
    expect(await snapshot.has(nameOf(n))).toBe(byKey.has(n));
  }
  for (const reverse of [false, true]) {
    const rows = reverse ? expected.toReversed() : expected;
    const found: unknown[] = [];
    for await (const { key, value } of snapshot.list<Uint8Array>({}, { reverse }))
      found.push([key[1], digest(value)]);
    expect(found).toEqual(rows);
    const batches: unknown[] = [];
    for await (const batch of snapshot.list<Uint8Array>({}, { reverse }).batches(7))
      batches.push(...batch.map(({ key, value }) => [key[1], digest(value)]));
    expect(batches).toEqual(rows);
    const keys: unknown[] = [];
    for await (const tuple of snapshot.keys({}, { reverse })) keys.push(tuple[1]);
    expect(keys).toEqual(rows.map(([n]) => n));
  }
  expect(await snapshot.count()).toBe(expected.length);
  const middle = { gte: nameOf(10), lt: nameOf(40) };
  expect(await snapshot.count(middle)).toBe(
    expected.filter(([n]) => Number(n) >= 10 && Number(n) < 40).length,
  );
}

test('every read of a snapshot finds what was written by then, whatever is in memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(op, { minLength: 4, maxLength: 24 }),
      fc.array(op, { maxLength: 12 }),
      fc.constantFrom(0, 40_000, 400_000, 64 * 1024 * 1024),
      async (first, second, cacheBytes) => {
        const store = new MemoryStore();
        const clock = new ManualClock();
        const options = { key: 'plaintext', probe: 'skip', maintenance: 'manual', clock } as const;
        const model: Model = new Map();
        await using db = await openDatabase(store, options);
        await apply(db, clock, model, first);
        await using other = await openDatabase(store, { ...options, cacheBytes, readOnly: true });
        const before = await other.snapshot();
        const [then, thenMs] = [new Map(model), clock.now()];
        await apply(db, clock, model, second);
        const after = await other.snapshot();
        await compare(before, then, thenMs);
        await compare(after, model, clock.now());
        // Once more: by now blocks are cached, and those that are asked often have an index.
        await compare(before, then, thenMs);
        await compare(await db.snapshot(), model, clock.now());
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);
