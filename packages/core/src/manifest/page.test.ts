import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_KEY_BYTES } from '../key/key.js';
import { compareBytes } from '../object/bytes.js';
import { ENVELOPE_BYTES } from '../object/envelope.js';
import { placeSegment, type SegmentEntry, STREAM_LEVEL } from '../segment/segment-entry.js';
import {
  errorCode,
  key,
  seededRandom,
  storeSegment,
  testId,
  testSealing,
} from '../segment/segment-fixture.js';
import { META_BYTES_MAX } from '../segment/segment-table.js';
import {
  decodePage,
  encodePage,
  PAGE_BYTES_MAX,
  PAGE_ENTRIES_MAX,
  pageBytes,
  readPageClear,
} from './page.js';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Uint8Array.from(b));
const anyKey = fc.uint8Array({ maxLength: 20 }).map((b) => Uint8Array.from(b));
const count = fc.integer({ min: 1, max: 2 ** 53 - 1 });

const LEVEL = 3;
const NONE = new Uint8Array(0);

const segmentEntry = fc
  .record({
    id: fc.uint8Array({ minLength: 24, maxLength: 24 }).map((b) => Uint8Array.from(b)),
    metaBytes: fc.integer({ min: 200, max: 2 ** 20 }),
    dataBytes: fc.nat(),
    root: bytes32,
    epoch: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    run: fc.integer({ min: 1, max: 2 ** 32 }),
    versions: fc.tuple(count, count, count).map((v) => v.sort((a, b) => a - b)),
    stamp: fc.option(fc.nat(1000)),
    entries: fc.oneof(fc.constant(0), count),
    tombstones: fc.nat(),
    keys: fc.tuple(anyKey, anyKey).map((k) => k.sort(compareBytes)),
    ranges: fc.nat(3),
    hull: fc.tuple(anyKey, anyKey).map((k) => k.sort(compareBytes)),
    expiry: fc.oneof(fc.constant(0), count),
  })
  .map((v): SegmentEntry => {
    const rangesOnly = v.entries === 0;
    const [rangeBegin, end] = v.hull;
    const hull = { rangeBegin: rangeBegin!, rangeEnd: Uint8Array.of(...end!, 0) };
    const ranges = rangesOnly ? v.ranges + 1 : v.ranges;
    return {
      id: v.id,
      bytes: v.metaBytes + v.dataBytes,
      metaBytes: v.metaBytes,
      root: v.root,
      epoch: v.epoch,
      level: LEVEL,
      run: v.run,
      minVersion: v.versions[0]!,
      maxVersion: v.versions[2]!,
      stampVersion: v.stamp === null ? 0 : v.versions[1]!,
      stampOrder: v.stamp ?? 0,
      entries: v.entries,
      tombstones: Math.min(v.tombstones, v.entries),
      ranges,
      ...(ranges > 0 ? hull : { rangeBegin: NONE, rangeEnd: NONE }),
      earliestExpiryMs: rangesOnly ? 0 : v.expiry,
      firstKey: rangesOnly ? NONE : v.keys[0]!,
      lastKey: rangesOnly ? NONE : v.keys[1]!,
    };
  });

/** Segments in order: each is a run of its own. */
const segmentEntries = fc
  .uniqueArray(segmentEntry, { selector: ({ run }) => run, minLength: 1, maxLength: 12 })
  .map((entries) => entries.sort((a, b) => b.run - a.run));

async function samplePage(): Promise<{
  page: Uint8Array;
  entries: SegmentEntry[];
  sealing: ReturnType<typeof testSealing>;
}> {
  const sealing = testSealing();
  const entries = fc.sample(segmentEntries, { seed: 5, numRuns: 20 }).find(({ length }) => length === 4)!;
  return { page: await encodePage(sealing, testId(sealing), entries), entries, sealing };
}

