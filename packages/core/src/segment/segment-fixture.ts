/** For the tests of this package, not part of it: segments made from a `Map`, and a store that counts. */
import { nobleProvider, OBJECT_KIND, type SuiteId } from '@holdfast/crypto';
import { nodeProvider } from '@holdfast/crypto/node';
import { type GetOptions, MemoryStore, type StoredObject } from '@holdfast/object-store';
import { leafHash } from '../merkle/merkle.js';
import { ByteReader, concatBytes, toHex } from '../object/bytes.js';
import { newCipher, openCipher, readEnvelope, type Sealing } from '../object/envelope.js';
import { HoldfastError } from '../object/errors.js';
import { type ObjectId, objectName, SEGMENT_PREFIX } from '../object/names.js';
import { BlockCache } from './block-cache.js';
import type { Entry } from './entry.js';
import type { RangeTombstone } from './range-tombstone.js';
import { SegmentBuilder } from './segment-builder.js';
import type { CursorOptions } from './segment-cursor.js';
import { placeSegment, type SegmentEntry } from './segment-entry.js';
import { encodeMeta, type MetaFields } from './segment-meta.js';
import { SegmentReader } from './segment-reader.js';
import { type ChunkRow, encodeFooter, encodeTable, FOOTER_BYTES, segmentRoot } from './segment-table.js';

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
  for (const entry of entries) builder.add(entry);
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

/** All that a cursor finds, copied. */
export async function walk(reader: SegmentReader, o: CursorOptions): Promise<Entry[]> {
  const cursor = reader.cursor(o);
  const found: Entry[] = [];
  for (await cursor.start(); !cursor.done; await cursor.next()) {
    const { version, order, tombstone } = cursor;
    const value = tombstone || o.keysOnly ? undefined : (await cursor.value()).slice();
    found.push({ key: cursor.key.slice(), version, order, value });
  }
  return found;
}

/** The code of the HoldfastError that a promise rejects with; any other outcome fails the test. */
export async function errorCode(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
  if (outcome instanceof HoldfastError) return outcome.code;
  throw new Error('expected a HoldfastError', { cause: outcome });
}

export const EVERYTHING: CursorOptions = { begin: new Uint8Array(0), end: undefined };

/** A segment's plaintext, taken apart. */
export interface Parts {
  readonly chunks: Uint8Array[];
  readonly table: ChunkRow[];
  readonly meta: MetaFields;
}

/** Takes a segment apart, as a holder of the keys can: FORMAT.md's byte tables, read slowly. */
export async function takeApart({ bytes, entry, sealing, name }: TestSegment): Promise<Parts> {
  const footer = new ByteReader(bytes, name, bytes.length - FOOTER_BYTES);
  const count = footer.u32();
  const sealedMetaBytes = footer.u32();
  const envelope = readEnvelope(footer, OBJECT_KIND.segment, name);
  const cipher = await openCipher(sealing, envelope, entry.id, name);
  const tableAt = bytes.length - entry.metaBytes;
  const metaAt = tableAt + 36 * count;
  const rows = new ByteReader(bytes, name, tableAt, metaAt);
  const chunks: Uint8Array[] = [];
  const table: ChunkRow[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const row = { bytes: rows.u32(), leaf: rows.raw(32) };
    chunks.push((await cipher.open(i, false, bytes.subarray(at, at + row.bytes)))!.slice());
    table.push(row);
    at += row.bytes;
  }
  const sealedMeta = bytes.subarray(metaAt, metaAt + sealedMetaBytes);
  const opened = await cipher.open(count, true, sealedMeta, bytes.subarray(tableAt, metaAt));
  const reader = new ByteReader(opened!, name);
  const blocks: { chunk: number; firstKey: Uint8Array }[] = [];
  let chunk = 0;
  for (let i = reader.varint(); i > 0; i--) {
    chunk += reader.varint();
    blocks.push({ chunk, firstKey: reader.bytes() });
  }
  const lastKey = reader.bytes();
  const [entries, tombstones, minVersion, maxVersion, earliestExpiryMs] = [
    reader.varint(),
    reader.varint(),
    reader.varint(),
    reader.varint(),
    reader.varint(),
  ];
  const ranges: RangeTombstone[] = [];
  for (let i = reader.varint(); i > 0; i--)
    ranges.push({
      begin: reader.bytes(),
      end: reader.bytes(),
      version: reader.varint(),
      order: reader.varint(),
    });
  reader.u8();
  const filter = reader.bytes();
  return {
    chunks,
    table,
    meta: {
      blocks,
      lastKey,
      entries,
      tombstones,
      minVersion,
      maxVersion,
      earliestExpiryMs,
      ranges,
      filter,
    },
  };
}

