/** The databases that are attacked, by the second reader: the engine wrote them by the book, and they have what they should. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Model } from './model.js';
import { rebuild, segmentsAsTheyAre } from './rebuild.js';
import { makeReference } from './reference.js';
import { openWorld, type World } from './world.js';

describe.each(['sealed', 'plain', 'small'] as const)('the reference %s', (name) => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld((await makeReference(name)).image);
  });

  test('is in order, and each state is the one before with what its record did', async () => {
    const model = new Model(await rebuild(world, {}), await segmentsAsTheyAre(world));
    model.check(
      world.records.map(({ version }) => version),
      2,
    );
    model.checkContinuity();
  });

  test('has deleted ranges in a record, a carry, a holder and a segment, and what expires', () => {
    const { records, segments } = world;
    const newest = records.at(-1)!;
    const hasRange = ({ version }: { version: unknown }): boolean => {
      const { body } = records[Number(version) - 1]!;
      return body.carriedRanges.length > 0 || body.transactions.some(({ ranges }) => ranges.length > 0);
    };
    expect(newest.body.holders.some(hasRange)).toBe(true);
    expect(newest.body.carriedRanges.length).toBeGreaterThan(0);
    const metas = [...segments.values()].map(({ meta }) => meta);
    expect(metas.some(({ ranges }) => ranges.length > 0)).toBe(true);
    expect(metas.some(({ earliestExpiry }) => earliestExpiry !== 0)).toBe(true);
  });
});
