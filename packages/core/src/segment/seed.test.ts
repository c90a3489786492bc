import { expect, test } from 'vitest';
import { BlockCache } from './block-cache.js';
import { errorCode, numberedEntries, storeSegment } from './segment-fixture.js';
import { SegmentReaders } from './segment-readers.js';

const entries = numberedEntries(3000, 100);

test('a segment that its maker puts into the cache is read without a request', async () => {
  const { store, sealing, entry, bytes } = await storeSegment(entries);
  const readers = new SegmentReaders({ store, sealing, cache: new BlockCache(64 * 1024 * 1024) });
  await readers.seed(entry, bytes);
  for (const { key, value } of entries) expect((await readers.of(entry).get(key))?.value).toEqual(value);
  expect(store.gets).toBe(0);
});

test('of a large one only a part is put there, its meta first', async () => {
  const { store, sealing, entry, bytes } = await storeSegment(entries);
  const cache = new BlockCache(800_000);
  await new SegmentReaders({ store, sealing, cache }).seed(entry, bytes);
  expect(cache.bytes).toBeLessThan(150_000);
  const { key, value } = entries[0]!;
  expect((await new SegmentReaders({ store, sealing, cache }).of(entry).get(key))?.value).toEqual(value);
  expect(store.gets).toBe(0);
});

test('what a read would refuse gets into no cache', async () => {
  const { store, sealing, entry, bytes } = await storeSegment(entries);
  for (const at of [100, bytes.length - 200]) {
    const readers = new SegmentReaders({ store, sealing, cache: new BlockCache(64 * 1024 * 1024) });
    const bent = bytes.slice();
    bent[at]! ^= 1;
    expect(await errorCode(readers.seed(entry, bent))).toBe('CORRUPT');
    const { key, value } = entries[0]!;
    expect((await readers.of(entry).get(key))?.value).toEqual(value);
  }
});
