/** What a holder of the keys may have written by a bug of its own: it is refused in words, or named by `verify`. */
import {
  decodeRecordHeader,
  encodeKey,
  encodeRecord,
  encodeValue,
  HoldfastError,
  Manifest,
  openRecord,
  type RecordBody,
  recordName,
  type Sealing,
  type SegmentEntry,
} from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';

const provider = defaultProvider();
const { sha256 } = provider;
let store: MemoryStore;
let sealing: Sealing;
let version: number;

beforeEach(async () => {
  store = new MemoryStore();
  const db = await openDatabase(store, { key: 'plaintext', maintenance: 'manual' });
  await db.set(['a'], 1);
  await db.flush();
  await db.checkpoint('honest');
  await db.set(['b'], 2);
  ({ version } = db);
  sealing = {
    provider,
    suite: 0,
    databaseId: db.id,
    currentEpoch: 0,
    epochKey: async () => new Uint8Array(32),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  };
  await db.close();
});

const open = (): Promise<Database> => openDatabase(store, { key: 'plaintext', readOnly: true });

/** Writes the newest record anew, with another body, and if given with another manifest. */
async function forge(change: (body: RecordBody) => RecordBody, manifest?: Manifest): Promise<void> {
  const name = recordName(version);
  const { bytes } = (await store.get(name))!;
  const header = decodeRecordHeader(sha256, bytes, version);
  const { body } = await openRecord(sealing, header);
  const clear = manifest
    ? { ...header, manifestSection: manifest.section, manifestRoot: manifest.root }
    : header;
  const forged = await encodeRecord(sealing, clear, change(body), header.commitId);
  await store.put(name, forged.bytes);
}

/** The newest manifest, its segments changed. */
async function manifestWith(change: Partial<SegmentEntry>): Promise<Manifest> {
  const header = decodeRecordHeader(sha256, (await store.get(recordName(version)))!.bytes, version);
  const { manifestSection, manifestRoot } = header;
  const fetchPage = async (name: string): Promise<Uint8Array | undefined> => (await store.get(name))?.bytes;
  const loaded = await Manifest.load(sealing, manifestSection, manifestRoot, 'the manifest', fetchPage);
  const run = loaded.entries.map((entry) => ({ ...entry, ...change }));
  const newId = (): Uint8Array => sealing.random(24).fill(0, 0, 2);
  const edited = await Manifest.empty(sha256).edit(sealing, { remove: [], add: run }, newId);
  for (const { name, bytes } of edited.uploads) await store.put(name, bytes);
  return edited.manifest;
}

function withWrite(key: Uint8Array, value: Uint8Array): (body: RecordBody) => RecordBody {
  return (body) => ({
    ...body,
    transactions: [{ readVersion: 1, bulkRun: 0, writes: [{ key, value }] }],
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  return error instanceof HoldfastError ? error.code : String(error);
}

describe('a record', () => {
  test('with a key longer than keys can be is corrupt, not a stack overflow', async () => {
    await forge(withWrite(new Uint8Array(1_000_000).fill(1), encodeValue(1)));
    expect(await codeOf(open())).toBe('CORRUPT');
  });

  test('with a transaction whose segments are in no manifest is corrupt', async () => {
    await forge((body) => ({ ...body, transactions: [{ readVersion: 1, bulkRun: 9, writes: [] }] }));
    expect(await codeOf(open())).toBe('CORRUPT');
  });
});

describe('a manifest', () => {
  test('with a segment from a version that is still to come is corrupt', async () => {
    await forge((body) => body, await manifestWith({ maxVersion: version + 1 }));
    expect(await codeOf(open())).toBe('CORRUPT');
  });

  test('that contradicts an older one about a segment is named by verify', async () => {
    await forge((body) => body, await manifestWith({ level: 1, run: 7 }));
    expect(await (await open()).verify({ deep: true })).toMatchObject({ ok: true });
    // Only the older one lies: it is the newer record that is written as it should be.
    const honest = await manifestWith({});
    await forge((body) => body, await manifestWith({ entries: 5 }));
    const { bytes } = (await store.get(recordName(version)))!;
    version++;
    const header = decodeRecordHeader(sha256, bytes, version - 1);
    const { body } = await openRecord(sealing, header);
    const next = {
      ...header,
      version,
      parent: header.hash,
      history: header.history.append(sha256, sha256(Uint8Array.of(0), header.hash)),
      manifestSection: honest.section,
      manifestRoot: honest.root,
    };
    const record = await encodeRecord(sealing, next, { ...body, transactions: [] }, header.commitId);
    await store.put(recordName(version), record.bytes);
    const db = await open();
    expect(await db.get(['a'])).toBe(1);
    const { ok, problems } = await db.verify({ deep: true });
    expect([ok, problems.join()]).toEqual([false, expect.stringContaining('another thing')]);
  });
});

describe('a checkpoint', () => {
  const key = (...tuple: string[]): Uint8Array => Uint8Array.of(0, ...encodeKey(['checkpoint', ...tuple]));

  test.each([
    null,
    5,
    'text',
    {},
    { version: -1, timeMs: 0 },
    { version: 1, timeMs: Number.NaN },
    { version: 1 },
  ])('that is %j is corrupt, not a TypeError and not an invalid date', async (value) => {
    await forge(withWrite(key('forged'), encodeValue(value)));
    expect(await codeOf((await open()).checkpoints())).toBe('CORRUPT');
  });

  test('without a name, or with a name too many, is corrupt', async () => {
    for (const forged of [key(), key('a', 'b')]) {
      await forge(withWrite(forged, encodeValue({ version: 1, timeMs: 0 })));
      expect(await codeOf((await open()).checkpoints())).toBe('CORRUPT');
    }
  });
});
