import { MemoryStore, systemClock } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../database.js';

const key = new Uint8Array(32).fill(3);
const YEARS_MS = 10 * 365 * 86_400_000;
const START_MS = 1_800_000_000_000;

/** A database whose version n + 2 (the first is its creation) was written by a clock that showed `clocks[n]`. */
async function writtenAt(clocks: readonly number[]) {
  const store = new MemoryStore();
  const now = { ms: START_MS };
  const clock = { ...systemClock, now: () => now.ms };
  const db = await openDatabase(store, { key, clock, maintenance: 'manual' });
  for (const [i, ms] of clocks.entries()) {
    now.ms = ms;
    await db.set('version', i + 2);
  }
  const at = async (ms: number): Promise<unknown> => (await db.snapshot({ at: new Date(ms) })).get('version');
  return { db, at };
}

const minutes = (...counts: readonly number[]): number[] => counts.map((n) => START_MS + n * 60_000);

describe('a snapshot at a date', () => {
  test('is of the last version written until then', async () => {
    const { at } = await writtenAt(minutes(1, 2, 2, 3, 10));
    for (const [minute, version] of [
      [1, 2],
      [1.5, 2],
      [2, 4],
      [9, 5],
      [10, 6],
      [99, 6],
    ] as const)
      expect(await at(START_MS + minute * 60_000), `minute ${minute}`).toBe(version);
  });

  test('is what it should be though one writer was years ahead, for the times after it too', async () => {
    const clocks = [...minutes(1, 2), START_MS + YEARS_MS, ...minutes(4, 5, 6, 7, 8, 9)];
    const { at, db } = await writtenAt(clocks);
    for (const [minute, version] of [
      [2, 3],
      [3, 3],
      [4, 5],
      [6.5, 7],
      [8, 9],
      [9, 10],
      [1000, 10],
    ] as const)
      expect(await at(START_MS + minute * 60_000), `minute ${minute}`).toBe(version);
    expect((await db.snapshot()).time.getTime()).toBe(clocks.at(-1));
  });

  test('is what it should be though the writer that was ahead came last, or the times caught up with it', async () => {
    const last = await writtenAt([...minutes(1, 2), START_MS + YEARS_MS]);
    expect(await last.at(START_MS + 5 * 60_000)).toBe(3);
    const passed = await writtenAt(minutes(1, 30, 5, 6, 31, 32));
    expect(await passed.at(START_MS + 5.5 * 60_000)).toBe(4);
    expect(await passed.at(START_MS + 31.5 * 60_000)).toBe(6);
  });

  test('from before the database was made is SNAPSHOT_EXPIRED', async () => {
    const { at } = await writtenAt(minutes(1));
    await expect(at(START_MS - 1)).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
  });
});
