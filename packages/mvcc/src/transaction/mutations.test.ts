/** Mutations in a body: what it reads of them, and what many of them cost. */
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { openDatabase } from '../database.js';

const open = () =>
  openDatabase(new MemoryStore(), { key: new Uint8Array(32).fill(7), maintenance: 'manual' });

test('a read shows the writes before its call, and none of those after it', async () => {
  const db = await open();
  await db.set(['n'], 10);
  await db.flush();
  const read = await db.transact(async (tx) => {
    tx.add(['n'], 1);
    const got = tx.get(['n']);
    const first = tx.first();
    const count = tx.count();
    tx.add(['n'], 100);
    tx.set(['o'], 0);
    const later = tx.get(['n']);
    return [await got, (await first)?.value, await count, await later];
  });
  expect(read).toEqual([11, 11, 1, 111]);
  expect(await db.get(['n'])).toBe(111);
});

test('an addition costs the same, however many there were to its key', async () => {
  const db = await open();
  // Where each copies those before it, it takes a minute: longer than a test may.
  await db.transact((tx) => {
    for (let i = 0; i < 60_000; i++) tx.add(['n'], 1);
  });
  expect(await db.get(['n'])).toBe(60_000);
});

test('what is too much is refused, and weighs nothing', async () => {
  const db = await open();
  const huge = 1n << 40_000_000n;
  await db.transact((tx) => {
    for (let i = 0; i < 3; i++) tx.add(['n'], huge);
    expect(() => tx.add(['n'], huge)).toThrow(/add, max, min and deleteRange of one transaction/);
    // What takes the place of mutations takes their weight away.
    tx.delete(['n']);
    for (let i = 0; i < 3; i++) tx.add(['m'], huge);
  });
  expect(await db.getMany([['n'], ['m']])).toEqual([undefined, 3n * huge]);
});

test('what comes to more than a record can hold is refused alone, not with those beside it', async () => {
  const db = await open();
  const huge = 1n << 8_000_000n;
  await Promise.all(Array.from({ length: 34 }, (_, i) => db.set(['n', i], huge)));
  const [before, grown, after] = await Promise.allSettled([
    db.set('before', 1),
    db.transact((tx) => {
      for (let i = 0; i < 34; i++) tx.add(['n', i], 1n);
    }),
    db.set('after', 1),
  ]);
  expect(grown).toMatchObject({ status: 'rejected', reason: { code: 'LIMIT_EXCEEDED' } });
  expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled']);
  expect(await db.get(['n', 0])).toBe(huge);
});
