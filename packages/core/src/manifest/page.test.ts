import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_KEY_BYTES } from '../key/key.js';
import { compareBytes } from '../object/bytes.js';
import { ENVELOPE_BYTES } from '../object/envelope.js';
import { placeSegment, type SegmentEntry } from '../segment/segment-entry.js';
import {
  errorCode,
  key,
  seededRandom,
  storeSegment,
  testId,
  testSealing,
} from '../segment/segment-fixture.js';
import { META_BYTES_MAX } from '../segment/segment-table.js';
import { decodePage, encodePage, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, readPageClear } from './page.js';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Uint8Array.from(b));
const anyKey = fc.uint8Array({ maxLength: 20 }).map((b) => Uint8Array.from(b));
const count = fc.integer({ min: 1, max: 2 ** 53 - 1 });

const segmentEntry = fc
  .record({
    id: fc.uint8Array({ minLength: 24, maxLength: 24 }).map((b) => Uint8Array.from(b)),
    metaBytes: fc.integer({ min: 200, max: 2 ** 20 }),
    dataBytes: fc.nat(),
    root: bytes32,
    epoch: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    level: fc.nat(7),
    run: fc.nat(),
    versions: fc.tuple(count, count, count).map((v) => v.sort((a, b) => a - b)),
    stamp: fc.option(fc.nat(1000)),
    entries: count,
    tombstones: fc.nat(),
    keys: fc.tuple(anyKey, anyKey).map((k) => k.sort(compareBytes)),
  })
  .map(
    (v): SegmentEntry => ({
      id: v.id,
      bytes: v.metaBytes + v.dataBytes,
      metaBytes: v.metaBytes,
      root: v.root,
      epoch: v.epoch,
      level: v.level,
      run: v.run,
      minVersion: v.versions[0]!,
      maxVersion: v.versions[2]!,
      stampVersion: v.stamp === null ? 0 : v.versions[1]!,
      stampOrder: v.stamp ?? 0,
      entries: v.entries,
      tombstones: Math.min(v.tombstones, v.entries),
      firstKey: v.keys[0]!,
      lastKey: v.keys[1]!,
      ranges: 0,
      rangeBegin: new Uint8Array(0),
      rangeEnd: new Uint8Array(0),
      earliestExpiryMs: 0,
    }),
  );

async function samplePage(): Promise<{
  page: Uint8Array;
  entries: SegmentEntry[];
  sealing: ReturnType<typeof testSealing>;
}> {
  const sealing = testSealing();
  const entries = fc.sample(segmentEntry, { seed: 5, numRuns: 4 });
  return { page: await encodePage(sealing, testId(sealing), entries), entries, sealing };
}

describe('a manifest page', () => {
  test('gives back its entries, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(segmentEntry, { maxLength: 12 }),
        fc.constantFrom(0 as const, 1 as const),
        async (entries, suite) => {
          const sealing = testSealing(suite);
          expect(
            await decodePage(sealing, await encodePage(sealing, testId(sealing), entries), 'page'),
          ).toEqual(entries);
        },
      ),
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
      expect(await errorCode(decodePage(sealing, flipped, 'page'))).toMatch(/^(CORRUPT|UNSUPPORTED_FORMAT)$/);
      expect(await errorCode(decodePage(sealing, page.subarray(0, at), 'page'))).toBe('CORRUPT');
    }
    const extended = new Uint8Array(page.length + 1);
    extended.set(page);
    expect(await errorCode(decodePage(sealing, extended, 'page'))).toBe('CORRUPT');
  });

  test('of another database or another key is refused', async () => {
    const { page, sealing } = await samplePage();
    expect(await errorCode(decodePage(testSealing(1, 1, 8), page, 'page'))).toBe('CORRUPT');
    const otherKey = { ...sealing, epochKey: async () => new Uint8Array(32).fill(200) };
    expect(await errorCode(decodePage(otherKey, page, 'page'))).toBe('CORRUPT');
  });

  test('whose sealed numbers contradict each other is refused, even if its writer had the keys', async () => {
    const { entries, sealing } = await samplePage();
    const good = entries[0]!;
    const lies: Partial<SegmentEntry>[] = [
      { minVersion: good.maxVersion + 1 },
      { entries: 0, tombstones: 0 },
      { tombstones: good.entries + 1 },
      { stampVersion: good.maxVersion + 1 },
      { stampVersion: 0, minVersion: 0 },
      { firstKey: key('b'), lastKey: key('a') },
      { metaBytes: good.bytes + 1 },
      { metaBytes: 3 },
      { bytes: 2 ** 40, metaBytes: META_BYTES_MAX + 1 },
    ];
    for (const lie of lies) {
      const page = await encodePage(sealing, testId(sealing), [{ ...good, ...lie }]);
      expect([lie, await errorCode(decodePage(sealing, page, 'page'))]).toEqual([lie, 'CORRUPT']);
    }
  });

  test('has room for as many segments as it may list, whatever their keys and numbers', async () => {
    const { entries, sealing } = await samplePage();
    const longest = new Uint8Array(1 + MAX_KEY_BYTES).fill(0xff);
    const most = Number.MAX_SAFE_INTEGER;
    const entry: SegmentEntry = {
      ...entries[0]!,
      ...{
        bytes: most,
        metaBytes: META_BYTES_MAX,
        epoch: most,
        level: most,
        run: most,
        entries: most,
        tombstones: most,
      },
      ...{ stampVersion: most, stampOrder: most, minVersion: most, maxVersion: most },
      ...{ firstKey: longest, lastKey: longest },
    };
    const full = new Array<SegmentEntry>(PAGE_ENTRIES_MAX).fill(entry);
    const page = await encodePage(sealing, testId(sealing), full);
    expect(PAGE_BYTES_MAX - page.length).toBeGreaterThanOrEqual(0);
    // The numbers of a true entry are shorter than the longest varint.
    expect(PAGE_BYTES_MAX - page.length).toBeLessThan(16 * PAGE_ENTRIES_MAX);
    expect((await decodePage(sealing, page, 'page')).length).toBe(PAGE_ENTRIES_MAX);
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
      expect(await errorCode(decodePage(sealing, garbage, 'page'))).toBe('CORRUPT');
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
