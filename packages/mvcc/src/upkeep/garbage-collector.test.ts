/** What garbage collection deletes, and what it leaves: on a store whose clock the test owns. */
import { LOG_PREFIX, objectName, parseRecordName, recordName, SEGMENT_PREFIX } from '@holdfast/core';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { GatedStore, ManualClock } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import type { CollectReport } from './garbage-collector.js';

const GRACE_MS = 10_000;
const KEEP_NOTHING = { versions: 0, ms: 0 };

let clock: ManualClock;
let store: MemoryStore;
let db: Database;

const open = (on: ObjectStore = store, options: object = {}): Promise<Database> =>
  openDatabase(on, {
    key: 'plaintext',
    probe: 'skip',
    maintenance: 'manual',
    clock,
    graceMs: GRACE_MS,
    retention: KEEP_NOTHING,
    ...options,
  });

beforeEach(async () => {
  clock = new ManualClock();
  store = new MemoryStore('bucket', clock);
  db = await open();
});

/** So many records. */
async function write(count: number, on: Database = db): Promise<void> {
  for (let i = 0; i < count; i++) await on.set(['n', i % 20], i);
}

/** Two floors a grace period apart: what was dead before the first is gone after it. */
async function collectAll(on: Database = db): Promise<CollectReport> {
  for (let round = 0; round < 2; round++) {
    await on.gc();
    await clock.advance(GRACE_MS + 1);
  }
  return on.gc();
}

const names = (prefix: string): string[] =>
  [...store.objects().keys()].filter((name) => name.startsWith(prefix));
const versions = (): number[] =>
  names(LOG_PREFIX)
    .map((name) => parseRecordName(name)!)
    .sort((a, b) => a - b);

