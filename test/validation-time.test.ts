/**
 * What validation waits for. Transactions that began before a flush are validated after it: what they read has moved
 * from the tail into segments, and that must not make them wait in turn.
 */
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { expect, test } from 'vitest';
import { collect, openTestDatabase } from './support/database.js';
import { SlowStore } from './support/slow-store.js';

const STORE_MS = 20;
const TRANSACTIONS = 100;

/** 4,000 keys in a few large records, all in the tail. */
async function filled(clock: ManualClock, cacheBytes?: number) {
  const store = new SlowStore(new MemoryStore('slow'), clock, 'seg/');
  const db = await clock.runUntil(
    openTestDatabase(store, { clock, maintenance: 'manual', probe: 'skip', cacheBytes }),
  );
  for (let batch = 0; batch < 10; batch++)
    await clock.runUntil(
      db.transact((tx) => {
        for (let i = 0; i < 400; i++) tx.set(['k', batch * 400 + i], 'v'.repeat(900));
      }),
    );
  return { store, db };
}

/** Begins them all, flushes under them, lets them end; how long that takes by the clock. */
async function acrossAFlush(
  clock: ManualClock,
  cacheBytes?: number,
): Promise<{ ms: number; store: SlowStore }> {
  const { store, db } = await filled(clock, cacheBytes);
  store.ms = STORE_MS;
  let go: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  let read = 0;
  let allRead: () => void = () => {};
  const reading = new Promise<void>((resolve) => {
    allRead = resolve;
  });
  const transactions = Array.from({ length: TRANSACTIONS }, (_, t) =>
    db.transact(async (tx) => {
      await tx.get(['k', t * 37]);
      await tx.get(['k', t * 31 + 1]);
      if (++read === TRANSACTIONS) allRead();
      await gate;
      tx.set(['o', t], 1);
    }),
  );
  await clock.runUntil(reading);
  await clock.runUntil(db.set(['k', 3_999], 'z'));
  await clock.runUntil(db.flush());
  store.reads.count = store.reads.atOnceMax = 0;
  const startedMs = clock.monotonic();
  go();
  await clock.runUntil(Promise.all(transactions));
  const ms = clock.monotonic() - startedMs;
  expect(await clock.runUntil(db.count({ prefix: ['o'] }))).toBe(TRANSACTIONS);
  return { ms, store };
}

test('100 transactions that validate across a flush, 20 ms from the store, take 7 of its answers at most', async () => {
  const { ms } = await acrossAFlush(new ManualClock());
  expect(ms).toBeLessThan(150);
});

test('and where nothing is cached the segments are asked at once, not in turn', async () => {
  const { ms, store } = await acrossAFlush(new ManualClock(), 0);
  expect(ms).toBeLessThan(150);
  if (store.reads.count > 1) expect(store.reads.atOnceMax).toBeGreaterThan(1);
});

test('many small walks are validated against many flushed ranges at the cost of both, not of their product', async () => {
  const many = 1500;
  const store = new MemoryStore();
  const [db, writer] = [
    await openTestDatabase(store, { maintenance: 'manual' }),
    await openTestDatabase(store, { maintenance: 'manual' }),
  ];
  let startedMs = 0;
  let runs = 0;
  await db.transact(async (tx) => {
    runs++;
    for (let i = 0; i < many; i++) await collect(tx.keys({ prefix: ['k', i, 'read'] }));
    await writer.transact((other) => {
      for (let i = 0; i < many; i++) other.deleteRange({ prefix: ['k', i, 'deleted'] });
    });
    // So many that the flush is jumped over: the ranges are then in segments alone.
    for (let i = 0; i < 30; i++) await writer.set('beside', i);
    await writer.flush();
    for (let i = 0; i < 30; i++) await writer.set('beside', i);
    tx.set('done', true);
    startedMs = performance.now();
  });
  expect(runs).toBe(1);
  // A fraction of a second; each list laid out for each walk took 20 seconds.
  expect(performance.now() - startedMs).toBeLessThan(8_000);
});
