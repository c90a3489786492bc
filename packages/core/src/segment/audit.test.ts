import { nodeProvider } from '@holdfast/crypto/node';
import { beforeAll, describe, expect, test } from 'vitest';
import { Manifest } from '../manifest/manifest.js';
import { readManifestSection } from '../manifest/manifest-section.js';
import { readPageClear } from '../manifest/page.js';
import { CompactRange, leafHash } from '../merkle/merkle.js';
import { equalBytes } from '../object/bytes.js';
import type { Sealing } from '../object/envelope.js';
import { corrupt, HoldfastError } from '../object/errors.js';
import { objectName, PAGE_PREFIX, recordName, SEGMENT_PREFIX } from '../object/names.js';
import { decodeRecordHeader, encodeRecord, type RecordHeader } from '../record/record.js';
import { auditSegment } from './segment-audit.js';
import type { ClearSegmentEntry, SegmentEntry } from './segment-entry.js';
import {
  CountingStore,
  errorCode,
  key,
  numberedEntries,
  seededRandom,
  storeSegment,
  takeApart,
  testId,
  testSealing,
} from './segment-fixture.js';

const { sha256 } = nodeProvider;

/** What an auditor was given, out of band. */
interface Tip {
  readonly version: number;
  readonly hash: Uint8Array;
}

/**
 * Checks all that a database consists of, from its newest record back to its first one. Nothing here can have a
 * key: it takes a store and a hash.
 */
async function audit(
  store: CountingStore,
  tip: Tip,
): Promise<{ pages: number; segments: ClearSegmentEntry[] }> {
  const records: RecordHeader[] = [];
  for (let { version, hash } = tip; version > 0; version--) {
    const record = decodeRecordHeader(sha256, await fetchWhole(store, recordName(version)), version);
    if (!equalBytes(record.hash, hash)) throw corrupt(recordName(version), 'it is not the one named');
    records.unshift(record);
    hash = record.parent;
  }
  let history = CompactRange.empty;
  const pages = new Map<string, Uint8Array>();
  const segments = new Map<string, ClearSegmentEntry>();
  for (const record of records) {
    const name = recordName(record.version);
    if (!equalBytes(record.history.root(sha256), history.root(sha256))) throw corrupt(name, 'its history');
    history = history.append(sha256, leafHash(sha256, record.hash));
    const { refs } = readManifestSection(sha256, record.manifestSection, record.manifestRoot, name);
    for (const ref of refs) {
      const page = ref.inline ?? (await fetchWhole(store, objectName(PAGE_PREFIX, ref.id!)));
      if (!equalBytes(leafHash(sha256, page), ref.hash)) throw corrupt(name, 'its page is another one');
      const { id, entries } = readPageClear(page, name);
      pages.set(String(id), page);
      for (const entry of entries) segments.set(String(entry.id), entry);
    }
  }
  for (const entry of segments.values()) await auditSegment(store, sha256, entry);
  return { pages: pages.size, segments: [...segments.values()] };
}

async function fetchWhole(store: CountingStore, name: string): Promise<Uint8Array> {
  const found = await store.get(name);
  if (!found) throw corrupt(name, 'it is missing');
  return found.bytes;
}

