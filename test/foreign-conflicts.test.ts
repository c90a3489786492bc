/**
 * Only what a transaction itself has lost runs its body again. The same codes may come through the body from anywhere:
 * another database, a nested transaction that has given up, the body's own code.
 */
import { HoldfastError, type HoldfastErrorCode } from '@holdfast/core';
import { MemoryStore, systemClock } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { expectCode, openTestDatabase } from './support/database.js';

const codes: HoldfastErrorCode[] = [
  'CONFLICT',
  'TRANSACTION_TOO_OLD',
  'LIMIT_EXCEEDED',
  'UNAVAILABLE',
  'CLOSED',
];

test.each(codes)('a %s that the body throws is the body’s: it runs once', async (code) => {
  const db = await openTestDatabase(new MemoryStore());
  let runs = 0;
  const error = new HoldfastError(code, 'from elsewhere');
  const told = db.transact(async (tx) => {
    runs++;
    await tx.get('a');
    tx.set('a', runs);
    throw error;
  });
  expect(await told.catch((found: unknown) => found)).toBe(error);
  expect(runs).toBe(1);
  expect(await db.get('a')).toBeUndefined();
});

test('a conflict of another database, or of a nested transaction that gave up, reruns nothing', async () => {
  const ours = await openTestDatabase(new MemoryStore());
  const theirs = await openTestDatabase(new MemoryStore());
  for (const inner of [theirs, ours]) {
    let runs = 0;
    const outer = ours.transact(async (tx) => {
      runs++;
      tx.set('a', runs);
      await inner.transact(
        async (nested) => {
          await nested.get('z');
          await inner.set('z', runs);
          nested.set('y', 1);
        },
        { maxRetries: 0 },
      );
    });
    await expectCode(outer, 'CONFLICT');
    expect(runs).toBe(1);
  }
});

test.each(codes)(
  'but a %s concluded from what has changed meanwhile is no conclusion: the body runs again',
  async (code) => {
    const db = await openTestDatabase(new MemoryStore());
    let runs = 0;
    const result = await db.transact(async (tx) => {
      runs++;
      if ((await tx.get('a')) === 1) return 'seen';
      await db.set('a', 1);
      throw new HoldfastError(code, 'no a');
    });
    expect([result, runs]).toEqual(['seen', 2]);
  },
);

test('a conflict of its own is counted, and told when the retries are used up', async () => {
  const db = await openTestDatabase(new MemoryStore());
  let runs = 0;
  const told = db.transact(
    async (tx) => {
      runs++;
      await tx.get('a');
      await db.set('a', runs);
      tx.set('b', 1);
    },
    { maxRetries: 3 },
  );
  await expectCode(told, 'CONFLICT');
  expect(runs).toBe(4);
});

test('each run has a time of its own, the same throughout: by its own clock, whatever a writer before it had', async () => {
  const store = new MemoryStore();
  const clock = { now: 2_000_000 };
  const timed = { ...systemClock, now: () => clock.now };
  const db = await openTestDatabase(store, { clock: timed });
  const times: number[] = [];
  await db.transact(async (tx) => {
    times.push(tx.now.getTime());
    await tx.get('a');
    clock.now += 5;
    times.push(tx.now.getTime());
    if (times.length === 2) await db.set('a', 1);
    tx.set('b', 1);
  });
  expect(times).toEqual([2_000_000, 2_000_000, 2_000_005, 2_000_005]);
  // Else one clock that was ahead once would be everybody's from then on.
  clock.now = 1000;
  expect(await db.transact((tx) => tx.now.getTime())).toBe(1000);
});
