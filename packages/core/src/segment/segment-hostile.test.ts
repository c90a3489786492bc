import { OBJECT_KIND } from '@holdfast/crypto';
import type { StoredObject } from '@holdfast/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../object/bytes.js';
import { openCipher, readEnvelope } from '../object/envelope.js';
import { HoldfastError } from '../object/errors.js';
import { MAX_VALUE_BYTES } from '../value/value.js';
import { BlockBuilder } from './block-builder.js';
import { BlockCache } from './block-cache.js';
import type { Entry } from './entry.js';
import { FilterBuilder } from './filter.js';
import { auditSegment } from './segment-audit.js';
import {
  CountingStore,
  digests,
  EVERYTHING,
  errorCode,
  forge,
  key,
  type Lies,
  numberedEntries,
  openStored,
  type Parts,
  seededRandom,
  storeSegment,
  type TestSegment,
  takeApart,
  testSealing,
  walk,
} from './segment-fixture.js';
import { encodeMeta } from './segment-meta.js';
import { SegmentReader } from './segment-reader.js';
import { encodeTable, FOOTER_BYTES, segmentRoot } from './segment-table.js';

/** Answers as the reader does, or the code of its HoldfastError; anything else thrown fails the test. */
async function answerOrCode<T>(call: Promise<T>): Promise<T | { code: string }> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof HoldfastError) return { code: error.code };
    throw error;
  }
}

function cold(segment: TestSegment): SegmentReader {
  return new SegmentReader({ ...segment, cache: new BlockCache(0) }, segment.entry);
}

const REFUSED = /^(CORRUPT|UNSUPPORTED_FORMAT)$/;

class ShortStore extends CountingStore {
  cutBytes = 0;
  override async get(...args: Parameters<CountingStore['get']>): ReturnType<CountingStore['get']> {
    const found = await super.get(...args);
    return found && { ...found, bytes: found.bytes.subarray(0, found.bytes.length - this.cutBytes) };
  }
}

async function withLargeValue(): Promise<{ entries: Entry[]; segment: TestSegment }> {
  const entries = [
    ...numberedEntries(400, 30),
    { key: key('large'), version: 7, order: 0, value: seededRandom(9)(150_000) },
    { key: key('last'), version: 7, order: 1, value: undefined },
  ];
  return { entries, segment: await storeSegment(entries, { blockBytes: 4096 }) };
}

/** Hands on the next answer changed. */
class BadWire extends CountingStore {
  next: ((found: StoredObject) => StoredObject) | undefined;
  /** The most that each get has said it takes. */
  readonly takes: (number | undefined)[] = [];

  override async get(...[name, options]: Parameters<CountingStore['get']>): ReturnType<CountingStore['get']> {
    this.takes.push(options?.maxBytes);
    const found = await super.get(name, options);
    const change = this.next;
    this.next = undefined;
    return found && change ? change(found) : found;
  }
}

