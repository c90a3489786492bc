import { StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../object/bytes.js';
import { BlockCache } from './block-cache.js';
import type { Entry } from './entry.js';
import {
  CountingStore,
  digests,
  EVERYTHING,
  errorCode,
  key,
  numberedEntries,
  seededRandom,
  storeSegment,
  testSealing,
  walk,
} from './segment-fixture.js';
import { SegmentReader } from './segment-reader.js';

/** Few letters, so that keys share prefixes, contain each other and collide with bounds. */
const keys = fc.uint8Array({ maxLength: 6, max: 3 }).map((bytes) => Uint8Array.from(bytes));
const valueBytes = fc.oneof(
  { weight: 1, arbitrary: fc.constant(undefined) },
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 65_537, 131_072, 131_073, 200_000) },
);
const entry = fc.record({
  key: keys,
  valueBytes,
  version: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 53 - 1 })),
  order: fc.nat(300),
});
const segment = fc.record({
  entries: fc.uniqueArray(entry, { minLength: 1, maxLength: 150, selector: (e) => String(e.key) }),
  blockBytes: fc.constantFrom(1, 100, 700, 32_768),
  cacheBytes: fc.constantFrom(0, 2000, 4_000_000),
  suite: fc.constantFrom(0 as const, 1 as const),
  seed: fc.nat(),
});
type Model = { readonly given: Entry[]; readonly read: Entry[] };

/** What goes in, and what a reader of a run with the stamp (99, 5) must give back. */
function modelOf(value: {
  entries: { key: Uint8Array; valueBytes: number | undefined; version: number; order: number }[];
  seed: number;
}): Model {
  const random = seededRandom(value.seed);
  const given = value.entries
    .map((e): Entry => ({ ...pick(e), value: e.valueBytes === undefined ? undefined : random(e.valueBytes) }))
    .sort((a, b) => compareBytes(a.key, b.key));
  const read = given.map((e) => (e.version === 0 ? { ...e, version: 99, order: 5 } : e));
  return { given, read };
}

function pick({
  key,
  version,
  order,
}: {
  key: Uint8Array;
  version: number;
  order: number;
}): Omit<Entry, 'value'> {
  return { key, version, order };
}

const stampOf = ({ given }: Model): { stampVersion?: number; stampOrder?: number } =>
  given.some((e) => e.version === 0) ? { stampVersion: 99, stampOrder: 5 } : {};

describe('a segment gives back what was put in', () => {
  test('by key, at any bounds, in both directions, like a sorted map', async () => {
    await fc.assert(
      fc.asyncProperty(
        segment,
        fc.array(fc.tuple(keys, fc.option(keys)), { maxLength: 6 }),
        async (s, bounds) => {
          const model = modelOf(s);
          const sealing = testSealing(s.suite);
          const { blockBytes, cacheBytes } = s;
          const { reader } = await storeSegment(model.given, {
            sealing,
            blockBytes,
            cacheBytes,
            ...stampOf(model),
          });
          expect(digests(await Promise.all(model.read.map((e) => reader.get(e.key))))).toEqual(
            digests(model.read),
          );
          for (const [begin, endOrNull] of [[new Uint8Array(0), null] as const, ...bounds]) {
            const end = endOrNull ?? undefined;
            const expected = model.read.filter(
              (e) => compareBytes(e.key, begin) >= 0 && (!end || compareBytes(e.key, end) < 0),
            );
            expect(digests(await walk(reader, { begin, end }))).toEqual(digests(expected));
            const backward = await walk(reader, { begin, end, reverse: true });
            expect(digests(backward)).toEqual(digests(expected.toReversed()));
            expect(await walk(reader, { begin, end, keysOnly: true })).toEqual(
              expected.map((e) => ({ ...e, value: undefined })),
            );
            const found = model.read.find((e) => compareBytes(e.key, begin) === 0);
            expect(digests([await reader.get(begin)])).toEqual(digests([found]));
            if (found) expect(await reader.mayContain(begin)).toBe(true);
          }
          expect((await reader.verify()).entries).toBe(model.given.length);
        },
      ),
      { numRuns: 120 },
    );
  });

  test('whichever provider reads it', async () => {
    const entries = numberedEntries(300);
    const { store, entry } = await storeSegment(entries, { blockBytes: 512, sealing: testSealing(1, 1) });
    const reader = new SegmentReader(
      { store, sealing: testSealing(1, 2), cache: new BlockCache(1e6) },
      entry,
    );
    expect(await walk(reader, EVERYTHING)).toEqual(entries);
  });

  test('across blocks that are walked many times over', async () => {
    const entries = numberedEntries(5000, 60);
    const { reader } = await storeSegment(entries, { cacheBytes: 200_000 });
    expect(digests(await walk(reader, EVERYTHING))).toEqual(digests(entries));
    expect(digests(await walk(reader, { ...EVERYTHING, reverse: true }))).toEqual(
      digests(entries.toReversed()),
    );
  });
});

