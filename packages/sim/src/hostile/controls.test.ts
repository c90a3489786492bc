/** What the campaigns rest on: that the examination would see a forgery, and what no byte of it can show. */
import {
  decodeRecordHeader,
  encodeRecord,
  encodeValue,
  openRecord,
  recordName,
  type Sealing,
  toHex,
} from '@holdfast/core';
import { openDatabase } from '@holdfast/mvcc';
import { beforeAll, describe, expect, test } from 'vitest';
import { Examiner } from './examiner.js';
import { type Changes, type Image, ImageStore, type Shown } from './image-store.js';
import { rebuild } from './rebuild.js';
import { makeReference, type Reference } from './reference.js';
import { StructureCampaign } from './structure-campaign.js';
import { provider, recordVersion, sha256 } from './world.js';

let small: Reference;
let other: Reference;
let plain: Reference;
beforeAll(async () => {
  [small, other, plain] = await Promise.all([
    makeReference('small'),
    makeReference('other'),
    makeReference('plain'),
  ]);
});

const newestOf = (image: Image): string => [...image.keys()].sort()[0]!;

test('without its log a database is corrupt, not empty, and is not made anew', async () => {
  const logs = [...small.image.keys()].filter((name) => name.startsWith('log/'));
  const store = new ImageStore(small.image, new Map(logs.map((name) => [name, 'gone'])));
  await expect(openDatabase(store, { key: small.key })).rejects.toMatchObject({ code: 'CORRUPT' });
});

test('another database with the same key, shown whole, is that other database: its id tells', async () => {
  const idOf = async (store: ImageStore): Promise<string> =>
    toHex((await openDatabase(store, { key: small.key, readOnly: true })).id);
  const mine = await idOf(new ImageStore(small.image));
  const hidden = [...small.image.keys()].map((name) => [name, 'gone'] as const);
  const whole = new ImageStore(small.image, new Map<string, Shown>([...hidden, ...other.image]));
  expect(await idOf(whole)).toBe(await idOf(new ImageStore(other.image)));
  expect(await idOf(whole)).not.toBe(mine);
});

describe('a value forged in the newest record, with nothing but public knowledge', () => {
  async function forge({ image }: Reference, sealing: Omit<Sealing, 'databaseId'>): Promise<Changes> {
    const name = newestOf(image);
    const header = decodeRecordHeader(sha256, image.get(name)!, recordVersion(name));
    const { databaseId } = header.envelope;
    const { body } = await openRecord({ ...sealing, databaseId }, header);
    const [transaction] = body.transactions;
    const writes = transaction!.writes.map((write) => ({ ...write, value: encodeValue('forged') }));
    const forged = { ...body, transactions: [{ ...transaction!, writes }] };
    const { bytes } = await encodeRecord({ ...sealing, databaseId }, header, forged, header.commitId);
    return new Map([[name, bytes]]);
  }

  const keyless = (suite: 0 | 1, epoch: number): Omit<Sealing, 'databaseId'> => ({
    provider,
    suite,
    currentEpoch: epoch,
    epochKey: async () => new Uint8Array(32),
    random: (length) => new Uint8Array(length),
  });

  test('is believed without encryption: the examination would see it', async () => {
    const examiner = await Examiner.make(plain);
    const finding = await examiner.full(await forge(plain, keyless(0, 0)));
    expect(finding.codes).toEqual([]);
    expect(finding.wrong.length).toBeGreaterThan(3);
  });

  test('fails with encryption', async () => {
    await expect(forge(small, keyless(1, 1))).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('nor may a record claim that there is no encryption', async () => {
    const logs = [...small.image.keys()].filter((name) => name.startsWith('log/'));
    const name = newestOf(plain.image);
    const changes = new Map<string, Shown>([
      ...logs.map((log) => [log, 'gone'] as const),
      [name, plain.image.get(name)!],
    ]);
    const opened = openDatabase(new ImageStore(small.image, changes), { key: small.key, readOnly: true });
    await expect(opened).rejects.toMatchObject({ code: 'WRONG_KEY' });
  });
});

test('structures are compared: a database that does not say what it should is silent', async () => {
  const campaign = await StructureCampaign.make();
  const [subject] = campaign.subjects;
  const { world } = subject;
  const newest = world.records.length;
  const change = (body: (typeof world.records)[number]['body']): void => {
    for (const write of body.transactions[0]!.writes) write.value = encodeValue('other');
  };
  const rebuilt = await rebuild(world, { bodies: new Map([[newest, change]]) });
  expect(await campaign.examine(subject, rebuilt)).toMatchObject({ verdict: 'harmless', codes: [] });
  const honest = new Map([[recordName(newest), world.image.get(recordName(newest))!]]);
  const planted = await campaign.examine(subject, { ...rebuilt, changes: honest });
  expect(planted).toMatchObject({
    verdict: 'silent',
    reason: expect.stringContaining('what the objects say'),
  });
  const contradicting = await rebuild(world, {
    clears: new Map([[newest, (clear) => Object.assign(clear, { floor: newest + 1 })]]),
  });
  expect(await campaign.examine(subject, contradicting)).toMatchObject({
    verdict: 'noticed',
    codes: ['CORRUPT'],
  });
  // The same, if nobody noticed.
  const unnoticed = await campaign.examine(subject, { ...contradicting, changes: honest });
  expect(unnoticed).toMatchObject({ verdict: 'silent', reason: 'nothing noticed flushedThrough or floor' });
});
