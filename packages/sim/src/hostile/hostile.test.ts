/**
 * A small run of `npm run tamper`, and whether its quick examinations can be relied on. The bucket is the adversary:
 * whatever it changes, cuts, swaps, hides or puts in another's place, what is read is exactly right or refused in
 * plain words (I7). At tier L0 it can still show an older state whole; that state is then right for the version it
 * says it is.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../world/random.js';
import { ByteCampaign } from './byte-campaign.js';
import { type Campaign, count, newTally, type Tally } from './campaign.js';
import { BYTE_KINDS, type ByteKind, type Mutation } from './mutation.js';
import { indexOf, type Plan, shareOf } from './plan.js';
import { StructureCampaign } from './structure-campaign.js';

const PLAN: Plan = {
  targets: ['sealed'],
  seed: 1,
  jobs: 1,
  sample: undefined,
  structures: 0,
  only: undefined,
  object: undefined,
};

let sealed: ByteCampaign;
let plain: ByteCampaign;
beforeAll(async () => {
  [sealed, plain] = await Promise.all([ByteCampaign.make('sealed'), ByteCampaign.make('plain')]);
}, 120_000);

async function run<M>(campaign: Campaign<M>, sample: number): Promise<Tally> {
  const tally = newTally();
  const plan = { ...PLAN, sample };
  for (const k of shareOf(plan, campaign.count, 0)) {
    const index = indexOf(plan, campaign.count, k);
    const mutation = campaign.at(index);
    count(tally, await campaign.run(mutation, index), () => campaign.command(mutation));
  }
  return tally;
}

async function runAll(campaign: ByteCampaign, kinds: readonly ByteKind[], step = 1): Promise<Tally> {
  const tally = newTally();
  const { mutations } = campaign;
  let seen = 0;
  for (let index = 0; index < mutations.count; index++) {
    const mutation = mutations.at(index);
    if (!kinds.includes(mutation.kind) || seen++ % step !== 0) continue;
    // Number 1: not one of those that are also examined in full.
    count(tally, await campaign.run(mutation, 1), () => campaign.command(mutation));
  }
  return tally;
}

describe('the references', () => {
  test('have a megabyte in objects of every kind, and unchanged they are read exactly', async () => {
    const { image } = sealed.examiner.truth.reference;
    const names = [...image.keys()];
    for (const [prefix, min] of Object.entries({ 'log/': 50, 'seg/': 6, 'man/': 1 }))
      expect(names.filter((name) => name.startsWith(prefix)).length).toBeGreaterThanOrEqual(min);
    expect([...image.values()].reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(1024 * 1024);
    for (const { examiner } of [sealed, plain]) {
      const finding = await examiner.full(new Map());
      expect(finding).toMatchObject({
        codes: [],
        wrong: [],
        verifyOk: true,
        version: examiner.truth.version,
      });
    }
  });

  test('have a quick read for every byte', () => {
    for (const campaign of [sealed, plain])
      for (let index = 0; index < campaign.count; index += 499)
        expect(campaign.placeOf(campaign.at(index)).reads.length).toBeGreaterThanOrEqual(2);
  });

  test('have mutations of every kind, a million and more, each at its own number', () => {
    expect(sealed.count + plain.count).toBeGreaterThan(1_000_000);
    const kinds = new Set<string>();
    const flips = new Set<string>();
    for (let index = 0; index < plain.count; index++) {
      const { kind, object, offset } = plain.at(index);
      kinds.add(kind);
      if (kind === 'flip') flips.add(`${object}/${offset}`);
    }
    expect([...kinds, 'foreign'].sort()).toEqual([...BYTE_KINDS].sort());
    const { image } = plain.examiner.truth.reference;
    expect(flips.size).toBe([...image.values()].reduce((sum, { length }) => sum + length, 0));
  });
});

describe('nothing is silent', { timeout: 120_000 }, () => {
  test('of a sample of all that is done to an encrypted database', async () => {
    const tally = await run(sealed, 1200);
    expect(tally.failures).toEqual([]);
    expect(tally.kinds.flip?.verdicts).toEqual({ noticed: tally.kinds.flip?.count });
  });

  test('of a sample of all that is done to one without encryption', async () => {
    expect((await run(plain, 800)).failures).toEqual([]);
  });

  test('in the hash at the end of the newest record, which no other record names', async () => {
    for (const campaign of [sealed, plain]) {
      const { image } = campaign.examiner.truth.reference;
      const object = [...image.keys()].sort()[0]!;
      const end = image.get(object)!.length;
      const tally = newTally();
      for (let offset = end - 32; offset < end; offset += 8) {
        const mutation: Mutation = { kind: 'flip', object, offset };
        count(tally, await campaign.run(mutation, 1), () => campaign.command(mutation));
      }
      expect(tally.failures).toEqual([]);
      expect(tally.kinds.flip?.verdicts).toEqual({ noticed: 4 });
    }
  });

  test('where objects are missing or hidden: corruption, or the older state, never an absent key', async () => {
    const { reference } = plain.examiner.truth;
    const objects = reference.image.size;
    const gone = await runAll(plain, ['gone']);
    expect(gone.failures).toEqual([]);
    expect(gone.kinds.gone?.verdicts).toEqual({ noticed: objects - 1, older: 1 });
    const { kinds, failures } = await runAll(plain, ['listed only', 'not listed', 'rollback'], 5);
    expect(failures).toEqual([]);
    expect(kinds['listed only']?.verdicts).toEqual({ noticed: kinds['listed only']?.count });
    expect(kinds['not listed']?.verdicts).toEqual({ harmless: kinds['not listed']?.count });
    expect(kinds.rollback?.verdicts).toEqual({ older: kinds.rollback?.count });
  });

  test('where one object is shown in the place of another', async () => {
    for (const campaign of [sealed, plain]) {
      const tally = await runAll(campaign, ['swap', 'exchange', 'foreign'], 29);
      expect(tally.failures).toEqual([]);
      for (const kind of Object.values(tally.kinds)) expect(kind.verdicts).toEqual({ noticed: kind.count });
    }
  });

  test('where a holder of the keys sealed what it should not have', async () => {
    const structures = await StructureCampaign.make({ seed: 5, count: 90 });
    const tally = await run(structures, 90);
    expect(tally.failures).toEqual([]);
    expect(Object.keys(tally.kinds)).toHaveLength(6);
  });
});

test('a quick examination comes to what the full one comes to', { timeout: 120_000 }, async () => {
  const random = new Random(4, 'agreement');
  /** False: no quick read notices it, so it is examined in full anyway. */
  const compare = async (campaign: ByteCampaign, mutation: Mutation): Promise<boolean> => {
    const quick = await campaign.run(mutation, 1 + random.below(1000));
    if (quick.full) return false;
    // Number 0 of every so many is examined in full too; a difference is silent.
    const full = await campaign.run(mutation, 0);
    expect([mutation, full.full]).toEqual([mutation, true]);
    expect([mutation, full.verdict, full.reason]).toEqual([mutation, quick.verdict, quick.reason]);
    return true;
  };
  for (let i = 0; i < 5; i++) {
    for (const campaign of [sealed, plain]) {
      let compared = false;
      for (let tries = 0; !compared && tries < 20; tries++) {
        const mutation = campaign.at(random.below(campaign.count));
        if (!['flip', 'cut', 'rehash', 'swap', 'grow'].includes(mutation.kind)) continue;
        compared = await compare(campaign, mutation);
      }
      expect(compared).toBe(true);
    }
  }
});