/** What a forger changes; each is given what would be true. */
export interface Lies {
  readonly table?: (truth: ChunkRow[]) => ChunkRow[];
  readonly tableBytes?: (encoded: Uint8Array) => Uint8Array;
  readonly meta?: (truth: MetaFields) => MetaFields;
  /** Of the meta chunk's plaintext. */
  readonly metaBytes?: (encoded: Uint8Array) => Uint8Array;
}

/**
 * Seals a segment of any plaintext, with leaves, root and manifest entry to match: what a faulty holder of the
 * keys could publish.
 */
export async function forge(
  original: TestSegment,
  { chunks, meta }: Pick<Parts, 'chunks' | 'meta'>,
  lies: Lies = {},
): Promise<TestSegment> {
  const { sealing } = original;
  const { sha256 } = sealing.provider;
  const id = testId(sealing);
  const { cipher, envelope } = await newCipher(sealing, OBJECT_KIND.segment, id, new Uint8Array(32));
  const sealed = await Promise.all(chunks.map((chunk, i) => cipher.seal(i, false, chunk)));
  const told = <T>(truth: T, lie: ((truth: T) => T) | undefined): T => (lie ? lie(truth) : truth);
  const rows = told(
    sealed.map((chunk): ChunkRow => ({ bytes: chunk.length, leaf: leafHash(sha256, chunk) })),
    lies.table,
  );
  const table = told(encodeTable(rows), lies.tableBytes);
  const plaintext = told(encodeMeta(told(meta, lies.meta)), lies.metaBytes);
  // A cipher of its own, as a short table makes it seal an index that a chunk has.
  const forger = await openCipher(sealing, envelope, id, 'a forgery');
  const sealedMeta = await forger.seal(rows.length, true, plaintext, table);
  const end = concatBytes(table, sealedMeta, encodeFooter(rows.length, sealedMeta.length, envelope));
  const bytes = concatBytes(...sealed, end);
  const root = segmentRoot(
    sha256,
    rows.map(({ leaf }) => leaf),
    end,
  );
  const entry = { ...original.entry, id, bytes: bytes.length, metaBytes: end.length, root };
  return openStored(original, entry, bytes);
}

/** Puts `bytes` where `entry` points, and opens that with a cold cache. */
export async function openStored(
  original: TestSegment,
  entry: SegmentEntry,
  bytes: Uint8Array,
): Promise<TestSegment> {
  const { sealing, store } = original;
  const name = objectName(SEGMENT_PREFIX, entry.id);
  await store.put(name, bytes);
  const cache = new BlockCache(original.cache.maxBytes);
  const reader = new SegmentReader({ store, sealing, cache }, entry);
  return { ...original, entry, bytes, name, cache, reader };
}

/** Entries as short texts, which compare quickly however large the values are. */
export function digests(entries: readonly (Entry | undefined)[]): string[] {
  return entries.map((e) => {
    if (!e) return 'none';
    const value = e.value ? `${e.value.length} ${toHex(nodeProvider.sha256(e.value))}` : 'tombstone';
    return `${toHex(e.key)} @${e.version}.${e.order} ${value}`;
  });
}
