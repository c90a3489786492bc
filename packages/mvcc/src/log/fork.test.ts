/** What an open database does when the store shows it another history than its own. */
import {
  ByteWriter,
  decodeRecordHeader,
  decodeValue,
  type HoldfastError,
  leafHash,
  type RecordHeader,
  recordName,
} from '@holdfast/core';
import { defaultProvider, openKeyring } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import { type OpenOptions, openParts } from '../open.js';

const HOUR = 3_600_000;
const KEY = new Uint8Array(32).fill(7);
const open = (store: MemoryStore, options: Partial<OpenOptions> = {}): Promise<Database> =>
  openDatabase(store, { key: KEY, probe: 'skip', maintenance: 'manual', ...options });

async function copyOf(store: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore();
  for (const [name, bytes] of store.objects()) await copy.put(name, bytes);
  return copy;
}

/** `from`'s records of these versions, in place of those of `into`. */
async function show(into: MemoryStore, from: MemoryStore, first: number, last: number): Promise<void> {
  for (let version = first; version <= last; version++) {
    const object = await from.get(recordName(version));
    if (object) await into.put(recordName(version), object.bytes);
    else await into.delete([recordName(version)]);
  }
}

async function write(store: MemoryStore, who: string, count: number): Promise<void> {
  const db = await open(store);
  for (let i = 0; i < count; i++) await db.set([who], i);
  await db.close();
}

/** One bucket with `common` commits, and another that went on from there by itself. */
async function twoHistories(
  common: number,
  other: number,
): Promise<{ store: MemoryStore; forged: MemoryStore }> {
  const store = new MemoryStore();
  await write(store, 'both', common);
  const forged = await copyOf(store);
  await write(forged, 'forged', other);
  return { store, forged };
}

async function stateOf(db: Database): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of db.keys()) keys.push(String(key[0]));
  return keys;
}

const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: HoldfastError) => error.code,
  );

describe('a longer history that does not continue the known one', () => {
  // Sizes that straddle powers of two share no subtree; those between do.
  test.each([
    [1, 15, 45],
    [1, 16, 20],
    [5, 20, 70],
    [14, 18, 200],
  ])('is FORK when it is jumped to: %i common, %i true, %i forged', async (common, own, other) => {
    const { store, forged } = await twoHistories(common, other);
    const db = await open(store);
    await db.set(['mine'], 1);
    await write(store, 'true', own);
    await show(store, forged, common + own + 3, common + other + 1);
    expect(await code(stateOf(db))).toBe('FORK');
    expect(await code(db.set(['more'], 1))).toBe('FORK');
    expect(await code(open(store).then(stateOf))).toBe('no error');
  });

  test('stops the handle for good, and says what was seen', async () => {
    const { store, forged } = await twoHistories(3, 40);
    const db = await open(store);
    await db.set(['mine'], 1);
    const honest = await copyOf(store);
    await show(store, forged, 6, 41);
    const error = (await db.get(['mine']).catch((e: unknown) => e)) as HoldfastError;
    expect(error.code).toBe('FORK');
    const evidence = decodeValue(error.evidence!) as Record<string, Record<string, unknown>>;
    expect(evidence).toMatchObject({ holdfast: 'fork', known: { version: 5 } });
    // The store shows the true one again: too late.
    for (const [name, bytes] of honest.objects()) await store.put(name, bytes);
    expect(await db.get(['mine']).catch((e: unknown) => e)).toBe(error);
  });

  test('of as many records is FORK after a long pause', async () => {
    const clock = new ManualClock();
    const { store, forged } = await twoHistories(3, 1);
    const db = await open(store, { clock });
    await db.set(['mine'], 1);
    await clock.advance(13 * HOUR);
    await show(store, forged, 5, 5);
    expect(await code(db.get(['mine']))).toBe('FORK');
  });

  test('is FORK for time travel, at whatever version', async () => {
    for (let at = 4; at < 20; at++) {
      const { store, forged } = await twoHistories(2, 30);
      const db = await open(store);
      for (let i = 0; i < 20; i++) await db.set(['mine'], i);
      await show(store, forged, at, at);
      expect(await code(db.snapshot({ at }))).toBe('FORK');
    }
  });

  test('is FORK for a watch and for the log, which tell nothing of it', async () => {
    for (const call of ['watch', 'log', 'log up'] as const) {
      const { store, forged } = await twoHistories(2, 6);
      const db = await open(store);
      for (let i = 0; i < 6; i++) await db.set(['mine'], i);
      await show(store, forged, 4, 9);
      const told: unknown[] = [];
      const telling = async (): Promise<void> => {
        if (call === 'watch') for await (const { key } of db.watch({}, { from: 2 })) told.push(key[0]);
        else
          for await (const { version } of db.log(call === 'log' ? {} : { from: 1, to: 9 }))
            told.push(version);
      };
      expect(await code(telling())).toBe('FORK');
      expect(told.filter((what) => what === 'forged' || Number(what) > 3)).toEqual([]);
    }
  });

  test('one record in the middle is FORK for a watch', async () => {
    const { store, forged } = await twoHistories(2, 40);
    const db = await open(store);
    for (let i = 0; i < 40; i++) await db.set(['mine'], i);
    await show(store, forged, 21, 21);
    const told: unknown[] = [];
    const watching = async (): Promise<void> => {
      for await (const { version } of db.watch({}, { from: 2 })) told.push(version);
    };
    expect(await code(watching())).toBe('FORK');
    expect(told).not.toContain(21);
  });

  test('one record in the middle is FORK for the log', async () => {
    const { store, forged } = await twoHistories(2, 40);
    const db = await open(store);
    for (let i = 0; i < 40; i++) await db.set(['mine'], i);
    await show(store, forged, 21, 21);
    const told: number[] = [];
    const telling = async (): Promise<void> => {
      for await (const { version } of db.log({ from: 1, to: 40 })) told.push(version);
    };
    expect(await code(telling())).toBe('FORK');
    expect(told).not.toContain(21);
  });
});

