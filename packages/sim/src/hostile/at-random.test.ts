/** What the engine writes at random, the second reader reads the same: from carries, holders and segments, at each version. */
import { type Database, openDatabase, type Transaction } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { Random } from '../world/random.js';
import { IdleClock } from './clock.js';
import type { Image } from './image-store.js';
import { Model } from './model.js';
import { rebuild, segmentsAsTheyAre } from './rebuild.js';
import { ROOT_KEY } from './reference.js';
import { changesOf, stateOf, streamsOf } from './truth.js';
import { openWorld } from './world.js';

const KEYS = 12;
const STEPS = 60;

/** Transactions of a few writes and deleted ranges, now and then a large one, a flush, or time that passes. */
async function step(db: Database, clock: IdleClock, random: Random): Promise<void> {
  const key = (): [string, number] => ['k', random.below(KEYS)];
  if (random.chance(0.12)) await db.flush();
  if (random.chance(0.2)) clock.advance(random.below(3000));
  const isLarge = random.chance(0.06);
  if (random.chance(0.1)) {
    const bytes = random.bytes(random.pick([0, 10, 70_000]));
    await db.setStream(key(), [bytes], random.chance(0.3) ? { expireInMs: 1 + random.below(5000) } : {});
  }
  const work = (tx: Transaction): void => {
    for (let left = 1 + random.below(4); left > 0; left--) {
      const [a, b] = [random.below(KEYS), random.below(KEYS)].sort((x, y) => x - y) as [number, number];
      if (random.chance(0.3)) tx.deleteRange({ gte: ['k', a], lt: ['k', b + 1] });
      else if (random.chance(0.15)) tx.delete(key());
      else {
        const value = 'x'.repeat(isLarge ? 600_000 : random.pick([1, 20, 3000, 9000]));
        tx.set(key(), value, random.chance(0.2) ? { expireInMs: 1 + random.below(5000) } : {});
      }
    }
  };
  await Promise.all(Array.from({ length: random.pick([1, 1, 3]) }, () => db.transact(work)));
}

test.each([1, 9])('seed %i', { timeout: 60_000 }, async (seed) => {
  const random = new Random(seed, 'at random');
  const clock = new IdleClock();
  const store = new MemoryStore();
  const open = (): Promise<Database> =>
    openDatabase(store, { key: ROOT_KEY, clock, random: random.bytes, maintenance: 'manual' });
  const settled = await clock.settle(async () => {
    const writers = [await open(), await open()];
    for (let i = 0; i < STEPS; i++) await step(random.pick(writers), clock, random);
    for (const db of writers) await db.close();

    const image: Image = store.objects();
    const world = await openWorld(image);
    const model = new Model(await rebuild(world, {}), await segmentsAsTheyAre(world));
    model.check([], 2);
    model.checkContinuity();
    const db = await openDatabase(store, { key: ROOT_KEY, clock, readOnly: true });
    for (let version = 2; version <= db.version; version++) {
      const lines = [...model.state(version).values()].flat().filter((line) => line !== undefined);
      const snapshot = await db.snapshot({ at: version });
      expect([version, await stateOf(snapshot)]).toEqual([version, lines.sort()]);
      expect([version, await streamsOf(snapshot)]).toEqual([version, model.streams(version)]);
      expect([version, await changesOf(db, clock, version)]).toEqual([version, model.changes(version)]);
    }
    return db.verify({ deep: true });
  });
  expect(settled).toMatchObject({ value: { ok: true } });
});
