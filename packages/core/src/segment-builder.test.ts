import { describe, expect, test } from 'vitest';
import { SegmentBuilder } from './segment-builder.js';
import {
  EVERYTHING,
  key,
  numberedEntries,
  seededRandom,
  storeSegment,
  takeApart,
  testId,
  testSealing,
  walk,
} from './segment-fixture.js';

describe('a segment builder', () => {
  test('refuses a key that is not above the one before, and stays usable', async () => {
    const builder = new SegmentBuilder(testSealing(), testId(testSealing()));
    await builder.add({ key: key('bb'), version: 1, order: 0, value: key('x') });
    for (const low of ['bb', 'b', 'a', '', 'ba'])
      expect(() => builder.add({ key: key(low), version: 1, order: 0, value: undefined })).toThrow(
        RangeError,
      );
    await builder.add({ key: key('bba'), version: 1, order: 0, value: key('x') });
    expect((await builder.finish()).descriptor).toMatchObject({
      entries: 2,
      firstKey: key('bb'),
      lastKey: key('bba'),
    });
  });

  test('refuses numbers that are none, and to be empty or finished twice', async () => {
    const builder = new SegmentBuilder(testSealing(), testId(testSealing()));
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(() => builder.add({ key: key('a'), version: bad, order: 0, value: undefined })).toThrow(
        RangeError,
      );
    await expect(builder.finish()).rejects.toThrow(RangeError);
    await builder.add({ key: key('a'), version: 1, order: 0, value: undefined });
    await builder.finish();
    await expect(builder.finish()).rejects.toThrow(TypeError);
    expect(() => builder.add({ key: key('b'), version: 1, order: 0, value: undefined })).toThrow(TypeError);
  });

  test('lets its caller reuse the key buffer', async () => {
    const sealing = testSealing();
    const builder = new SegmentBuilder(sealing, testId(sealing));
    const buffer = key('k0');
    for (let i = 0; i < 10; i++) {
      buffer[1] = 48 + i;
      await builder.add({ key: buffer, version: 1, order: 0, value: buffer });
    }
    buffer.fill(0);
    const { descriptor } = await builder.finish();
    expect(descriptor).toMatchObject({ firstKey: key('k0'), lastKey: key('k9') });
  });

  test('knows what the object would weigh', async () => {
    for (const [count, valueBytes] of [
      [1, 0],
      [50, 10],
      [3000, 100],
      [30, 100_000],
    ] as const) {
      const sealing = testSealing();
      const builder = new SegmentBuilder(sealing, testId(sealing));
      for (const entry of numberedEntries(count, valueBytes)) await builder.add(entry);
      const expected = builder.bytes;
      const { bytes } = await builder.finish();
      expect(Math.abs(expected - bytes.length)).toBeLessThan(60 + bytes.length / 500);
    }
  });

  test('cuts blocks at their size and values over 64 KiB into pieces before their block', async () => {
    const entries = numberedEntries(600, 100);
    entries.push({ key: key('l'), version: 1, order: 0, value: seededRandom(4)(65_536 * 2 + 1) });
    entries.push({ key: key('m'), version: 1, order: 0, value: seededRandom(4)(65_536) });
    const { chunks, meta } = await takeApart(await storeSegment(entries));
    const isBlock = (i: number): boolean => meta.blocks.some((block) => block.chunk === i);
    expect(chunks.filter((_, i) => !isBlock(i)).map((c) => c.length)).toEqual([65_536, 65_536, 1]);
    expect(isBlock(chunks.length - 1)).toBe(true);
    for (const { chunk } of meta.blocks.slice(0, -1)) {
      expect(chunks[chunk]!.length).toBeGreaterThanOrEqual(32_768);
      expect(chunks[chunk]!.length).toBeLessThan(34_000);
    }
  });

  test('never seals two segments under one key, even if the random source repeats itself', async () => {
    const salts = new Set<string>();
    for (const value of ['x', 'y', 'z']) {
      const sealing = testSealing(1, 1);
      const builder = new SegmentBuilder(sealing, testId(sealing));
      await builder.add({ key: key('a'), version: 1, order: 0, value: key(value) });
      const { bytes } = await builder.finish();
      salts.add(String(bytes.subarray(bytes.length - 64, bytes.length - 32)));
    }
    expect(salts.size).toBe(3);
  });

  test('seals in order even when its caller waits for nothing but the end', async () => {
    const sealing = testSealing();
    const entries = numberedEntries(2000, 30);
    const builder = new SegmentBuilder(sealing, testId(sealing), { blockBytes: 300 });
    for (const entry of entries) void builder.add(entry);
    const { bytes } = await builder.finish();
    const awaited = await storeSegment(entries, { sealing: testSealing(), blockBytes: 300 });
    expect(bytes).toHaveLength(awaited.bytes.length);
    expect(await walk(awaited.reader, { ...EVERYTHING, keysOnly: true })).toHaveLength(2000);
    expect(Buffer.compare(bytes, awaited.bytes)).toBe(0);
  });
});