describe('a slot that was found taken, and then jumped over', () => {
  /** A process whose next PUT meets what happens meanwhile, and that then finds the tip by listing. */
  async function sleepyWriter(store: MemoryStore, meanwhile: (put: () => Promise<unknown>) => Promise<void>) {
    const clock = new ManualClock();
    let due = false;
    class Sleepy extends MemoryStore {
      override get(...args: Parameters<MemoryStore['get']>) {
        return store.get(...args);
      }
      override list(...args: Parameters<MemoryStore['list']>) {
        return store.list(...args);
      }
      override async put(...args: Parameters<MemoryStore['put']>) {
        if (due) {
          due = false;
          await meanwhile(() => store.put(...args));
          clock.setWall(clock.now() + 13 * HOUR);
        }
        return store.put(...args);
      }
    }
    const db = await open(new Sleepy(), { clock });
    due = true;
    return db;
  }

  test('is lost where the history holds another record there, and won where it holds ours', async () => {
    for (const isOurs of [false, true]) {
      const store = new MemoryStore();
      await write(store, 'both', 3);
      const db = await sleepyWriter(store, async (put) => {
        if (isOurs) await put();
        await write(store, 'true', 40);
      });
      const { version } = await db.set(['mine'], 1);
      expect(version).toBe(isOurs ? 5 : 45);
      expect((await stateOf(await open(store))).filter((key) => key === 'mine')).toHaveLength(1);
    }
  });

  test('is FORK where the slot shows a record of another history, ours even', async () => {
    for (const isOurs of [false, true]) {
      const { store, forged } = await twoHistories(3, 40);
      const db = await sleepyWriter(store, async (put) => {
        await write(store, 'true', 40);
        if (isOurs) await store.delete([recordName(5)]);
        if (isOurs) await put();
        else await show(store, forged, 5, 5);
      });
      const failed = (await db.set(['mine'], 1).catch((e: unknown) => e)) as HoldfastError;
      expect(failed).toMatchObject({ code: 'FORK', maybeCommitted: true });
      expect(failed.evidence).toBeInstanceOf(Uint8Array);
    }
  });
});

