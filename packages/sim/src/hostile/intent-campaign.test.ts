/**
 * A small run of `npm run tamper -- --target intents announcements`: what a store or a key holder does to intents that are
 * still to be carried.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { AnnouncementCampaign } from './announcement-campaign.js';
import { count, newTally, type Tally } from './campaign.js';
import { NO_CHANGES } from './image-store.js';
import { IntentCampaign } from './intent-campaign.js';
import { writeContent } from './intent-layout.js';
import { carry, checkMade } from './intent-rig.js';
import { sealIntent } from './rebuild.js';
import { hex } from './world.js';

let intents: IntentCampaign;
beforeAll(async () => {
  intents = await IntentCampaign.make();
});

describe('intents that are out', () => {
  test('as they were sealed all of them are carried, one after the other', async () => {
    const { rig } = intents;
    const { notes, decided, image } = await carry(rig, NO_CHANGES);
    expect(notes).toEqual({ codes: [], wrong: [] });
    expect([...decided.values()].map(({ k }) => k).sort()).toEqual([1, 2]);
    const kinds = [...decided.values()].flatMap(({ verdicts }) => verdicts.map(({ kind }) => kind));
    expect(kinds).toEqual([0, 0]);
    const second = rig.world.intents.get(rig.names.second)!;
    expect(hex(decided.get(hex(second.writerId))!.hash)).toBe(hex(second.hash));
    await checkMade(image, rig.world.intents);
  });

  test('one of a state that this process has not seen is not carried: what it has read can not be judged', async () => {
    const { rig } = intents;
    const { name, envelope, content } = rig.world.intents.get(rig.names.second)!;
    const bytes = await sealIntent(rig.world, envelope, writeContent({ ...content, base: 1000 }));
    const { notes, decided } = await carry(rig, new Map([[name, bytes]]));
    expect(notes).toEqual({ codes: [], wrong: [] });
    expect([...decided.values()].map(({ k }) => k)).toEqual([1, 1]);
  });

  describe('nothing is silent', { timeout: 120_000 }, () => {
    test('of a sample of all that a store does to them', async () => {
      const tally = newTally();
      const step = Math.floor(intents.count / 40);
      for (let index = 0; index < intents.count; index += step) {
        const mutation = intents.at(index);
        count(tally, await intents.run(mutation, index), () => intents.command(mutation));
      }
      expect(tally.failures).toEqual([]);
      expect(verdictsOf(tally)).toContain('harmless');
    });

    test('where a key holder announces what it should not', async () => {
      const announcements = await AnnouncementCampaign.make({ count: 16 });
      const tally = newTally();
      for (let index = 0; index < announcements.count; index++) {
        const mutation = announcements.at(index);
        count(tally, await announcements.run(mutation), () => announcements.command(mutation));
      }
      expect(tally.failures).toEqual([]);
    });
  });
});

function verdictsOf({ kinds }: Tally): string[] {
  return Object.values(kinds).flatMap(({ verdicts }) => Object.keys(verdicts));
}
