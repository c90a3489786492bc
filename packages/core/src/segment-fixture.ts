/** For the tests of this package, not part of it: segments made from a `Map`, and a store that counts. */
import { nobleProvider, type SuiteId } from '@holdfast/crypto';
import { nodeProvider } from '@holdfast/crypto/node';
import { type GetOptions, MemoryStore, type StoredObject } from '@holdfast/object-store';
import { BlockCache } from './block-cache.js';
import type { Entry } from './entry.js';
import type { Sealing } from './envelope.js';
import { type ObjectId, objectName, SEGMENT_PREFIX } from './names.js';
import { placeSegment, type SegmentEntry } from './page.js';
import { SegmentBuilder } from './segment-builder.js';
import { SegmentReader } from './segment-reader.js';

/** Bytes that are the same in every run: seeded, and good for tests only. */
export function seededRandom(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[i] = state >>> 11;
    }
    return bytes;
  };
}

export function testSealing(suite: SuiteId = 1, seed = 1, database = 7): Sealing {
  const random = seededRandom(seed);
  return {
    provider: seed % 2 === 0 ? nobleProvider : nodeProvider,
    suite,
    databaseId: new Uint8Array(16).fill(database),
    currentEpoch: 3,
    epochKey: async (epoch) => new Uint8Array(32).fill(epoch),
    random,
  };
}

export function testId(sealing: Sealing, baseVersion = 41): ObjectId {
  const id = sealing.random(24);
  id.fill(0, 0, 8);
  id[7] = baseVersion;
  return id;
}

export class CountingStore extends MemoryStore {
  gets = 0;
  bytesRead = 0;
  /** Each get's range. */
  readonly ranges: GetOptions['range'][] = [];

  override async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    this.gets++;
    this.ranges.push(options.range);
    const found = await super.get(key, options);
    this.bytesRead += found?.bytes.length ?? 0;
    return found;
  }
}

export interface TestSegment {
  readonly store: CountingStore;
  readonly sealing: Sealing;
  readonly cache: BlockCache;
  readonly entry: SegmentEntry;
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly reader: SegmentReader;
}

export interface TestSegmentOptions {
  readonly sealing?: Sealing;
  readonly store?: CountingStore;
  readonly blockBytes?: number;
  readonly cacheBytes?: number;
  readonly stampVersion?: number;
  readonly stampOrder?: number;
}

/** Builds a segment, stores it, and opens it with a cold cache. */
export async function storeSegment(
  entries: Iterable<Entry>,
  o: TestSegmentOptions = {},
): Promise<TestSegment> {
  const sealing = o.sealing ?? testSealing();
  const builder = new SegmentBuilder(
    sealing,
    testId(sealing),
    o.blockBytes ? { blockBytes: o.blockBytes } : {},
  );
  for (const entry of entries) await builder.add(entry);
  const { bytes, descriptor } = await builder.finish();
  const stamp = o.stampVersion ? { stampVersion: o.stampVersion, stampOrder: o.stampOrder ?? 0 } : {};
  const entry = placeSegment(descriptor, { level: 0, run: 1, ...stamp });
  const store = o.store ?? new CountingStore();
  const name = objectName(SEGMENT_PREFIX, entry.id);
  await store.put(name, bytes);
  const cache = new BlockCache(o.cacheBytes ?? 8 * 1024 * 1024);
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

export function key(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** `count` entries `k000000`, `k000001`, … with values of `valueBytes` bytes and versions from 1. */
export function numberedEntries(count: number, valueBytes = 20): Entry[] {
  const random = seededRandom(count + valueBytes);
  return Array.from({ length: count }, (_, i) => ({
    key: key(`k${String(i).padStart(6, '0')}`),
    version: 1 + (i % 50),
    order: i % 3,
    value: random(valueBytes),
  }));
}