describe('garbage collection', () => {
  test('deletes the records that are tiled and no longer retained, and nothing is missed afterwards', async () => {
    await write(600);
    await db.flush();
    await collectAll();
    expect(versions()[0]).toBe(513);
    expect((await (await open()).verify({ deep: true })).problems).toEqual([]);
    expect(await (await open()).get(['n', 19])).toBe(599);
  });

  test('deletes nothing before a floor is a whole grace period old, by the clock of the store', async () => {
    await write(600);
    await db.gc();
    await clock.advance(GRACE_MS - 1);
    const early = await db.gc();
    expect(early.collected).toBe(1);
    expect(early.waitsFor).toContain('grace period');
    expect(versions()[0]).toBe(1);
    await clock.advance(GRACE_MS);
    expect((await db.gc()).removed.record.objects).toBe(512);
  });

  test("a writer's clock that is a year ahead ages nothing", async () => {
    await write(300);
    const ahead = new ManualClock();
    ahead.setWall(clock.now() + 365 * 86_400_000);
    await write(2, await open(store, { clock: ahead }));
    await db.gc();
    expect((await (await open(store, { clock: ahead })).gc()).removed.record.objects).toBe(0);
    expect(versions()[0]).toBe(1);
  });

  test('leaves as many versions as the retention says, and the state of each moment in it', async () => {
    await write(400);
    await clock.advance(60_000);
    await write(300);
    const keeper = await open(store, { retention: { versions: 100, ms: 50_000 } });
    await keeper.gc();
    await clock.advance(GRACE_MS + 1);
    const report = await keeper.gc();
    // Of a minute ago is version 401 (400 writes after the first record): that of 50 s ago.
    expect(report.floor).toBe(401);
    expect(await (await keeper.snapshot({ at: 401 })).get(['n', 19])).toBe(399);
    await expect(keeper.snapshot({ at: 400 })).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
    // The one before the floor is the root: what it names stays.
    expect(versions()[0]).toBe(400);
  });

  test('a checkpoint keeps its version, with all that it names, until it is dropped', async () => {
    await write(40);
    await db.flush();
    await write(5);
    await db.checkpoint('kept');
    const [{ version }] = (await db.checkpoints()) as [{ version: number }];
    const then = await (await db.snapshot({ at: version })).get(['n', 4]);
    await write(600);
    await db.flush();
    await collectAll();
    expect(versions()).toContain(version);
    const at = await (await open()).snapshot({ at: version });
    expect(await at.get(['n', 4])).toBe(then);
    expect(await at.count()).toBe(20);
    await db.dropCheckpoint('kept');
    await write(300);
    await collectAll();
    expect(versions()).not.toContain(version);
    await expect(db.snapshot({ at: version })).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
  });

  test('a checkpoint below the floor is the record that was meant, whatever lies in its slot', async () => {
    await write(40);
    let stray: Uint8Array | undefined;
    const losing: ObjectStore = {
      capabilities: store.capabilities,
      get: (key, options) => store.get(key, options),
      put: async (_, bytes) => {
        stray = bytes;
        throw new StoreError('DENIED', 'it stays on its way');
      },
      list: (prefix, options) => store.list(prefix, options),
      delete: (keys, options) => store.delete(keys, options),
    };
    const loser = await open(losing);
    await expect(loser.set(['n', 0], 'another history')).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    await write(1);
    const { version } = await db.checkpoint('kept');
    await write(600);
    await db.flush();
    await collectAll();
    await store.put(recordName(version), stray!);
    await expect(db.snapshot({ at: version })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('checkpoint "kept"'),
    });
    await expect(db.gc()).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('a page that travels in records, and is put out long after it was sealed, stays', async () => {
    // Few such keys fill a page.
    const long = 'k'.repeat(900);
    for (let i = 0; i < 16; i++) {
      await db.set([long, i], i);
      await db.flush();
      for (let idle = 0; idle < 3; idle++) {
        await db.set('x', idle);
        await db.gc();
        await clock.advance(GRACE_MS + 1);
      }
      expect(await (await open()).get([long, 0])).toBe(0);
    }
    expect((await (await open()).verify({ deep: true })).problems).toEqual([]);
  });

  test('what compaction and collection have let go of is a difference from a checkpoint all the same', async () => {
    await db.set('a', 1);
    await db.set('b', 1);
    await db.flush();
    const { version } = await db.checkpoint('backup');
    const held = await db.snapshot();
    await db.delete('a');
    await db.set('c', 1);
    await db.flush();
    const told = async (): Promise<unknown[]> => {
      const found: unknown[] = [];
      const now = await db.snapshot();
      for (const from of [await db.snapshot({ at: version }), held])
        for await (const { key, value, previous } of from.diff(now)) found.push([key[0], previous, value]);
      return found;
    };
    const before = await told();
    expect(before).toEqual([
      ['a', 1, undefined],
      ['c', undefined, 1],
      ['a', 1, undefined],
      ['c', undefined, 1],
    ]);
    await db.gc();
    await db.compact({ all: true });
    expect(await told()).toEqual(before);
  });

  test('damage of what a checkpoint keeps is damage, and verify finds it', async () => {
    await write(40);
    await db.flush();
    const { version } = await db.checkpoint('kept');
    const kept = names(SEGMENT_PREFIX);
    await write(40);
    await db.flush();
    await db.compact({ all: true });
    await collectAll();
    await collectAll();
    expect(names(SEGMENT_PREFIX)).toEqual(expect.arrayContaining(kept));
    expect(await db.verify({ deep: true })).toMatchObject({ ok: true, unreferenced: 0 });
    await store.delete(kept);
    const { problems } = await (await open()).verify({ deep: true });
    expect(problems.join()).toContain(kept[0]);
    const snapshot = await (await open()).snapshot({ at: version });
    await expect(snapshot.get(['n', 1])).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('a handle on an earlier version is told when that has expired', async () => {
    await write(40);
    await db.flush();
    const at = db.version;
    const pinned = await open(store, { readOnly: true, at, cacheBytes: 0 });
    await write(40);
    await db.flush();
    await db.compact({ all: true });
    await collectAll();
    await collectAll();
    await expect(pinned.get(['n', 1])).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
  });

  test('a writer that stalls across a collection publishes nothing that is gone', async () => {
    await write(300);
    const gated = new GatedStore(store, {
      when: ({ kind, key }) => kind === 'put' && key.startsWith(SEGMENT_PREFIX),
    });
    const other = await open(gated);
    const flushing = other.flush();
    const [upload] = await gated.waitForPending(1);
    await collectAll();
    await upload!.release();
    // The floor has passed its beginning: it is not published.
    expect(await flushing).toBe(false);
    expect(names(SEGMENT_PREFIX)).toHaveLength(1);
    await collectAll();
    expect(names(SEGMENT_PREFIX)).toEqual([]);
    expect((await (await open()).verify({ deep: true })).problems).toEqual([]);
  });

  test('an upload that began below the floor of today and was published before it stays', async () => {
    await write(300);
    const gated = new GatedStore(store, {
      when: ({ kind, key }) => kind === 'put' && key.startsWith(SEGMENT_PREFIX),
    });
    const other = await open(gated);
    const flushing = other.flush();
    const [upload] = await gated.waitForPending(1);
    // The floor rises past its beginning only after it is in the log, and the root is the record before that.
    await write(10);
    await upload!.release();
    expect(await flushing).toBe(true);
    const then = (await db.snapshot()).version;
    const flushed = names(SEGMENT_PREFIX);
    await write(5);
    const keeper = await open(store, { retention: { versions: 8, ms: 0 } });
    await keeper.gc();
    await clock.advance(GRACE_MS + 1);
    await keeper.gc();
    expect(names(SEGMENT_PREFIX)).toEqual(flushed);
    expect(await (await keeper.snapshot({ at: then })).count()).toBe(20);
  });

  // slatedb 2073: a long scan whose segments were deleted under it. Litestream 820: readers left behind by deletes.
  test('what reads on after its objects were collected is told so, and what asks for the newest goes on', async () => {
    for (let i = 0; i < 50; i++) await db.set(['row', i], 'x'.repeat(50));
    await db.flush();
    const reader = await open(store, { cacheBytes: 0 });
    const snapshot = await reader.snapshot();
    const walk = snapshot.list({ prefix: ['row'] })[Symbol.asyncIterator]();
    let stale: Promise<unknown> | undefined;
    const outcome = reader.transact(async (tx) => {
      const first = await tx.get(['row', 1]);
      stale ??= (async () => {
        await db.deleteRange({ prefix: ['row'] });
        await db.set(['row', 1], 'new');
        await db.flush();
        await db.compact({ all: true });
        await collectAll();
        await collectAll();
      })();
      await stale;
      return [first, await tx.get(['row', 2])];
    });
    // It runs again, on what is there.
    expect(await outcome).toEqual(['new', undefined]);
    await expect(snapshot.get(['row', 2])).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
    await expect(walk.next()).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
    await expect(snapshot.count()).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
    expect(await reader.get(['row', 1])).toBe('new');
    expect(await reader.getMany([['row', 1]], { maxStalenessMs: Number.POSITIVE_INFINITY })).toEqual(['new']);
  });

  test('a dry run says what would go, and changes nothing', async () => {
    await write(600);
    await db.gc();
    await clock.advance(GRACE_MS + 1);
    // By the store's clock it is as late as its newest record says.
    await write(1);
    const before = [...store.objects().keys()];
    const told: string[] = [];
    const report = await db.gc({ dryRun: true, onObject: ({ name, removed }) => removed && told.push(name) });
    expect(report.dryRun).toBe(true);
    expect(report.removed.record.objects).toBe(512);
    expect(told).toHaveLength(512);
    expect([...store.objects().keys()]).toEqual(before);
  });

  // Paimon 7710: a root that vanished between the listing and the reading of it passed for "nothing is in use".
  test('a root that is gone when it comes to deleting stops the collection', async () => {
    await write(600);
    await db.flush();
    await db.gc();
    await clock.advance(GRACE_MS + 1);
    await write(1);
    const { collected } = await db.gc({ dryRun: true });
    const before = [...store.objects().keys()];
    let asked = 0;
    const root = recordName(collected - 1);
    const gone: ObjectStore = {
      capabilities: store.capabilities,
      get: async (key, options) =>
        key === root && options?.range && ++asked > 0 ? undefined : store.get(key, options),
      put: (key, bytes, options) => store.put(key, bytes, options),
      list: (prefix, options) => store.list(prefix, options),
      delete: (keys, options) => store.delete(keys, options),
    };
    const collector = await open(gone);
    await expect(collector.gc()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(asked).toBe(1);
    expect([...store.objects().keys()]).toEqual(expect.arrayContaining(before));
  });

  // ClickHouse 112096: what a commit of unknown outcome had replaced was deleted.
  test('nothing goes when it is not known whether the floor is in the log', async () => {
    await write(600);
    await db.gc();
    await clock.advance(GRACE_MS + 1);
    const before = [...store.objects().keys()];
    const silent: ObjectStore = {
      capabilities: store.capabilities,
      get: (key, options) => store.get(key, options),
      put: async () => {
        throw new StoreError('DENIED', 'no answer that says anything');
      },
      list: (prefix, options) => store.list(prefix, options),
      delete: (keys, options) => store.delete(keys, options),
    };
    const collector = await open(silent, { commitTimeoutMs: 0 });
    await expect(collector.gc()).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    expect([...store.objects().keys()]).toEqual(before);
  });

  test('a store that does not tell when objects were written is not collected', async () => {
    await write(300);
    const timeless: ObjectStore = {
      capabilities: store.capabilities,
      get: async (key, options) => {
        const found = await store.get(key, options);
        return found && { bytes: found.bytes, etag: found.etag, size: found.size };
      },
      put: (key, bytes, options) => store.put(key, bytes, options),
      list: (prefix, options) => store.list(prefix, options),
      delete: (keys, options) => store.delete(keys, options),
    };
    await expect((await open(timeless)).gc()).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('modifiedMs'),
    });
  });

  test('collectors at once, and one that slept through the others, delete nothing that is needed', async () => {
    await write(600);
    await db.flush();
    await db.gc();
    await clock.advance(GRACE_MS + 1);
    const asleep = new GatedStore(store, { when: ({ kind }) => kind === 'delete' });
    const sleeper = (await open(asleep)).gc();
    const [deletion] = await asleep.waitForPending(1);
    await Promise.all(Array.from({ length: 5 }, async () => (await open()).gc()));
    await write(300);
    await db.flush();
    await collectAll();
    const before = [...store.objects().keys()];
    await deletion!.release();
    await asleep.open();
    await sleeper.catch(() => undefined);
    expect([...store.objects().keys()]).toEqual(before);
    expect((await (await open()).verify({ deep: true })).problems).toEqual([]);
  });

  test('what is none of ours stays, and is counted', async () => {
    await write(600);
    for (const name of ['log/readme.txt', 'seg/x', 'man/00-1', 'tile/9/1', 'int/me/1', 'other/thing'])
      await store.put(name, new Uint8Array(3));
    const report = await collectAll();
    expect(report.foreign).toBeGreaterThanOrEqual(4);
    expect(store.objects().has('log/readme.txt')).toBe(true);
    expect(store.objects().has('int/me/1')).toBe(true);
  });
});

test('names a segment by its base version', () => {
  const id = new Uint8Array(24);
  id[7] = 5;
  expect(objectName(SEGMENT_PREFIX, id)).toBe(`seg/00000000000005-${'0'.repeat(32)}`);
  expect(recordName(1)).toMatch(/^log\/[0-9a-f]{14}$/);
});
