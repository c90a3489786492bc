import { describe, expect, test } from 'vitest';
import { toHex } from '../object/bytes.js';
import type { Entry } from './entry.js';
import { SegmentBuilder } from './segment-builder.js';
import {
  key,
  numberedEntries,
  seededRandom,
  storeSegment,
  takeApart,
  testId,
  testSealing,
} from './segment-fixture.js';

const LARGE = seededRandom(3)(70_000);

describe('a segment builder', () => {
  test('refuses a key that is not above the one before, and stays usable', async () => {
    const builder = new SegmentBuilder(testSealing(), testId(testSealing()));
    builder.add({ key: key('bb'), version: 1, order: 0, value: key('x') });
    for (const low of ['bb', 'b', 'a', '', 'ba'])
      expect(() => builder.add({ key: key(low), version: 1, order: 0, value: undefined })).toThrow(
        RangeError,
      );
    builder.add({ key: key('bba'), version: 1, order: 0, value: key('x') });
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
    builder.add({ key: key('a'), version: 1, order: 0, value: undefined });
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
      builder.add({ key: buffer, version: 1, order: 0, value: buffer });
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
      for (const entry of numberedEntries(count, valueBytes)) builder.add(entry);
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

  describe('whose random source repeats itself, as a cloned machine does,', () => {
    const shared = [...numberedEntries(40), { key: key('l'), version: 1, order: 0, value: LARGE }];
    const built = async (tail: Entry): Promise<string[]> => {
      // One seed: the same id and the same random bytes each time.
      const sealing = testSealing(1, 1);
      const builder = new SegmentBuilder(sealing, testId(sealing), { blockBytes: 400 });
      for (const entry of [...shared, tail]) builder.add(entry);
      const { bytes } = await builder.finish();
      const [salt, commitment] = [bytes.subarray(-64, -32), bytes.subarray(-32)];
      return [toHex(salt), toHex(commitment), toHex(bytes.subarray(0, 416))];
    };
    const tail: Entry = { key: key('m'), version: 9, order: 0, value: key('x') };

    test('never seals two segments under one key, though only the last entry differs', async () => {
      const others: Entry[] = [
        { ...tail, value: key('y') },
        { ...tail, value: undefined },
        { ...tail, version: 10 },
        { ...tail, order: 1 },
        { ...tail, key: key('n') },
        { ...tail, value: LARGE },
        { ...tail, value: LARGE.toReversed() },
      ];
      const found = await Promise.all([tail, ...others].map(built));
      for (const field of [0, 1, 2])
        expect(new Set(found.map((fields) => fields[field])).size).toBe(found.length);
    });

    test('seals the same segment to the same bytes', async () => {
      expect(await built(tail)).toEqual(await built({ ...tail }));
    });
  });

  test('seals nothing before it is finished, and asks for randomness once', async () => {
    const sealing = testSealing();
    let drawn = 0;
    const random = (length: number): Uint8Array => {
      drawn++;
      return sealing.random(length);
    };
    const builder = new SegmentBuilder({ ...sealing, random }, testId(sealing), { blockBytes: 300 });
    for (const entry of numberedEntries(500)) builder.add(entry);
    expect(drawn).toBe(0);
    await builder.finish();
    expect(drawn).toBe(1);
  });

  test('builds into memory that it is given, whatever was in it', async () => {
    const build = async (memory?: Uint8Array): Promise<Uint8Array> => {
      const sealing = testSealing();
      const builder = new SegmentBuilder(sealing, testId(sealing));
      for (const entry of numberedEntries(50, 3_000)) builder.add(entry);
      const { bytes } = await builder.finish(memory && ((length) => memory.subarray(0, length)));
      expect(memory === undefined || bytes.buffer === memory.buffer).toBe(true);
      return bytes;
    };
    expect(toHex(await build(new Uint8Array(500_000).fill(7)))).toBe(toHex(await build()));
    await expect(build(new Uint8Array(1000))).rejects.toThrow(RangeError);
  });

  test('closes no block and no segment that readers would refuse', async () => {
    const sealing = testSealing();
    const builder = new SegmentBuilder(sealing, testId(sealing), { blockBytes: 2 ** 21 });
    const value = new Uint8Array(60_000);
    for (let i = 0; i < 20; i++) builder.add({ key: key(`k${i + 10}`), version: 1, order: 0, value });
    await expect(builder.finish()).rejects.toThrow(RangeError);
  });
});