describe('a wire that damages one answer', () => {
  const cut = (found: StoredObject): StoredObject => {
    const bytes = found.bytes.subarray(0, found.bytes.length >> 1);
    return { ...found, bytes, size: bytes.length };
  };
  const bent = (found: StoredObject): StoredObject => {
    for (let at = 0; at < found.bytes.length; at += 100) found.bytes[at]! ^= 4;
    return found;
  };
  const swollen = (found: StoredObject): StoredObject => ({
    ...found,
    bytes: new Uint8Array(found.bytes.length + 1),
  });

  for (const [name, damage] of Object.entries({ cut, bent, swollen }))
    test(`costs one more request, and nothing is called corrupt (${name})`, async () => {
      const store = new BadWire();
      const entries = [
        ...numberedEntries(400, 300),
        { key: key('large'), version: 7, order: 0, value: seededRandom(9)(60_000) },
        { key: key('larger'), version: 7, order: 1, value: seededRandom(8)(150_000) },
      ];
      const sealing = testSealing();
      const large = await storeSegment(entries, { store, sealing });
      const few = entries.slice(0, 60);
      const small = await storeSegment(few, { store, sealing });
      for (const [segment, all, wanted] of [
        [large, entries, entries[150]!],
        [large, entries, entries.at(-1)!],
        [small, few, few[20]!],
      ] as const) {
        const reads: (() => Promise<unknown>)[] = [
          async () => expect(digests([await cold(segment).get(wanted.key)])).toEqual(digests([wanted])),
          async () => expect(digests(await walk(cold(segment), EVERYTHING))).toEqual(digests(all)),
          () => cold(segment).verify(),
          () => auditSegment(store, segment.sealing.provider.sha256, segment.entry),
        ];
        for (const read of reads) {
          const before = store.gets;
          await read();
          const honest = store.gets - before;
          for (let nth = 0; nth < honest; nth++) {
            let seen = 0;
            const spoil = (found: StoredObject): StoredObject => {
              if (seen++ === nth) return damage(found);
              store.next = spoil;
              return found;
            };
            store.next = spoil;
            const from = store.gets;
            await read();
            const extra = store.gets - from - honest;
            // Of a bent window each chunk is read again by itself.
            if (damage === bent) expect(extra).toBeGreaterThanOrEqual(1);
            else expect(extra).toBe(1);
            store.next = undefined;
          }
        }
      }
      // No get takes more than its range.
      expect(store.takes).toEqual(store.ranges.map((range) => range!.length));
    });

  test('is mended where the bytes are kept, so that the next reader asks for nothing', async () => {
    const store = new BadWire();
    const entries = numberedEntries(60, 300);
    const segment = await storeSegment(entries, { store, blockBytes: 4096 });
    store.next = (found) => {
      found.bytes[5000]! ^= 1;
      return found;
    };
    await walk(segment.reader, EVERYTHING);
    expect(store.gets).toBe(2);
    await walk(segment.reader, EVERYTHING);
    expect(store.gets).toBe(2);
  });
});