describe('requests', () => {
  const entries = numberedEntries(4000, 100);

  test('a get in a cold large segment costs two, in a warm one none', async () => {
    const { reader, store } = await storeSegment(entries);
    expect((await reader.get(entries[1234]!.key))?.value).toEqual(entries[1234]!.value);
    expect(store.gets).toBe(2);
    await reader.get(entries[1234]!.key);
    await reader.get(entries[1235]!.key);
    expect(store.gets).toBe(2);
  });

  test('a key outside the segment costs none, one that the filter excludes costs one', async () => {
    const { reader, store } = await storeSegment(entries);
    expect(await reader.get(key('a'))).toBeUndefined();
    expect(await reader.mayContain(key('z'))).toBe(false);
    expect(await walk(reader, { begin: key('a'), end: key('k000000') })).toEqual([]);
    expect(store.gets).toBe(0);
    expect(await reader.mayContain(key('k000000a'))).toBe(false);
    expect(await reader.get(key('k000000a'))).toBeUndefined();
    expect(store.gets).toBe(1);
  });

  test('a small segment comes whole in one, whatever touches it first', async () => {
    const few = numberedEntries(100, 400);
    const touches: ((reader: SegmentReader) => Promise<unknown>)[] = [
      (reader) => reader.get(few[50]!.key),
      (reader) => reader.mayContain(few[50]!.key),
      (reader) => walk(reader, EVERYTHING),
      (reader) => walk(reader, { ...EVERYTHING, reverse: true }),
    ];
    for (const touch of touches) {
      const { reader, store } = await storeSegment(few, { blockBytes: 4096 });
      await touch(reader);
      for (const { key } of few) expect(await reader.get(key)).toBeDefined();
      expect(await walk(reader, EVERYTHING)).toHaveLength(100);
      expect(store.gets).toBe(1);
    }
  });

  test('a walk reads ahead in doubling windows, each byte once', async () => {
    const { reader, store, entry } = await storeSegment(numberedEntries(30_000, 100), { cacheBytes: 0 });
    const cursor = reader.cursor(EVERYTHING);
    for (await cursor.start(); !cursor.done; await cursor.next());
    const lengths = store.ranges.slice(1).map((range) => range!.length);
    expect(store.bytesRead).toBe(entry.bytes);
    expect(lengths.length).toBeLessThan(10);
    for (const [i, length] of lengths.slice(0, -1).entries())
      expect(length).toBeLessThanOrEqual(Math.min(2 ** 20, 34_000 * 2 ** i));
  });

  test('a walk does not fetch again what is cached', async () => {
    const { reader, store, entry } = await storeSegment(entries);
    await reader.get(entries[2500]!.key);
    expect(digests(await walk(reader, EVERYTHING))).toEqual(digests(entries));
    expect(store.bytesRead).toBe(entry.bytes);
  });

  test('a short walk reads one block', async () => {
    const { reader, store } = await storeSegment(entries);
    const cursor = reader.cursor({ begin: entries[200]!.key, end: undefined });
    await cursor.start();
    for (let i = 0; i < 5; i++) await cursor.next();
    expect(store.gets).toBe(2);
  });

  test('a large value is one more, and none for a walk over keys', async () => {
    const large = [
      ...entries.slice(0, 800),
      { key: key('l'), version: 3, order: 0, value: seededRandom(5)(300_000) },
    ];
    const { reader, store } = await storeSegment(large, { cacheBytes: 16 * 300_000 });
    expect(await walk(reader, { ...EVERYTHING, keysOnly: true })).toHaveLength(801);
    expect(store.bytesRead).toBeLessThan(250_000);
    const before = store.gets;
    expect(digests([await reader.get(key('l'))])).toEqual(digests(large.slice(800)));
    expect(store.gets).toBe(before + 1);
    await reader.get(key('l'));
    expect(store.gets).toBe(before + 1);
  });

  test('a walk over large values fetches many at once, each byte once', async () => {
    const random = seededRandom(6);
    const large = Array.from(
      { length: 40 },
      (_, i): Entry => ({ key: key(`v${100 + i}`), version: 1, order: 0, value: random(70_000 + i * 3000) }),
    );
    const { reader, store, entry } = await storeSegment(large);
    expect(digests(await walk(reader, EVERYTHING))).toEqual(digests(large));
    expect(store.bytesRead).toBe(entry.bytes);
    expect(store.gets).toBeLessThan(12);
    for (const range of store.ranges) expect(range!.length).toBeLessThanOrEqual(2 ** 20);
    expect(digests(await walk(reader, { ...EVERYTHING, reverse: true }))).toEqual(
      digests(large.toReversed()),
    );
  });

  test('concurrent gets of one block share them', async () => {
    const { reader, store } = await storeSegment(entries);
    const found = await Promise.all(entries.slice(0, 50).map((e) => reader.get(e.key)));
    expect(found.map((e) => e?.value)).toEqual(entries.slice(0, 50).map((e) => e.value));
    expect(store.gets).toBe(2);
  });
});

