/** What a key holder may write by mistake, or the thief of an old epoch's key on purpose. */
import {
  decodeRecordHeader,
  encodeRecord,
  encodeValue,
  leafHash,
  type RecordBody,
  type RecordClear,
  recordName,
  type Sealing,
} from '@holdfast/core';
import { defaultProvider, type Keyring, openKeyring } from '@holdfast/crypto';
import { MemoryStore, systemClock } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';

const provider = defaultProvider();
const { sha256 } = provider;
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const key = new Uint8Array(32).fill(9);
const HOUR_MS = 3_600_000;

let store: MemoryStore;
let db: Database;
let ring: Keyring;

beforeEach(async () => {
  store = new MemoryStore();
  db = await openDatabase(store, { key, graceMs: HOUR_MS, maintenance: 'manual' });
  await db.set('a', 1);
  const header = await headerOf(db.version);
  ring = await openKeyring({ provider, root: key, databaseId: db.id, random }, header.keyring);
});

async function headerOf(version: number) {
  return decodeRecordHeader(sha256, (await store.get(recordName(version)))!.bytes, version);
}

interface Forged {
  readonly ring?: Keyring;
  readonly epoch?: number;
  readonly clear?: Partial<RecordClear>;
  readonly body?: Partial<RecordBody>;
}

/** Puts the next record, which says that `a` is 2. */
async function put(forged: Forged = {}): Promise<void> {
  let version = db.version;
  while (await store.get(recordName(version + 1))) version++;
  const parent = await headerOf(version);
  const used = forged.ring ?? ring;
  const sealing: Sealing = {
    provider,
    suite: 1,
    databaseId: db.id,
    currentEpoch: forged.epoch ?? used.currentEpoch,
    epochKey: (epoch) => used.epochKey(epoch),
    random,
  };
  const clear = {
    ...parent,
    version: version + 1,
    parent: parent.hash,
    history: parent.history.append(sha256, leafHash(sha256, parent.hash)),
    keyring: used.bytes,
    ...forged.clear,
  };
  const write = { key: Uint8Array.of(1, 2, 97, 0), value: encodeValue(2) };
  const { bytes } = await encodeRecord(
    sealing,
    clear,
    {
      writerId: random(16),
      timeMs: Date.now() + HOUR_MS,
      stores: [],
      transactions: [{ readVersion: version, bulkRun: 0, writes: [write] }],
      carry: { refs: [], entries: [] },
      ...forged.body,
    },
    random(16),
  );
  await store.put(recordName(version + 1), bytes);
}

const fresh = (): Promise<Database> => openDatabase(store, { key, readOnly: true });

test('a record that is as it should be is followed, so that the others below are refused for what they say', async () => {
  await put();
  expect(await db.get('a')).toBe(2);
  await put({ ring: await ring.rotate() });
  expect(await db.get('a')).toBe(2);
  expect((await db.verify({ deep: true })).problems).toEqual([]);
});

describe('a record is CORRUPT, to who follows the log and to verify,', () => {
  test.each<[string, Forged, RegExp]>([
    ['whose time is before its parent’s', { body: { timeMs: 1 } }, /expected a time of \d+ or more/],
    ['whose floor goes back', { clear: { floor: 1 } }, /expected a floor of 2 or more/],
    ['with another grace period', { clear: { graceMs: 5 } }, /grace period, 3600000 ms, found 5 ms/],
  ])('%s', async (_, forged, message) => {
    // Something that can go back.
    await put({ clear: { floor: 2 } });
    expect(await db.get('a')).toBe(2);
    await put({ ...forged, clear: { floor: 2, ...forged.clear } });
    await expect(db.get('a')).rejects.toThrow(message);
    const other = await fresh();
    expect((await other.verify()).problems.join()).toMatch(message);
    await other.close();
  });

  test('whose keyring has lost an epoch, unless it says so', async () => {
    const rotated = await ring.rotate();
    await put({ ring: rotated });
    expect(await db.get('a')).toBe(2);
    const lost = rotated.without([1]);
    await put({ ring: lost });
    await expect(db.get('a')).rejects.toThrow(/expected epoch 1 in its keyring, or said to be retired/);
    expect((await (await fresh()).verify()).problems.join()).toMatch(/expected epoch 1 in its keyring/);
  });

  test('whose keyring has lost an epoch: said to be retired, it is followed', async () => {
    const rotated = await ring.rotate();
    await put({ ring: rotated });
    await put({ ring: rotated.without([1]), clear: { extensions: { retiredEpochs: [1] } } });
    expect(await db.get('a')).toBe(2);
  });
});

describe('the thief of an old epoch’s key', () => {
  test('forges nothing under the new keyring, for who opens the database and who has it open', async () => {
    await put({ ring: await ring.rotate() });
    expect(await db.get('a')).toBe(2);
    const rotated = await ring.rotate();
    await put({ ring: rotated, epoch: 1 });
    for (const work of [db.get('a'), fresh()])
      await expect(work).rejects.toThrow(/newest epoch of its keyring, \d, found epoch 1/);
  });

  test('forges nothing under the old keyring, for who has seen the new one', async () => {
    const before = ring;
    await put({ ring: await ring.rotate() });
    expect(await db.get('a')).toBe(2);
    await put({ ring: before });
    await expect(db.get('a')).rejects.toThrow(/expected a key epoch of 2 or more/);
  });
});

test('a critical extension that nobody knows stops a reader, one that is not is passed on', async () => {
  await put({ clear: { extensions: { others: [{ type: 200, bytes: Uint8Array.of(7) }] } } });
  expect(await db.get('a')).toBe(2);
  await db.set('b', 1);
  expect((await headerOf(db.version)).extensions.others).toEqual([{ type: 200, bytes: Uint8Array.of(7) }]);
});

test('a database whose policy asks for more than this build can do is read, and not written', async () => {
  await put({ clear: { extensions: { policy: { tier: 3, everyCommits: 0, anchors: [] } } } });
  expect(await db.get('a')).toBe(2);
  const { version } = db;
  await expect(db.set('b', 1)).rejects.toThrow(
    /asks its writers for freshness tier L3: this build holds to L0/,
  );
  await expect(db.set('b', 1)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', maybeCommitted: false });
  expect(await db.get('b')).toBeUndefined();
  expect(db.version).toBe(version);
});

test('a grace period is the database’s: another one is refused at open, the same is not', async () => {
  await expect(openDatabase(store, { key, graceMs: 2 * HOUR_MS })).rejects.toThrow(
    /graceMs: expected 3600000, with which this database was made, found 7200000/,
  );
  const again = await openDatabase(store, { key, graceMs: HOUR_MS });
  await again.set('b', 1);
  expect((await headerOf(again.version)).graceMs).toBe(HOUR_MS);
});

test('a clock that shows parts of milliseconds, and goes back, writes times that do not', async () => {
  const now = { ms: Date.now() + 0.75 };
  const clock = { ...systemClock, now: () => now.ms };
  const writer = await openDatabase(store, { key, clock });
  for (const step of [0.5, -1000.3, 0.2, 2000.9, -5000]) {
    now.ms += step;
    await writer.set('b', step);
    expect(await db.get('b')).toBe(step);
  }
  expect((await db.verify()).problems).toEqual([]);
});
