/** The second reader, given a database that uses every field of format 2: it reads what was meant, and sees what is not. */
import { encodeStream } from '@holdfast/core';
import { openDatabase } from '@holdfast/mvcc';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkCarried } from './carried-rules.js';
import { IdleClock } from './clock.js';
import { type EveryField, makeEveryField } from './every-field.js';
import {
  FAULTS,
  FAULTS_OF_INTENTS,
  FAULTS_OF_RANGES,
  FAULTS_OF_STATES,
  FAULTS_OF_STREAMS,
} from './every-field-faults.js';
import { FAULTS_OF_ANNOUNCEMENTS, FAULTS_OF_CARRIED } from './every-intent-faults.js';
import { userKey } from './field-writes.js';
import { ImageStore } from './image-store.js';
import { Model } from './model.js';
import { PART } from './nested.js';
import { rebuild, type Spec, segmentsAsTheyAre } from './rebuild.js';
import { ROOT_KEY } from './reference.js';
import { lineOfWrite, Scribe } from './scribe.js';
import { StructureCampaign } from './structure-campaign.js';
import { changesOf, stateOf } from './truth.js';
import { hex, openWorld, type World } from './world.js';

let written: EveryField;
let world: World;
let model: Model;
beforeAll(async () => {
  written = await makeEveryField();
  world = await openWorld(written.image);
  model = await modelOf(world);
});

async function modelOf(of: World): Promise<Model> {
  return new Model(await rebuild(of, {}), await segmentsAsTheyAre(of));
}

function linesOf(of: Model, version: number): string[] {
  return [...of.written(version).values()]
    .flat()
    .filter(({ value }) => value !== undefined)
    .map(({ isStream, expires, ...write }) =>
      lineOfWrite({ ...write, expiresMs: expires, ...(isStream ? { stream: true as const } : {}) }),
    )
    .sort();
}

/** What a change of the written database comes to. */
async function faultOf(spec: Spec): Promise<string> {
  const rebuilt = await rebuild(world, spec);
  for (const refused of rebuilt.refusedIntents.values()) return refused;
  const changed = new Model(rebuilt, await segmentsAsTheyAre(world));
  try {
    changed.check(written.states.keys(), 2);
    checkCarried(changed, rebuilt.intents);
    changed.checkContinuity();
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

test('each version is what was meant, wherever its writes and ranges lie', () => {
  for (const [version, lines] of written.states)
    expect([version, linesOf(model, version)]).toEqual([version, lines]);
});

test('it is in order, and each state is the one before with what its record did', () => {
  model.check(written.states.keys(), 2);
  model.checkContinuity();
});

test('what was announced is what was carried', () => {
  expect(checkCarried(model, world.intents)).toBe(3);
});

test('the streams are the bytes that were written, of parts and of none', () => {
  const bytesOf = (n: number): Uint8Array => {
    const key = userKey('s', n);
    const [entry] = model.written(9).get(hex(key))!;
    return model.stream(9, key, entry!.value!);
  };
  expect([0, 1, 2, 3].map((n) => bytesOf(n).length)).toEqual([100_000, 900, 0, 0]);
  expect(new Set(bytesOf(0))).toEqual(new Set([8]));
});

test('a stream of several parts is put together in order', async () => {
  const scribe = await Scribe.make(0);
  await scribe.commit({});
  const key = userKey('s');
  const parts = [new Uint8Array(PART).fill(1), new Uint8Array(5).fill(2)];
  const { run: bulkRun, ids } = await scribe.parts(parts.map((part) => [key, part]));
  const value = encodeStream({ length: PART + 5, parts: ids });
  await scribe.commit({
    transactions: [{ rangeDeletes: [], writes: [{ key, value, stream: true }], bulkRun }],
  });
  const read = await modelOf(await openWorld(scribe.image()));
  read.check([2], 2);
  const bytes = read.stream(2, key, value);
  expect([bytes.length, bytes.subarray(PART - 1).join()]).toEqual([PART + 5, '1,2,2,2,2,2']);
});

test('it has all that there is of levels, kinds, forms, flags, extensions and verdicts', () => {
  const { records, segments } = world;
  const levels = records.flatMap(({ clear }) => clear.pages.map(({ level }) => level));
  expect(new Set(levels)).toEqual(new Set([0, 1, 2, 254, 255]));
  const kinds = [...segments.values()].flatMap(({ chunks }) =>
    chunks.flatMap((chunk) => (chunk instanceof Uint8Array ? [] : chunk.map(({ kind }) => kind))),
  );
  expect(new Set(kinds)).toEqual(new Set([0, 1, 2, 3, 17, 19]));
  const writes = records.flatMap(({ body }) => body.transactions.flatMap((each) => each.writes));
  expect(new Set(writes.map(({ form }) => form))).toEqual(new Set([0, 1, 2, 17, 18]));
  expect(new Set(records.map(({ body }) => body.flags))).toEqual(new Set([0, 1, 3]));
  const types = records.flatMap(({ clear }) => clear.extensions.map(({ type }) => type));
  expect(new Set(types)).toEqual(new Set([1, 2, 3, 4, 77]));
  const verdicts = records.flatMap(({ body }) => body.decided.flatMap((each) => each.verdicts));
  expect(new Set(verdicts.map(({ kind }) => kind))).toEqual(new Set([0, 1, 2, 3]));
  expect([...segments.values()].some(({ meta }) => meta.entries === 0 && meta.ranges.length > 0)).toBe(true);
  expect(records.some(({ body }) => body.carriedRanges.length > 1)).toBe(true);
  expect(records.at(-1)!.body.holders).toHaveLength(2);
});

test.each([
  ...FAULTS,
  ...FAULTS_OF_RANGES,
  ...FAULTS_OF_STREAMS,
  ...FAULTS_OF_INTENTS,
  ...FAULTS_OF_STATES,
  ...FAULTS_OF_ANNOUNCEMENTS,
  ...FAULTS_OF_CARRIED,
])('the second reader refuses %s', async (_, change, says) => {
  expect(await faultOf(change(world))).toContain(says);
});

describe('the engine', () => {
  let campaign: StructureCampaign;
  beforeAll(async () => {
    campaign = await StructureCampaign.make();
  });

  test('reads each version, and tells each change, as the second reader does', async () => {
    const [, { world: readable }] = campaign.subjects;
    const read = await modelOf(readable);
    const clock = new IdleClock();
    const settled = await clock.settle(async () => {
      const db = await openDatabase(new ImageStore(readable.image), { key: ROOT_KEY, clock, readOnly: true });
      for (let version = 2; version <= db.version; version++) {
        const lines = [...read.state(version).values()].flat().filter((line) => line !== undefined);
        expect([version, await stateOf(await db.snapshot({ at: version }))]).toEqual([version, lines.sort()]);
        expect([version, await changesOf(db, clock, version)]).toEqual([version, read.changes(version)]);
      }
      return db.verify({ deep: true });
    });
    expect(settled).toMatchObject({ value: { ok: true, unreferenced: 0 } });
  });

  const faults = [...FAULTS, ...FAULTS_OF_RANGES, ...FAULTS_OF_STREAMS, ...FAULTS_OF_INTENTS];

  test.each(faults)('refuses %s too', async (_, change) => {
    const [, subject] = campaign.subjects;
    const outcome = await campaign.examine(subject, await rebuild(subject.world, change(subject.world)));
    expect([outcome.reason, outcome.verdict]).toEqual([undefined, expect.stringMatching(/noticed|verify/)]);
  });
});