describe('two calls that are shown two histories at once', () => {
  test('do not both stand', async () => {
    const { store, forged } = await twoHistories(2, 1);
    await write(store, 'true', 1);
    let reads = 0;
    class TwoFaced extends MemoryStore {
      override get(...args: Parameters<MemoryStore['get']>) {
        if (args[0] === recordName(4)) reads++;
        return (reads === 2 ? forged : store).get(...args);
      }
      override list(...args: Parameters<MemoryStore['list']>) {
        return older.list(...args);
      }
    }
    const older = await copyOf(store);
    await older.delete([recordName(4)]);
    const { tip } = await openParts(new TwoFaced(), { key: KEY });
    const outcomes = await Promise.allSettled([tip.follow(), tip.follow()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await code(tip.follow())).toBe('FORK');
  });
});

describe('a store that no longer shows what this process has seen', () => {
  test('is ROLLBACK after a long pause, also where a new database was made in its place', async () => {
    for (const anew of [false, true]) {
      const clock = new ManualClock();
      const store = new MemoryStore();
      const db = await open(store, { clock });
      for (let i = 0; i < 5; i++) await db.set(['mine'], i);
      await store.delete([...store.objects().keys()]);
      if (anew) await open(store);
      await clock.advance(13 * HOUR);
      expect(await code(db.get(['mine']))).toBe('ROLLBACK');
      expect(await code(db.set(['mine'], 9))).toBe('ROLLBACK');
    }
  });

  test('whose listing confirms nothing is an error, never an answer from the past', async () => {
    const clock = new ManualClock();
    const store = new MemoryStore();
    const writer = await open(store);
    class Forgetful extends MemoryStore {
      blind = false;
      override get(...args: Parameters<MemoryStore['get']>) {
        return store.get(...args);
      }
      override async *list(...args: Parameters<MemoryStore['list']>) {
        if (!this.blind) yield* store.list(...args);
      }
    }
    const forgetful = new Forgetful();
    const db = await open(forgetful, { clock });
    await writer.set(['x'], 'new');
    await clock.advance(13 * HOUR);
    forgetful.blind = true;
    expect(await code(db.get(['x']))).toBe('UNAVAILABLE');
    forgetful.blind = false;
    expect(await db.get(['x'])).toBe('new');
  });
});

test('a record of another database in the place of ours is damage, not another history of ours', async () => {
  const store = new MemoryStore();
  const db = await open(store);
  for (let i = 0; i < 5; i++) await db.set(['mine'], i);
  const foreign = new MemoryStore();
  await write(foreign, 'theirs', 7);
  await show(store, foreign, 4, 4);
  await show(store, foreign, 7, 7);
  expect(await code(db.snapshot({ at: 3 }))).toBe('CORRUPT');
  expect(await code(db.get(['mine']))).toBe('CORRUPT');
  await store.delete([recordName(7)]);
  expect(await db.get(['mine'])).toBe(4);
});

test('a keyring is kept from an authenticated record only', async () => {
  const store = new MemoryStore();
  const db = await open(store);
  const { version } = await db.set(['x'], 1);
  // A genuine ring of this database with one epoch more, under a record that it was not sealed with.
  const provider = defaultProvider();
  const random = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));
  const header = decodeRecordHeader(provider.sha256, (await store.get(recordName(version)))!.bytes, version);
  const options = { provider, root: KEY, databaseId: db.id, random };
  const rotated = await (await openKeyring(options, header.keyring)).rotate();
  await store.put(recordName(version + 1), withKeyring(header, rotated.bytes));
  expect(await code(db.get(['x']))).toBe('CORRUPT');
  await store.delete([recordName(version + 1)]);
  await db.set(['y'], 2);
  // What it writes now is under the ring that it had.
  const { bytes } = (await store.get(recordName(version + 1)))!;
  expect(decodeRecordHeader(provider.sha256, bytes, version + 1).keyring).toEqual(header.keyring);
  expect(await (await open(store)).get(['y'])).toBe(2);
});

/** The record after `header`'s, with another keyring and a right hash, as one without any key can make it. */
function withKeyring(header: RecordHeader, keyring: Uint8Array): Uint8Array {
  const { sha256 } = defaultProvider();
  const history = header.history.append(sha256, leafHash(sha256, header.hash));
  const writer = new ByteWriter();
  const objectId = new ByteWriter(24)
    .u64(header.version + 1)
    .raw(header.commitId)
    .finish();
  writer.raw(header.clearBytes.subarray(0, 24)).raw(objectId).raw(header.clearBytes.subarray(48, 116));
  writer.raw(header.hash).u64(header.flushedThrough).u64(header.floor);
  for (const hash of history.hashes) writer.raw(hash);
  writer.bytes(keyring).raw(header.manifestRoot).bytes(header.manifestSection);
  writer.u32(header.sealedBody.length).raw(header.sealedBody);
  return Uint8Array.from([...writer.finish(), ...sha256(writer.finish())]);
}