describe('a manifest page', () => {
  test('gives back its entries, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(segmentEntries, fc.constantFrom(0 as const, 1 as const), async (entries, suite) => {
        const sealing = testSealing(suite);
        const page = await encodePage(sealing, testId(sealing), entries);
        expect([0, 1]).toContain(pageBytes(entries) - page.length);
        expect(await decodePage(sealing, page, LEVEL, 'page')).toEqual(entries);
      }),
    );
  });

  test('shows an auditor without keys what there is to check, and no key of the user', async () => {
    const { page, entries } = await samplePage();
    const clear = readPageClear(page, 'page');
    expect(clear.id).toEqual(page.subarray(24, 48));
    expect(clear.entries).toEqual(
      entries.map(({ id, bytes, metaBytes, root, epoch }) => ({ id, bytes, metaBytes, root, epoch })),
    );
    const sealing = testSealing();
    const [entry] = entries;
    const secret = await encodePage(sealing, testId(sealing), [
      { ...entry!, firstKey: key('secret'), lastKey: key('secret') },
    ]);
    expect(Buffer.from(secret).includes('secret')).toBe(false);
  });

  test('with any byte flipped, any byte cut off or one added, is refused', async () => {
    const { page, sealing } = await samplePage();
    for (let at = 0; at < page.length; at++) {
      const flipped = page.slice();
      flipped[at]! ^= 1 << (at % 8);
      expect(await errorCode(decodePage(sealing, flipped, LEVEL, 'page'))).toMatch(
        /^(CORRUPT|UNSUPPORTED_FORMAT)$/,
      );
      expect(await errorCode(decodePage(sealing, page.subarray(0, at), 'page'))).toBe('CORRUPT');
    }
    const extended = new Uint8Array(page.length + 1);
    extended.set(page);
    expect(await errorCode(decodePage(sealing, extended, LEVEL, 'page'))).toBe('CORRUPT');
  });

  test('of another database or another key is refused', async () => {
    const { page, sealing } = await samplePage();
    expect(await errorCode(decodePage(testSealing(1, 1, 8), page, LEVEL, 'page'))).toBe('CORRUPT');
    const otherKey = { ...sealing, epochKey: async () => new Uint8Array(32).fill(200) };
    expect(await errorCode(decodePage(otherKey, page, LEVEL, 'page'))).toBe('CORRUPT');
  });

  test('whose sealed numbers contradict each other is refused, even if its writer had the keys', async () => {
    const { sealing } = await samplePage();
    const { entry: stored } = await storeSegment([
      { key: key('a'), version: 7, order: 0, value: key('x') },
      { key: key('c'), version: 9, order: 0, value: key('x') },
    ]);
    const hull = { ranges: 1, rangeBegin: key('b'), rangeEnd: key('d') };
    const noEntries = { entries: 0, firstKey: NONE, lastKey: NONE };
    const codeOf = async (change: Partial<SegmentEntry>, level = LEVEL): Promise<string | undefined> => {
      const page = await encodePage(sealing, testId(sealing), [{ ...stored, ...change }]);
      return errorCode(decodePage(sealing, page, level, 'page')).catch(() => undefined);
    };
    for (const truth of [{}, hull, { ...hull, ...noEntries }, { earliestExpiryMs: 2 ** 53 - 1 }])
      expect([truth, await codeOf(truth)]).toEqual([truth, undefined]);
    const lies: Partial<SegmentEntry>[] = [
      { run: 0 },
      { minVersion: stored.maxVersion + 1 },
      { minVersion: 0 },
      { stampOrder: 1 },
      { stampVersion: stored.maxVersion + 1 },
      { stampVersion: stored.minVersion - 1 },
      noEntries,
      { ...hull, ...noEntries, firstKey: key('a'), lastKey: key('a') },
      { ...hull, ...noEntries, lastKey: key('a') },
      { ...hull, ...noEntries, tombstones: 1 },
      { ...hull, ...noEntries, earliestExpiryMs: 5 },
      { tombstones: stored.entries + 1 },
      { firstKey: key('b'), lastKey: key('a') },
      { ...hull, rangeEnd: key('b') },
      { ...hull, rangeBegin: key('e') },
      { earliestExpiryMs: 2 ** 53 },
      { metaBytes: stored.bytes + 1 },
      { metaBytes: 3 },
      { bytes: 2 ** 40, metaBytes: META_BYTES_MAX + 1 },
    ];
    for (const lie of lies) expect([lie, await codeOf(lie)]).toEqual([lie, 'CORRUPT']);
  });

  test('of the level of streams lists segments of one value each, and nothing else', async () => {
    const { sealing } = await samplePage();
    const { entry: stored } = await storeSegment([{ key: key('a'), version: 7, order: 0, value: key('x') }]);
    const part = { ...stored, level: STREAM_LEVEL };
    const faultOf = async (change: Partial<SegmentEntry>): Promise<string | undefined> => {
      const page = await encodePage(sealing, testId(sealing), [part, { ...part, ...change }]);
      return errorCode(decodePage(sealing, page, STREAM_LEVEL, 'page')).catch(() => undefined);
    };
    // Parts of one stream have one key.
    expect(await faultOf({})).toBeUndefined();
    expect(await faultOf({ firstKey: key('b'), lastKey: key('b') })).toBeUndefined();
    for (const lie of [
      { entries: 2 },
      { tombstones: 1 },
      { ranges: 1, rangeBegin: key('a'), rangeEnd: key('b') },
      { lastKey: key('b') },
      { firstKey: key('A'), lastKey: key('A') },
      { run: part.run + 1 },
    ])
      expect([lie, await faultOf(lie)]).toEqual([lie, 'CORRUPT']);
  });

  test('that lists its segments in another order is refused', async () => {
    const { sealing } = await samplePage();
    const { entry: stored } = await storeSegment([{ key: key('m'), version: 7, order: 0, value: key('x') }]);
    const base = { ...stored, run: 5 };
    const at = (first: string, last = first): Partial<SegmentEntry> => ({
      firstKey: key(first),
      lastKey: key(last),
    });
    const hull = (begin: string, end: string): Partial<SegmentEntry> => ({
      ...{ ranges: 1, rangeBegin: key(begin), rangeEnd: key(end) },
    });
    const messageOf = async (one: Partial<SegmentEntry>, other: Partial<SegmentEntry>): Promise<string> => {
      const page = await encodePage(sealing, testId(sealing), [
        { ...base, ...one },
        { ...base, ...other },
      ]);
      return decodePage(sealing, page, LEVEL, 'page').then(
        () => 'none',
        (error: Error) => error.message,
      );
    };
    expect(await messageOf(at('a'), at('b'))).toBe('none');
    expect(await messageOf(at('b'), { ...at('a'), run: 4 })).toBe('none');
    expect(await messageOf({ ...at('a'), ...hull('a', 'c') }, at('c'))).toBe('none');
    expect(await messageOf(at('a'), { ...at('d'), ...hull('b', 'c') })).toBe('none');
    expect(await messageOf(at('a'), { ...at('b'), run: 6 })).toContain('newest first, found run 6 after 5');
    expect(await messageOf(at('b'), at('a'))).toContain('in the order of their keys');
    expect(await messageOf(at('a'), at('a'))).toContain('in the order of their keys');
    expect(await messageOf(at('a', 'c'), at('b', 'd'))).toContain('not to overlap');
    expect(await messageOf(at('a', 'b'), at('b', 'd'))).toContain('not to overlap');
    expect(await messageOf({ ...at('a'), ...hull('a', 'd') }, at('c'))).toContain('not to overlap');
    expect(await messageOf(at('a', 'c'), { ...at('d'), ...hull('b', 'c') })).toContain('not to overlap');
  });

  test('has room for as many segments as it may list, whatever their keys and numbers', async () => {
    const { entries, sealing } = await samplePage();
    const longest = new Uint8Array(1 + MAX_KEY_BYTES).fill(0xff);
    const bound = new Uint8Array(2 + MAX_KEY_BYTES).fill(0xff);
    const most = Number.MAX_SAFE_INTEGER;
    const entry: SegmentEntry = {
      ...entries[0]!,
      ...{ bytes: most, metaBytes: META_BYTES_MAX, epoch: most, run: most, entries: most, tombstones: most },
      ...{ stampVersion: most, stampOrder: most, minVersion: most, maxVersion: most },
      ...{ ranges: most, rangeBegin: bound, rangeEnd: bound, earliestExpiryMs: most },
      ...{ firstKey: longest, lastKey: longest },
    };
    const full = new Array<SegmentEntry>(PAGE_ENTRIES_MAX).fill(entry);
    const page = await encodePage(sealing, testId(sealing), full);
    expect(PAGE_BYTES_MAX - page.length).toBeGreaterThanOrEqual(0);
    // The numbers of a true entry are shorter than the longest varint.
    expect(PAGE_BYTES_MAX - page.length).toBeLessThan(16 * PAGE_ENTRIES_MAX);
    expect(readPageClear(page, 'page').entries.length).toBe(PAGE_ENTRIES_MAX);
  });

  test('without a segment is refused', async () => {
    const { sealing } = await samplePage();
    const page = await encodePage(sealing, testId(sealing), []);
    expect(() => readPageClear(page, 'page')).toThrow('expected a segment at least, found none');
  });

  test('of more segments or bytes than that is neither made nor read', async () => {
    const { page, entries, sealing } = await samplePage();
    const id = testId(sealing);
    const tooMany = new Array<SegmentEntry>(PAGE_ENTRIES_MAX + 1).fill(entries[0]!);
    expect(await errorCode(encodePage(sealing, id, tooMany))).toBe('LIMIT_EXCEEDED');
    const tooLong = { ...entries[0]!, firstKey: new Uint8Array(PAGE_BYTES_MAX) };
    expect(await errorCode(encodePage(sealing, id, [tooLong]))).toBe('LIMIT_EXCEEDED');

    const extended = new Uint8Array(PAGE_BYTES_MAX + 1);
    extended.set(page);
    expect(() => readPageClear(extended, 'page')).toThrow('expected at most');
    const counted = new Uint8Array(PAGE_BYTES_MAX);
    counted.set(page);
    counted.set([0x81, 0x02], ENVELOPE_BYTES);
    expect(() => readPageClear(counted, 'page')).toThrow(`at most ${PAGE_ENTRIES_MAX} segments, found 257`);
  });

  test('of random bytes after a true head is refused without a large allocation', async () => {
    const { page, sealing } = await samplePage();
    const random = seededRandom(77);
    for (let i = 0; i < 300; i++) {
      const garbage = page.slice();
      garbage.set(random(garbage.length - 116), 116);
      expect(await errorCode(decodePage(sealing, garbage, LEVEL, 'page'))).toBe('CORRUPT');
    }
  });
});

test("a segment's place adds the stamp to its versions", async () => {
  const own = { key: key('a'), version: 8, order: 0, value: key('x') };
  const { entry } = await storeSegment([own, { ...own, key: key('b'), version: 0 }], {
    stampVersion: 12,
    stampOrder: 3,
  });
  expect(entry).toMatchObject({ minVersion: 8, maxVersion: 12, stampVersion: 12, stampOrder: 3, entries: 2 });
  const { entry: unstamped } = await storeSegment([own]);
  expect(unstamped).toMatchObject({ minVersion: 8, maxVersion: 8, stampVersion: 0 });
  const { entry: allStamped } = await storeSegment([{ ...own, version: 0 }], { stampVersion: 12 });
  expect(allStamped).toMatchObject({ minVersion: 12, maxVersion: 12 });
  expect(placeSegment(entry, { level: 2, run: 9 })).toMatchObject({ level: 2, run: 9 });
});