describe('a store that changes bytes', () => {
  test('every byte of a small segment, flipped, is an error or was not needed; verify refuses them all', async () => {
    const entries = numberedEntries(36, 12);
    const segment = await storeSegment(entries, { blockBytes: 250 });
    const { store, name, bytes } = segment;
    let refusedGets = 0;
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      await store.put(name, flipped);
      expect(await errorCode(cold(segment).verify())).toMatch(REFUSED);
      if (at % 4 === 0) expect(await errorCode(walk(cold(segment), EVERYTHING))).toMatch(REFUSED);
      const wanted = entries[at % entries.length]!;
      const got = await answerOrCode(cold(segment).get(wanted.key));
      if (got && 'code' in got) refusedGets++;
      else expect(got).toEqual(wanted);
    }
    expect(refusedGets).toBeGreaterThan(bytes.length / 5);
    expect(refusedGets).toBeLessThan(bytes.length);
  });

  test('a flip in a large segment never reaches a reader', async () => {
    const { entries, segment } = await withLargeValue();
    const { store, name, bytes } = segment;
    for (let at = 0; at < bytes.length; at += 1277) {
      const flipped = bytes.slice();
      flipped[at]! ^= 0x80;
      await store.put(name, flipped);
      expect(await errorCode(cold(segment).verify())).toMatch(REFUSED);
      expect(await errorCode(walk(cold(segment), EVERYTHING))).toMatch(REFUSED);
      const wanted = entries[at % entries.length]!;
      const got = await answerOrCode(cold(segment).get(wanted.key));
      if (!got || !('code' in got)) expect(digests([got])).toEqual(digests([wanted]));
    }
  });

  test('every truncation and every extension is refused by whatever reads', async () => {
    const segment = await storeSegment(numberedEntries(20, 25), { blockBytes: 200 });
    const { store, name, bytes } = segment;
    for (let length = 0; length <= bytes.length + 40; length++) {
      if (length === bytes.length) continue;
      const changed = new Uint8Array(length);
      changed.set(bytes.subarray(0, length));
      await store.put(name, changed);
      expect(await errorCode(cold(segment).verify())).toBe('CORRUPT');
      expect(await errorCode(cold(segment).get(key('k000003')))).toBe('CORRUPT');
    }
  });

  test('two segments that stand in for each other are refused, even of equal size', async () => {
    const sealing = testSealing();
    const entries = numberedEntries(50);
    const a = await storeSegment(entries, { sealing });
    const b = await storeSegment(entries, { sealing, store: a.store });
    expect(a.bytes.length).toBe(b.bytes.length);
    await a.store.put(a.name, b.bytes);
    await a.store.put(b.name, a.bytes);
    for (const segment of [a, b]) {
      expect(await errorCode(cold(segment).get(entries[3]!.key))).toBe('CORRUPT');
      expect(await errorCode(cold(segment).verify())).toBe('CORRUPT');
    }
  });

  test('two chunks that change places are refused', async () => {
    const segment = await storeSegment(numberedEntries(64, 25), { blockBytes: 1 });
    const { store, name, bytes } = segment;
    // Blocks of one entry each, all of one size.
    const size = (await takeApart(segment)).table[10]!.bytes;
    const swapped = bytes.slice();
    swapped.copyWithin(10 * size, 11 * size, 12 * size);
    swapped.set(bytes.subarray(10 * size, 11 * size), 11 * size);
    await store.put(name, swapped);
    expect(await errorCode(cold(segment).get(key('k000010')))).toBe('CORRUPT');
    expect(await errorCode(cold(segment).get(key('k000011')))).toBe('CORRUPT');
    expect(await errorCode(cold(segment).verify())).toBe('CORRUPT');
  });

  test('what opens but is not what was published is refused: the leaf and the root count, not only the tag', async () => {
    const segment = await storeSegment(numberedEntries(100), { blockBytes: 500 });
    const { store, name, bytes, sealing, entry } = segment;
    const { chunks, table, meta } = await takeApart(segment);
    const footer = new ByteReader(bytes, name, bytes.length - FOOTER_BYTES + 8);
    const cipher = await openCipher(sealing, readEnvelope(footer, OBJECT_KIND.segment, name), entry.id, name);

    const chunk = chunks[0]!.slice();
    chunk[30]! ^= 1;
    const withChunk = bytes.slice();
    withChunk.set(await cipher.seal(0, false, chunk));
    await store.put(name, withChunk);
    await expect(cold(segment).get(key('k000001'))).rejects.toThrow('chunk 0 fails authentication');
    await expect(cold(segment).verify()).rejects.toThrow('chunk 0 fails authentication');

    const filter = new Uint8Array(meta.filter.length);
    const withMeta = bytes.slice();
    const changedMeta = encodeMeta({ ...meta, filter });
    const sealedMeta = await cipher.seal(chunks.length, true, changedMeta, encodeTable(table));
    withMeta.set(sealedMeta, bytes.length - FOOTER_BYTES - sealedMeta.length);
    await store.put(name, withMeta);
    await expect(cold(segment).get(key('k000001'))).rejects.toThrow('Merkle root');
  });

  test('a chunk table that the meta chunk was not sealed with is refused, even if the manifest agreed', async () => {
    const segment = await storeSegment(numberedEntries(100), { blockBytes: 500 });
    const { bytes, entry, sealing } = segment;
    const { chunks, table } = await takeApart(segment);
    const swapped = [...table];
    [swapped[0], swapped[1]] = [
      { ...table[0]!, leaf: table[1]!.leaf },
      { ...table[1]!, leaf: table[0]!.leaf },
    ];
    const changed = bytes.slice();
    changed.set(encodeTable(swapped), bytes.length - entry.metaBytes);
    const leaves = swapped.map(({ leaf }) => leaf);
    const root = segmentRoot(sealing.provider.sha256, leaves, changed.subarray(-entry.metaBytes));
    expect(chunks.length).toBeGreaterThan(2);
    const { reader } = await openStored(segment, { ...entry, root }, changed);
    await expect(reader.mayContain(key('k000001'))).rejects.toThrow('its meta chunk fails authentication');
  });

  test('a store that answers with fewer bytes than it says is refused', async () => {
    const segment = await storeSegment(numberedEntries(2000, 60));
    for (const cutBytes of [1, 200]) {
      const store = new ShortStore();
      await store.put(segment.name, segment.bytes);
      store.cutBytes = cutBytes;
      const reader = new SegmentReader({ ...segment, store, cache: new BlockCache(0) }, segment.entry);
      await expect(reader.get(key('k000001'))).rejects.toThrow(/expected \d+ bytes, found \d+/);
      await expect(reader.verify()).rejects.toThrow(/expected \d+ bytes, found \d+/);
    }
  });

  test("another database's segment is refused", async () => {
    const segment = await storeSegment(numberedEntries(10));
    const sealing = testSealing(1, 1, 8);
    const reader = new SegmentReader({ ...segment, sealing, cache: new BlockCache(0) }, segment.entry);
    expect(await errorCode(reader.get(key('k000001')))).toBe('CORRUPT');
  });
});

