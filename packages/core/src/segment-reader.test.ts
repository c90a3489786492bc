import { describe, expect, test } from 'vitest';
import { compareBytes } from './bytes.js';
import type { Entry } from './entry.js';
import type { CursorOptions } from './segment-cursor.js';
import { key, numberedEntries, storeSegment } from './segment-fixture.js';
import type { SegmentReader } from './segment-reader.js';

export async function walk(reader: SegmentReader, o: CursorOptions): Promise<Entry[]> {
  const cursor = reader.cursor(o);
  const found: Entry[] = [];
  for (await cursor.start(); !cursor.done; await cursor.next()) {
    const value = cursor.tombstone
      ? undefined
      : o.keysOnly
        ? new Uint8Array(0)
        : (await cursor.value()).slice();
    found.push({ key: cursor.key.slice(), version: cursor.version, order: cursor.order, value });
  }
  return found;
}

describe('a segment', () => {
  test('smoke', async () => {
    const entries = numberedEntries(20_000);
    const { reader, store } = await storeSegment(entries);
    expect((await reader.get(entries[777]!.key))?.value).toEqual(entries[777]!.value);
    expect(store.gets).toBe(2);
    expect(await walk(reader, { begin: key(''), end: undefined })).toEqual(entries);
    console.log(store.gets, store.ranges);
    expect(await walk(reader, { begin: key(''), end: undefined, reverse: true })).toEqual(
      entries.toReversed(),
    );
    console.log(store.gets);
    expect(await reader.verify()).toEqual({ entries: 20000, chunks: expect.any(Number) });
    expect(compareBytes(key('a'), key('b'))).toBe(-1);
  });
});
