/** The second reader, given a database that uses every field of format 2: it reads what was meant, and sees what is not. */
import { encodeStream } from '@holdfast/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { type EveryField, makeEveryField, userKey } from './every-field.js';
import type { Body, Clear, Extension, Listed, Meta } from './layout.js';
import { Model } from './model.js';
import { PART } from './nested.js';
import { rebuild, type SegmentTree, type Spec, segmentsAsTheyAre } from './rebuild.js';
import { lineOfWrite, Scribe } from './scribe.js';
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
  const changed = new Model(await rebuild(world, spec), await segmentsAsTheyAre(world));
  try {
    changed.check(written.states.keys(), 2);
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

describe('the second reader refuses', () => {
  const body = (version: number, change: (body: Body) => unknown): (() => Spec) => {
    return () => ({ bodies: new Map([[version, (of) => void change(of)]]) });
  };
  const clear = (version: number, change: (clear: Clear) => unknown): (() => Spec) => {
    return () => ({ clears: new Map([[version, (of) => void change(of)]]) });
  };
  const extension = (version: number, type: number, change: (of: Extension) => unknown): (() => Spec) =>
    clear(version, ({ extensions }) => change(extensions.find((each) => each.type === type)!));
  /** Of the newest record that has a page of the level. */
  const page = (level: number, change: (listed: Listed[]) => unknown): (() => Spec) => {
    return () => {
      const record = world.records.findLast(({ clear: of }) =>
        of.pages.some((each) => each.level === level),
      )!;
      const id = record.pages[record.clear.pages.findIndex((each) => each.level === level)]!;
      return { pages: new Map([[id, (listed) => void change(listed)]]) };
    };
  };
  const segment = (which: (meta: Meta) => boolean, change: (tree: SegmentTree) => unknown): (() => Spec) => {
    return () => {
      const [id, { meta, chunks }] = [...world.segments].find(([, of]) => which(of.meta))!;
      const tree = structuredClone({ meta, chunks }) as SegmentTree;
      change(tree);
      return { segments: new Map([[id, tree]]), agree: true };
    };
  };
  const varints = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);

  const cases: [string, () => Spec, string][] = [
    ['tiles up to a record between two tiles', clear(9, (of) => (of.tiledThrough = 1)), 'tiledThrough'],
    ['another grace period', clear(9, (of) => (of.graceMs = 1)), 'another grace period'],
    ['a floor that goes back', clear(9, (of) => (of.floor = 2)), 'floor that goes back'],
    [
      'flushed writes that are not',
      clear(7, (of) => (of.flushedThrough = 2)),
      'flushedThrough that goes back',
    ],
    ['another history', clear(9, (of) => of.history[0]!.fill(0)), 'another history'],
    ['another parent', clear(9, (of) => of.parent.fill(0)), 'another parent'],
    ['a time before the parent\u2019s', body(9, (of) => (of.timeMs = 1)), 'a time that goes back'],
    ['a clock before 1970', body(9, (of) => (of.behindMs = Number(of.timeMs) + 1)), 'a clock before 1970'],
    ['flags that are none', body(7, (of) => (of.flags = 4)), "can't be read"],
    ['a successor that is not named', body(7, (of) => (of.successor = undefined)), "can't be read"],
    [
      'more stores than 16',
      body(2, (of) => of.stores.push(...Array(17).fill(new Uint8Array(8)))),
      'too many stores',
    ],
    ['a read of its own version', body(9, (of) => (of.transactions[0]!.readVersion = 9)), 'a read version'],
    ['an epoch that is gone', clear(9, (of) => of.extensions.splice(3, 1)), 'an epoch that is lost'],
    [
      'an epoch that is there and retired',
      clear(10, (of) => of.extensions.splice(3, 0, { type: 4, critical: 1, bytes: varints(1, 0, 0, 0, 2) })),
      'a retired epoch that is still there',
    ],
    ['extensions out of order', clear(9, (of) => of.extensions.reverse()), 'extensions out of order'],
    ['an unknown one that is critical', extension(9, 77, (of) => (of.critical = 1)), 'a critical extension'],
    ['a known one that is not', extension(9, 1, (of) => (of.critical = 0)), 'a critical extension'],
    ['a policy of no tier', extension(9, 1, (of) => (of.bytes[0] = 4)), 'a policy'],
    ['a policy of another tier with commits', extension(9, 1, (of) => (of.bytes[0] = 3)), 'a policy'],
    ['an anchor without an id', extension(9, 1, (of) => (of.bytes = varints(2, 9, 1, 0))), 'an anchor'],
    ['an anchored version to come', extension(9, 2, (of) => (of.bytes[7] = 9)), 'an anchored version'],
    [
      'an anchored record that is another',
      extension(9, 2, (of) => of.bytes.fill(1, 8)),
      'an anchored record',
    ],
    ['signers of versions to come', extension(9, 3, (of) => (of.bytes[40] = 10)), 'the versions of a signer'],
    ['an intent floor to come', body(16, (of) => (of.intentFloor = 16)), 'an intent floor'],
    [
      'an intent floor that goes back',
      body(15, (of) => (of.intentFloor = 0)),
      'an intent floor that goes back',
    ],
    ['an intent out of turn', body(9, (of) => (of.decided[1]!.k = 3)), 'an intent out of turn'],
    [
      'one that is decided again',
      body(8, (of) => (of.decided[0]!.verdicts[1] = { kind: 2 })),
      'decided in another',
    ],
    ['one decided later', body(8, (of) => (of.decided[0]!.version = 9)), 'a decided intent'],
    [
      'a verdict on a transaction that is not there',
      body(7, (of) => (of.decided[0]!.verdicts[0]!.order = 1)),
      'a verdict on a transaction',
    ],
    ['a writer that is forgotten too early', body(14, (of) => (of.intentFloor = 8)), 'that is forgotten'],
    [
      'ranges that touch',
      body(3, (of) => (of.transactions[1]!.ranges[1]!.begin = of.transactions[1]!.ranges[0]!.end)),
      "can't be read",
    ],
    [
      'an empty range',
      body(3, (of) => (of.transactions[0]!.ranges[0]!.end = of.transactions[0]!.ranges[0]!.begin)),
      "can't be read",
    ],
    [
      'a carried range of the newest version',
      body(17, (of) => (of.carriedRanges[0]!.above = 2)),
      'a carried version',
    ],
    [
      'a carried range that is left out',
      body(15, (of) => of.carriedRanges.splice(0, 1)),
      'is not what was written',
    ],
    ['a holder of another size', body(16, (of) => (of.holders[0]!.bytes = 9)), 'a holder of another size'],
    ['a holder that is another record', body(16, (of) => of.holders[0]!.hash.fill(0)), 'another record'],
    [
      'a write that expires in 1970',
      body(2, (of) => (of.transactions[0]!.writes[20]!.expires = 0)),
      "can't be read",
    ],
    [
      'a stream in other parts',
      body(6, (of) => (of.transactions[1]!.writes[1]!.value = varints(1, 0))),
      'in other parts',
    ],
    [
      'a part of another stream',
      body(6, (of) => (of.transactions[0]!.writes[0]!.key = userKey('q'))),
      'another stream',
    ],
    [
      'a stream of another length',
      body(6, (of) => of.transactions[1]!.writes[0]!.value!.set([0x85, 7])),
      'another length',
    ],
    ['parts that are not in the manifest', page(255, (listed) => listed.shift()), 'not in the manifest'],
    [
      'a part that is more than one value',
      page(255, (listed) => (listed[0]!.entries = 2)),
      'more than one value',
    ],
    ['parts out of order', page(255, (listed) => listed.reverse()), 'parts out of order'],
    ['an empty page', page(1, (listed) => listed.splice(0)), 'too many segments, or none'],
    ['segments out of order', page(1, (listed) => listed.reverse()), 'segments out of order'],
    [
      'segments whose ranges overlap',
      page(1, (listed) => (listed[0]!.rangeEnd = listed[1]!.lastKey)),
      'segments whose ranges overlap',
    ],
    ['levels that descend', clear(9, (of) => (of.pages[0]!.level = 3)), 'levels that do not ascend'],
    ['a run that is still to come', clear(9, (of) => (of.nextRun = 2)), 'still to come'],
    [
      'a hull that is another',
      page(0, (listed) => (listed.find((each) => each.entries === 0)!.rangeEnd = userKey('zzz'))),
      'a hull of range tombstones that lies',
    ],
    [
      'a range tombstone of another version',
      segment(
        (meta) => meta.entries === 0,
        ({ meta }) => (meta.ranges[0]!.version = 10),
      ),
      'a range of versions that lies',
    ],
    [
      'a range tombstone that is left out',
      segment(
        (meta) => meta.entries === 0,
        ({ meta }) => meta.ranges.pop(),
      ),
      'is not what was written',
    ],
    [
      'another earliest expiry',
      segment(
        (meta) => meta.earliestExpiry !== 0,
        ({ meta }) => (meta.earliestExpiry = 5),
      ),
      'another earliest expiry',
    ],
  ];
  test.each(cases)('%s', async (_, spec, expected) => {
    expect(await faultOf(spec())).toContain(expected);
  });
});