describe('memory', () => {
  test('the cache never holds more than its bound', async () => {
    const cacheBytes = 150_000;
    const { reader, cache } = await storeSegment(numberedEntries(6000, 100), { cacheBytes });
    for (let i = 0; i < 6000; i += 41) {
      await reader.get(key(`k${String(i).padStart(6, '0')}`));
      expect(cache.bytes).toBeLessThanOrEqual(cacheBytes);
    }
    await walk(reader, EVERYTHING);
    expect(cache.bytes).toBeLessThanOrEqual(cacheBytes);
    expect(cache.bytes).toBeGreaterThan(cacheBytes / 2);
  });

  test('a long walk leaves most of the cache to others', async () => {
    const { reader, cache } = await storeSegment(numberedEntries(6000, 100), { cacheBytes: 400_000 });
    await reader.mayContain(key('k000001'));
    const before = cache.bytes;
    await walk(reader, EVERYTHING);
    expect(cache.bytes - before).toBeLessThanOrEqual(55_000);
  });
});

describe('what goes wrong is told apart', () => {
  class DownStore extends CountingStore {
    error: Error | undefined;
    override async get(...args: Parameters<CountingStore['get']>): ReturnType<CountingStore['get']> {
      const found = await super.get(...args);
      if (this.error) throw this.error;
      return found;
    }
  }

  test('a missing object is CORRUPT and named, never an absent key', async () => {
    const { reader, store, name } = await storeSegment(numberedEntries(10));
    await store.delete([name]);
    for (const call of [reader.get(key('k000001')), reader.mayContain(key('k000001')), reader.verify()])
      await expect(call).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining(name) });
    expect(await errorCode(walk(reader, EVERYTHING))).toBe('CORRUPT');
  });

  test("the store's own error passes through, and the next call tries again", async () => {
    const store = new DownStore();
    const entries = numberedEntries(3000, 50);
    const { reader } = await storeSegment(entries, { store });
    store.error = new StoreError('UNAVAILABLE', 'down');
    await expect(Promise.all([reader.get(entries[0]!.key), reader.get(entries[0]!.key)])).rejects.toBe(
      store.error,
    );
    store.error = undefined;
    expect((await reader.get(entries[0]!.key))?.value).toEqual(entries[0]!.value);
  });

  test('a failed read-ahead is met by the step that needs it, which can be taken again', async () => {
    const store = new DownStore();
    const entries = numberedEntries(6000, 50);
    const { reader } = await storeSegment(entries, { store });
    const cursor = reader.cursor(EVERYTHING);
    await cursor.start();
    let failures = 0;
    let found = 0;
    while (!cursor.done) {
      found++;
      if (found === 300) store.error = new StoreError('UNAVAILABLE', 'down');
      for (;;) {
        try {
          await cursor.next();
          break;
        } catch (error) {
          expect(error).toBe(store.error);
          store.error = undefined;
          failures++;
        }
      }
    }
    expect({ found, failures }).toEqual({ found: 6000, failures: 1 });
  });

  test('a walk dropped while it reads ahead leaves no unhandled rejection', async () => {
    const store = new DownStore();
    const { reader } = await storeSegment(numberedEntries(6000, 50), { store });
    const cursor = reader.cursor(EVERYTHING);
    await cursor.start();
    store.error = new StoreError('UNAVAILABLE', 'down');
    for (let i = 0; i < 400; i++) await cursor.next();
    // vitest fails the run on an unhandled rejection; give it time to show.
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(store.gets).toBeGreaterThan(2);
  });

  test('an abort ends the caller who asked for it, and not the one who joined', async () => {
    const entries = numberedEntries(3000, 50);
    const { reader } = await storeSegment(entries);
    const abort = new AbortController();
    const first = reader.get(entries[0]!.key, { signal: abort.signal });
    const second = reader.get(entries[0]!.key);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect((await second)?.value).toEqual(entries[0]!.value);
  });

  test('asking a keys-only walk for a value is a fault of the call', async () => {
    const { reader } = await storeSegment(numberedEntries(10));
    const cursor = reader.cursor({ ...EVERYTHING, keysOnly: true });
    await cursor.start();
    expect(() => cursor.value()).toThrow(TypeError);
  });
});