/** Three records; a page in an object of its own, one inline; three segments, one with a large value. */
async function seed(store: CountingStore): Promise<Tip> {
  const sealing = testSealing(1);
  let history = CompactRange.empty;
  let parent = new Uint8Array(32);
  const publish = async (version: number, manifest: Manifest): Promise<Tip> => {
    const clear = {
      version,
      parent,
      flushedThrough: version - 1,
      floor: 1,
      history,
      keyring: Uint8Array.of(1, 2, 3),
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
    };
    const write = { key: key('a'), value: key('secret') };
    const body = {
      writerId: new Uint8Array(16),
      timeMs: version,
      stores: [],
      transactions: [{ readVersion: version - 1, bulkRun: 0, writes: [write] }],
      carry: { refs: [], entries: [] },
    };
    const { bytes, hash } = await encodeRecord(sealing, clear, body, sealing.random(16));
    await store.put(recordName(version), bytes);
    history = history.append(sha256, leafHash(sha256, hash));
    parent = new Uint8Array(hash);
    return { version, hash };
  };

  let manifest = Manifest.empty(sha256);
  await publish(1, manifest);
  // A key this long makes the page outgrow its record.
  const long = new Uint8Array(4200).fill(107);
  manifest = await addRun(store, sealing, manifest, [
    await segmentOf(store, sealing, [{ key: long, version: 1, order: 0, value: key('secret') }]),
  ]);
  await publish(2, manifest);
  manifest = await addRun(store, sealing, manifest, [
    await segmentOf(store, sealing, numberedEntries(12), 100),
    await segmentOf(store, sealing, [{ key: key('z'), version: 2, order: 0, value: undefined }]),
  ]);
  return publish(3, manifest);
}

async function segmentOf(
  store: CountingStore,
  sealing: Sealing,
  entries: Parameters<typeof storeSegment>[0],
  blockBytes = 4096,
): Promise<SegmentEntry> {
  return (await storeSegment(entries, { store, sealing, blockBytes })).entry;
}

async function addRun(
  store: CountingStore,
  sealing: Sealing,
  manifest: Manifest,
  run: SegmentEntry[],
): Promise<Manifest> {
  const placed = run.map((entry) => ({ ...entry, run: manifest.nextRun }));
  const grown = await manifest.withRun(sealing, placed, () => testId(sealing));
  for (const { name, bytes } of grown.uploads) await store.put(name, bytes);
  return grown.manifest;
}

/** Not a HoldfastError, or none at all, fails the test. */
async function isNoticed(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => false,
    (error: unknown) => {
      if (error instanceof HoldfastError) return true;
      throw error;
    },
  );
}

describe('an auditor without keys', () => {
  const store = new CountingStore();
  const objects = new Map<string, Uint8Array>();
  let tip: Tip;
  beforeAll(async () => {
    tip = await seed(store);
    for await (const { key: name } of store.list('')) objects.set(name, (await store.get(name))!.bytes);
  });

  test('finds a sound database sound', async () => {
    const { pages, segments } = await audit(store, tip);
    expect([pages, segments.length]).toEqual([2, 3]);
    expect([...objects.keys()].map((name) => name.slice(0, 3)).toSorted()).toEqual([
      'log',
      'log',
      'log',
      'man',
      'seg',
      'seg',
      'seg',
    ]);
    for (const bytes of objects.values()) expect(Buffer.from(bytes).includes('secret')).toBe(false);
  });

  test('notices every flipped byte of every object', async () => {
    const unnoticed: string[] = [];
    const { segments } = await audit(store, tip);
    const entries = new Map(segments.map((entry) => [objectName(SEGMENT_PREFIX, entry.id), entry]));
    for (const [name, bytes] of objects) {
      for (let at = 0; at < bytes.length; at++) {
        const flipped = bytes.slice();
        flipped[at]! ^= 1 << (at % 8);
        await store.put(name, flipped);
        const entry = entries.get(name);
        const checked = entry ? auditSegment(store, sha256, entry) : audit(store, tip);
        if (!(await isNoticed(checked))) unnoticed.push(`${name} at ${at}`);
      }
      await store.put(name, bytes);
    }
    expect(unnoticed).toEqual([]);
    expect(await isNoticed(audit(store, tip))).toBe(false);
  });

  test('notices every object that is missing, cut, longer, or another one', async () => {
    for (const [name, bytes] of objects) {
      await store.delete([name]);
      expect([name, await isNoticed(audit(store, tip))]).toEqual([name, true]);
      const others = [...objects].filter(([other]) => other !== name).map(([, other]) => other);
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      for (const instead of [
        bytes.subarray(1),
        bytes.subarray(0, -1),
        longer,
        new Uint8Array(0),
        ...others,
      ]) {
        await store.put(name, instead);
        expect([name, await isNoticed(audit(store, tip))]).toEqual([name, true]);
      }
      await store.put(name, bytes);
    }
  });

  test('notices a record that was changed and hashed anew', async () => {
    for (let version = 1; version <= tip.version; version++) {
      const name = recordName(version);
      const bytes = objects.get(name)!;
      for (let at = 0; at < bytes.length - 32; at += 13) {
        const changed = bytes.slice();
        changed[at]! ^= 1;
        changed.set(sha256(changed.subarray(0, -32)), changed.length - 32);
        await store.put(name, changed);
        expect([version, at, await isNoticed(audit(store, tip))]).toEqual([version, at, true]);
      }
      await store.put(name, bytes);
    }
  });
});