describe('a faulty holder of the keys', () => {
  /** Reads in every way there is. */
  async function readAll(segment: TestSegment, entries: readonly Entry[]): Promise<void> {
    const some = entries.filter((_, i) => i % 37 === 0 || i > entries.length - 3);
    for (const { key } of some) await answerOrCode(segment.reader.get(key));
    for (const reverse of [false, true]) {
      await answerOrCode(walk(segment.reader, { ...EVERYTHING, reverse }));
      await answerOrCode(
        walk(segment.reader, { begin: key('k00001'), end: key('k0001'), reverse, keysOnly: true }),
      );
    }
    await answerOrCode(segment.reader.verify());
  }

  const edits = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))), {
    minLength: 1,
    maxLength: 4,
  });
  const cut = fc.option(fc.nat(), { freq: 8 });

  function mutate(bytes: Uint8Array, changes: [number, number][], cutAt: number | null): Uint8Array {
    const mutated = bytes.slice();
    for (const [at, byte] of changes) if (mutated.length > 0) mutated[at % mutated.length] = byte;
    return cutAt === null ? mutated : mutated.subarray(0, cutAt % (bytes.length + 1));
  }

  test('who seals a broken block or piece gets typed errors, no crash, no hang', async () => {
    const { entries, segment } = await withLargeValue();
    const parts = await takeApart(segment);
    await fc.assert(
      fc.asyncProperty(fc.nat(), edits, cut, async (pick, changes, cutAt) => {
        const chunks = [...parts.chunks];
        const i = pick % chunks.length;
        chunks[i] = mutate(chunks[i]!, changes, cutAt);
        await readAll(await forge(segment, { ...parts, chunks }), entries);
      }),
      { numRuns: 80 },
    );
  });

  test('who seals a broken restart table or head gets typed errors', async () => {
    const segment = await storeSegment(numberedEntries(40, 5));
    const parts = await takeApart(segment);
    const block = parts.chunks[0]!;
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.nat(255), async (from, byte) => {
        for (const at of [from, block.length - 1 - (from % 16)]) {
          const changed = block.slice();
          changed[at] = byte;
          await readAll(await forge(segment, { ...parts, chunks: [changed] }), numberedEntries(40, 5));
        }
      }),
      { numRuns: 50 },
    );
  });

  test('who seals a broken meta chunk or chunk table gets typed errors', async () => {
    const { entries, segment } = await withLargeValue();
    const parts = await takeApart(segment);
    await fc.assert(
      fc.asyncProperty(edits, cut, fc.boolean(), async (changes, cutAt, inTable) => {
        const change = (bytes: Uint8Array): Uint8Array => mutate(bytes, changes, cutAt);
        await readAll(
          await forge(segment, parts, inTable ? { tableBytes: change } : { metaBytes: change }),
          entries,
        );
      }),
      { numRuns: 80 },
    );
  });

  test('who names pieces that are not there gets a typed error before anything is allocated', async () => {
    const value = seededRandom(8)(150_000);
    const before = { key: key('a'), version: 1, order: 0, value: key('x') };
    const segment = await storeSegment([before, { key: key('b'), version: 1, order: 0, value }], {
      blockBytes: 1,
    });
    const parts = await takeApart(segment);
    expect(parts.chunks).toHaveLength(5);
    const claim = async (length: number, first: number): Promise<SegmentReader> => {
      const block = new BlockBuilder(64);
      block.addLarge({ key: key('b'), version: 1, order: 0 }, 0, length, first);
      return (await forge(segment, { ...parts, chunks: [...parts.chunks.slice(0, 4), block.finish()] }))
        .reader;
    };
    expect((await (await claim(150_000, 1)).get(key('b')))?.value?.length).toBe(150_000);
    const lies = [
      [2 ** 52, 1],
      [150_001, 1],
      [150_000, 0],
      [84_464, 1],
      [150_000, 2],
      [0, 1],
      [65_536, 1],
      [150_000, 2 ** 40],
    ] as const;
    for (const [length, first] of lies) {
      const reader = await claim(length, first);
      expect(await errorCode(reader.get(key('b')))).toBe('CORRUPT');
      expect(await errorCode(walk(reader, EVERYTHING))).toBe('CORRUPT');
      expect(await errorCode(reader.verify())).toBe('CORRUPT');
    }
    // The last piece alone is a possible place, but not a possible length.
    expect(await errorCode((await claim(65_537, 1)).get(key('b')))).toBe('CORRUPT');
  });

  test('who lets two keys share a value, or leaves one to nobody, is seen by verify', async () => {
    const value = seededRandom(8)(70_000);
    const pair = ['a', 'b'].map((text) => ({ key: key(text), version: 1, order: 0, value }));
    const segment = await storeSegment(pair);
    const parts = await takeApart(segment);
    for (const [a, b] of [
      [0, 0],
      [2, 2],
      [2, 0],
    ] as const) {
      const block = new BlockBuilder(64);
      block.addLarge({ key: key('a'), version: 1, order: 0 }, 0, 70_000, a);
      block.addLarge({ key: key('b'), version: 1, order: 0 }, 0, 70_000, b);
      const forged = await forge(segment, {
        ...parts,
        chunks: [...parts.chunks.slice(0, 4), block.finish()],
      });
      expect(await errorCode(forged.reader.verify())).toBe('CORRUPT');
    }
    // Two full pieces of three look like a value of their own to a get; verify misses the third.
    const long = await storeSegment([
      { key: key('a'), version: 1, order: 0, value: seededRandom(8)(150_000) },
    ]);
    const longParts = await takeApart(long);
    const shortened = new BlockBuilder(64);
    shortened.addLarge({ key: key('a'), version: 1, order: 0 }, 0, 131_072, 0);
    const cutShort = await forge(long, {
      ...longParts,
      chunks: [...longParts.chunks.slice(0, 3), shortened.finish()],
    });
    await expect(cutShort.reader.verify()).rejects.toThrow('expected entries for chunks 2 to 2');

    const block = new BlockBuilder(64);
    block.addLarge({ key: key('a'), version: 1, order: 0 }, 0, 70_000, 0);
    block.addValue({ key: key('b'), version: 1, order: 0 }, 0, 1, key('small'));
    const forged = await forge(segment, { ...parts, chunks: [...parts.chunks.slice(0, 4), block.finish()] });
    await expect(forged.reader.verify()).rejects.toThrow('expected entries for chunks 2 to 3');
  });

  test('a block that reaches past the next one is refused by walks and by verify', async () => {
    const at = (text: string): Entry => ({ key: key(text), version: 1, order: 0, value: key('x') });
    const segment = await storeSegment([at('a'), at('m')], { blockBytes: 1 });
    const { chunks, meta } = await takeApart(segment);
    const wide = new BlockBuilder(64);
    const filter = new FilterBuilder();
    for (const text of ['a', 'z']) wide.addValue({ key: key(text), version: 1, order: 0 }, 0, 1, key('x'));
    for (const text of ['a', 'z', 'm']) filter.add(key(text));
    const forged = await forge(segment, {
      chunks: [wide.finish(), chunks[1]!],
      meta: { ...meta, entries: 3, filter: filter.finish() },
    });
    const { reader } = await openStored(forged, { ...forged.entry, entries: 3 }, forged.bytes);
    await expect(walk(reader, EVERYTHING)).rejects.toThrow('its last key is not below');
    await expect(walk(reader, { ...EVERYTHING, reverse: true })).rejects.toThrow('its last key is not below');
    await expect(reader.verify()).rejects.toThrow('its first key is not above');
  });

  test('a block that begins with another key than the meta chunk says is refused', async () => {
    const { segment } = await withLargeValue();
    const forged = await forge(segment, swapBlocks(await takeApart(segment)));
    await expect(forged.reader.get(key('k000001'))).rejects.toThrow('its first key is not the one');
  });

  test('a meta chunk that counts or measures wrongly is refused before any block is read', async () => {
    const { segment } = await withLargeValue();
    const { chunks, meta } = await takeApart(segment);
    const [first, ...blocks] = meta.blocks;
    const last = meta.blocks.at(-1)!;
    const lies: Lies[] = [
      { table: ([row, ...rows]) => [{ ...row!, bytes: row!.bytes + 1 }, ...rows] },
      {
        table: ([a, b, ...rows]) => [
          { ...a!, bytes: 15 },
          { ...b!, bytes: b!.bytes + a!.bytes - 15 },
          ...rows,
        ],
      },
      {
        table: (rows) => [
          ...rows.slice(0, -1),
          { ...rows.at(-1)!, bytes: rows.at(-1)!.bytes - 16 },
          { bytes: 16, leaf: new Uint8Array(32) },
        ],
      },
      { table: () => [] },
      { tableBytes: (bytes) => bytes.subarray(1) },
      ...[
        { blocks: [] },
        { blocks },
        { blocks: [first!, { ...first!, firstKey: key('k0000000') }, ...blocks] },
        { blocks: [...meta.blocks.slice(0, -1), { ...last, chunk: last.chunk - 1 }] },
        { blocks: [...meta.blocks.slice(0, -1), { ...last, chunk: last.chunk + 1 }] },
        { blocks: [...meta.blocks.slice(0, -1), { ...last, firstKey: key('z') }] },
        { blocks: [first!, { ...blocks[0]!, firstKey: first!.firstKey }, ...blocks.slice(1)] },
        { lastKey: key('k') },
        { entries: 1 },
        { filter: new Uint8Array(0) },
        { minVersion: 2 ** 40 },
      ].map((lie): Lies => ({ meta: (truth) => ({ ...truth, ...lie }) })),
    ];
    for (const [i, lie] of lies.entries()) {
      const forged = await forge(segment, { chunks, meta }, lie);
      const { entry, store } = forged;
      const gets = store.gets;
      expect([i, await errorCode(forged.reader.mayContain(key('k000001')))]).toEqual([i, 'CORRUPT']);
      expect(await errorCode(forged.reader.get(key('k000001')))).toBe('CORRUPT');
      const end = { offset: entry.bytes - entry.metaBytes, length: entry.metaBytes };
      // Twice at most by each call.
      expect(store.gets - gets).toBeLessThanOrEqual(4);
      for (const range of store.ranges.slice(gets)) expect(range).toEqual(end);
    }
  });

  test('a chunk or a value that is longer than any is refused before it is fetched', async () => {
    const segment = await storeSegment([{ key: key('a'), version: 1, order: 0, value: key('x') }]);
    const { meta } = await takeApart(segment);
    const wide = await forge(segment, { chunks: [new Uint8Array(2 ** 20 - 15)], meta });
    await expect(wide.reader.get(key('a'))).rejects.toThrow('expected a sealed chunk of 16 to 1048576 bytes');

    const pieces = (MAX_VALUE_BYTES >>> 16) + 1;
    const block = new BlockBuilder(64);
    block.addLarge({ key: key('a'), version: 1, order: 0 }, 0, MAX_VALUE_BYTES + 1, 0);
    const sizes = Array.from({ length: pieces }, (_, i) => (i === pieces - 1 ? 1 : 2 ** 16));
    const forged = await forge(segment, {
      chunks: [...sizes.map((size) => new Uint8Array(size)), block.finish()],
      meta: { ...meta, blocks: [{ chunk: pieces, firstKey: key('a') }] },
    });
    const { gets } = forged.store;
    await expect(forged.reader.get(key('a'))).rejects.toThrow('it names a value of 16777217 bytes');
    // The end and the block; no piece.
    expect(forged.store.gets - gets).toBe(2);
  });

  const lies: [string, (parts: Parts, entries: Entry[]) => Parts][] = [
    ['a wrong count of entries', (p) => ({ ...p, meta: { ...p.meta, entries: p.meta.entries + 1 } })],
    [
      'a wrong count of tombstones',
      (p) => ({ ...p, meta: { ...p.meta, tombstones: p.meta.tombstones + 1 } }),
    ],
    ['a wrong version range', (p) => ({ ...p, meta: { ...p.meta, maxVersion: p.meta.maxVersion + 1 } })],
    ['another last key', (p) => ({ ...p, meta: { ...p.meta, lastKey: key('lasz') } })],
    ['an empty filter', (p) => ({ ...p, meta: { ...p.meta, filter: new Uint8Array(p.meta.filter.length) } })],
    ['blocks in the wrong order', (p) => swapBlocks(p)],
  ];
  test.each(lies)('verify sees %s, even if the manifest repeats it', async (_, lie) => {
    const { entries, segment } = await withLargeValue();
    const parts = lie(await takeApart(segment), entries);
    const { meta } = parts;
    const forged = await forge(segment, parts);
    const { minVersion, maxVersion, tombstones, lastKey } = meta;
    const entry = { ...forged.entry, entries: meta.entries, minVersion, maxVersion, tombstones, lastKey };
    const agreeing = await openStored(forged, entry, forged.bytes);
    expect(await errorCode(agreeing.reader.verify())).toBe('CORRUPT');
  });

  function swapBlocks(parts: Parts): Parts {
    const chunks = [...parts.chunks];
    const [a, b] = [parts.meta.blocks[0]!.chunk, parts.meta.blocks[1]!.chunk];
    [chunks[a], chunks[b]] = [chunks[b]!, chunks[a]!];
    return { ...parts, chunks };
  }

  test('a forged segment that tells the truth is read: the helper itself forges well', async () => {
    const { entries, segment } = await withLargeValue();
    const forged = await forge(segment, await takeApart(segment));
    expect(digests(await walk(forged.reader, EVERYTHING))).toEqual(digests(entries));
    expect((await forged.reader.verify()).entries).toBe(entries.length);
  });

  test('an entry without a version in a run without a stamp is refused', async () => {
    const segment = await storeSegment([{ key: key('a'), version: 0, order: 0, value: key('x') }], {
      stampVersion: 4,
    });
    expect(await segment.reader.get(key('a'))).toMatchObject({ version: 4 });
    const entry = { ...segment.entry, stampVersion: 0 };
    const changed = await openStored(segment, entry, segment.bytes);
    expect(await errorCode(changed.reader.get(key('a')))).toBe('CORRUPT');
  });

  test('a manifest entry that differs in any field from the segment is refused', async () => {
    const { segment } = await withLargeValue();
    const { entry } = segment;
    const changes = {
      bytes: entry.bytes + 1,
      metaBytes: entry.metaBytes - 1,
      root: new Uint8Array(32),
      epoch: entry.epoch + 1,
      entries: entry.entries + 1,
      tombstones: 0,
      minVersion: entry.minVersion + 1,
      maxVersion: entry.maxVersion + 1,
      firstKey: key('k00000'),
      lastKey: key('lasz'),
      stampVersion: entry.maxVersion + 5,
    };
    for (const [field, value] of Object.entries(changes)) {
      const reader = new SegmentReader(
        { ...segment, cache: new BlockCache(1e6) },
        { ...entry, [field]: value },
      );
      expect([field, await errorCode(reader.get(key('k000001')))]).toEqual([field, 'CORRUPT']);
    }
  });
});
