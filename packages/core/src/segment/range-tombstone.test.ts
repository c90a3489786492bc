import { describe, expect, test } from 'vitest';
import { equalBytes } from '../object/bytes.js';
import { objectName, SEGMENT_PREFIX } from '../object/names.js';
import { BlockCache } from './block-cache.js';
import type { Entry } from './entry.js';
import { SoughtKey } from './filter.js';
import type { RangeTombstone } from './range-tombstone.js';
import { SegmentBuilder } from './segment-builder.js';
import { placeSegment } from './segment-entry.js';
import { CountingStore, errorCode, forge, key, takeApart, testId, testSealing } from './segment-fixture.js';
import { SegmentReader } from './segment-reader.js';
import { encodeStream } from './stream.js';

const range = (begin: string, end: string, version: number, order = 0): RangeTombstone => ({
  begin: key(begin),
  end: key(end),
  version,
  order,
});

async function stored(entries: readonly Entry[], ranges: readonly RangeTombstone[]) {
  const sealing = testSealing();
  const builder = new SegmentBuilder(sealing, testId(sealing));
  for (const entry of entries) builder.add(entry);
  for (const each of ranges) builder.addRange(each);
  const { bytes, descriptor } = await builder.finish();
  const entry = placeSegment(descriptor, { level: 0, run: 1 });
  const store = new CountingStore();
  const name = objectName(SEGMENT_PREFIX, entry.id);
  await store.put(name, bytes);
  const cache = new BlockCache(1 << 20);
  return {
    store,
    sealing,
    cache,
    entry,
    bytes,
    name,
    reader: new SegmentReader({ store, sealing, cache }, entry),
  };
}

const entry = (text: string, version: number, order = 0): Entry => ({
  key: key(text),
  version,
  order,
  value: key(`value of ${text}`),
});

describe('a segment with range tombstones', () => {
  test('says of a key the newest of its entry and the range over it', async () => {
    const { reader } = await stored(
      [entry('b', 3), entry('d', 5, 1), entry('f', 9)],
      [range('a', 'c', 4), range('c', 'e', 5, 1), range('e', 'h', 8)],
    );
    expect(await reader.get(key('b'))).toMatchObject({ value: undefined, version: 4 });
    // Of the same transaction: the range came first.
    expect(await reader.get(key('d'))).toMatchObject({ value: key('value of d'), version: 5 });
    expect(await reader.get(key('f'))).toMatchObject({ value: key('value of f'), version: 9 });
    expect(await reader.get(key('g'))).toMatchObject({ value: undefined, version: 8 });
    expect(await reader.get(key('h'))).toBeUndefined();
    for (const text of ['b', 'd', 'f', 'g', 'h'])
      expect(reader.peek(new SoughtKey(key(text))), text).toEqual(await reader.get(key(text)));
  });

  test('may have nothing else, and is read and verified all the same', async () => {
    const { reader, entry: placed } = await stored([], [range('a', 'c', 4)]);
    expect(placed).toMatchObject({ entries: 0, ranges: 1, minVersion: 4, maxVersion: 4 });
    expect(await reader.get(key('b'))).toMatchObject({ value: undefined, version: 4 });
    expect(await reader.get(key('c'))).toBeUndefined();
    expect(await reader.ranges()).toEqual([range('a', 'c', 4)]);
    expect(await reader.verify()).toEqual({ entries: 0, chunks: 0, streams: 0 });
    const cursor = reader.cursor({ begin: key(''), end: undefined });
    await cursor.start();
    expect(cursor.done).toBe(true);
  });

  test.each<[string, readonly RangeTombstone[]]>([
    ['empty', [range('b', 'b', 1)]],
    ['over the one before', [range('a', 'c', 1), range('b', 'd', 2)]],
    ['below the one before', [range('c', 'd', 1), range('a', 'b', 2)]],
    ['without a version', [range('a', 'b', 0)]],
  ])('is not built of a range that is %s', async (_, ranges) => {
    await expect(stored([], ranges)).rejects.toThrow(RangeError);
  });

  test.each<[string, (ranges: readonly RangeTombstone[]) => RangeTombstone[]]>([
    ['one more than the manifest says', (ranges) => [...ranges, range('x', 'y', 4)]],
    ['another end', () => [range('a', 'd', 4)]],
    ['an empty one', () => [range('a', 'a', 4)]],
    ['no version', () => [range('a', 'c', 0)]],
  ])('is refused where a key holder lies about them: %s', async (_, lie) => {
    const original = await stored([entry('b', 4)], [range('a', 'c', 4)]);
    const parts = await takeApart(original);
    const forged = await forge(original, parts, { meta: (meta) => ({ ...meta, ranges: lie(meta.ranges) }) });
    expect(await errorCode(forged.reader.get(key('b')))).toBe('CORRUPT');
  });
});

test('an entry that expires, and a stream, come back as they were built', async () => {
  const stream = encodeStream({ length: 0, parts: [] });
  const entries: Entry[] = [
    { ...entry('a', 1), expiresMs: 1_790_000_000_000 },
    { ...entry('b', 2), value: stream, stream: true },
    { ...entry('c', 3), value: stream, stream: true, expiresMs: 5 },
    { ...entry('d', 4), value: new Uint8Array(100_000).fill(7), expiresMs: 9 },
    entry('e', 5),
  ];
  const { reader, entry: placed } = await stored(entries, []);
  expect(placed.earliestExpiryMs).toBe(5);
  for (const each of entries) {
    const found = await reader.get(each.key);
    expect(found).toMatchObject({ version: each.version });
    expect([found!.expiresMs, found!.stream]).toEqual([each.expiresMs, each.stream]);
    expect(equalBytes(found!.value!, each.value!)).toBe(true);
  }
  const cursor = reader.cursor({ begin: key(''), end: undefined });
  const walked: [number, boolean][] = [];
  for (await cursor.start(); !cursor.done; await cursor.next())
    walked.push([cursor.expiresMs, cursor.stream]);
  expect(walked).toEqual(entries.map((each) => [each.expiresMs ?? 0, each.stream ?? false]));
  await reader.verify();
});