describe('the audit of a large segment', () => {
  async function largeSegment(): Promise<Awaited<ReturnType<typeof storeSegment>>> {
    const entries = numberedEntries(9000, 200);
    entries.push({ key: key('l'), version: 1, order: 0, value: seededRandom(4)(300_000) });
    return storeSegment(entries);
  }

  test('reads each byte once, in windows of 1 MiB', async () => {
    const { store, entry } = await largeSegment();
    const reads: number[] = [];
    const { chunks } = await auditSegment(store, sha256, entry, { onBytes: (bytes) => reads.push(bytes) });
    expect(chunks).toBeGreaterThan(60);
    expect(store.bytesRead).toBe(entry.bytes);
    expect(reads).toEqual(store.ranges.map((range) => range!.length));
    expect(reads[0]).toBe(entry.metaBytes);
    expect(reads.length).toBe(4);
    expect(Math.max(...reads)).toBeLessThanOrEqual(2 ** 20);
  });

  test('notices a flip in any chunk, and in any row of the table', async () => {
    const segment = await largeSegment();
    const { store, entry, bytes, name } = segment;
    const dataBytes = bytes.length - entry.metaBytes;
    const { table } = await takeApart(segment);
    const tableEnd = dataBytes + 36 * table.length;
    for (let at = 5; at < tableEnd; at += at < dataBytes ? 24_000 : 31) {
      const flipped = bytes.slice();
      flipped[at]! ^= 0x10;
      await store.put(name, flipped);
      expect([at, await errorCode(auditSegment(store, sha256, entry))]).toEqual([
        at,
        expect.stringMatching(/^(CORRUPT|UNSUPPORTED_FORMAT)$/),
      ]);
    }
  });

  test('refuses one that stands under the name of another, even if the manifest repeats its root', async () => {
    const { store, entry, bytes } = await storeSegment(numberedEntries(20));
    const id = seededRandom(8)(24);
    await store.put(objectName(SEGMENT_PREFIX, id), bytes);
    await expect(auditSegment(store, sha256, { ...entry, id })).rejects.toThrow('it is another object');
  });

  test('needs the manifest to tell the truth', async () => {
    const { store, entry } = await storeSegment(numberedEntries(20));
    const { id, bytes, metaBytes, root, epoch } = entry;
    const clear: ClearSegmentEntry = { id, bytes, metaBytes, root, epoch };
    expect(await auditSegment(store, sha256, clear)).toEqual({ chunks: 1 });
    const lies: Partial<ClearSegmentEntry>[] = [
      { id: new Uint8Array(24) },
      { bytes: bytes + 1 },
      { metaBytes: metaBytes + 1 },
      { metaBytes: metaBytes - 1 },
      { root: sha256(root) },
      { epoch: epoch + 1 },
    ];
    for (const lie of lies)
      expect([lie, await errorCode(auditSegment(store, sha256, { ...clear, ...lie }))]).toEqual([
        lie,
        'CORRUPT',
      ]);
  });
});
