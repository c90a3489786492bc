/**
 * Every get says how much it takes, so that no store can make the engine take more; and what is longer is called
 * corrupt, at once and by name.
 */
import type { Database } from '@holdfast/mvcc';
import { type GetOptions, MemoryStore, type StoredObject, StoreError } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase, seed } from './support/database.js';

const BYTES_MAX = 512 * 1024 * 1024;

/** Notes what a get takes, and refuses what it is told to as too large. */
class BoundsStore extends MemoryStore {
  readonly unbounded = new Set<string>();
  gets = 0;
  giants: string | undefined;

  override get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    this.gets++;
    const takes = options.maxBytes ?? options.range?.length ?? Number.POSITIVE_INFINITY;
    if (!(takes <= BYTES_MAX)) this.unbounded.add(key.slice(0, key.indexOf('/') + 1));
    if (this.giants !== undefined && key.startsWith(this.giants))
      return Promise.reject(new StoreError('TOO_LARGE', `${key} is longer than ${takes} bytes.`));
    return super.get(key, options);
  }
}

let store: BoundsStore;

/** Segments, pages of the manifest, and a tail with holders. */
async function fill(): Promise<Database> {
  const db = await openTestDatabase(store, { maintenance: 'manual' });
  for (let i = 0; i < 100; i++) {
    await db.set(['run', i], i);
    await db.flush();
  }
  await seed(db, 120, 500);
  expect(db.stats().tailHolders).toBeGreaterThan(0);
  return db;
}

beforeEach(() => {
  store = new BoundsStore('bounds');
});

const operations: [string, (writer: Database) => Promise<unknown>][] = [
  ['creating, with a probe', () => openTestDatabase(new BoundsStore('new'))],
  ['opening', () => openTestDatabase(store)],
  ['a cold read', async () => (await openTestDatabase(store, { cacheBytes: 0 })).get(['run', 3])],
  ['a walk', async () => collect((await openTestDatabase(store, { cacheBytes: 0 })).list())],
  [
    'following, jumping and losing a slot',
    async (writer) => {
      const db = await openTestDatabase(store);
      await seed(writer, 3);
      await db.get('seed');
      await seed(writer, 40);
      await db.get('seed');
      await seed(writer, 2);
      await db.set('late', 1);
    },
  ],
  [
    'the past',
    async (writer) => {
      const db = await openTestDatabase(store);
      await (await db.snapshot({ at: writer.version - 40 })).get(['seed', 1]);
      await collect(db.log({ from: writer.version, to: writer.version - 20 }));
      for await (const _ of db.watch(undefined, { from: writer.version - 5 })) break;
    },
  ],
  ['verifying', async () => (await openTestDatabase(store)).verify({ deep: true })],
];

test.each(operations)('%s: every get has a bound', async (_, operation) => {
  const writer = await fill();
  store.gets = 0;
  await operation(writer);
  expect([...store.unbounded]).toEqual([]);
});

describe('what is longer than can be is CORRUPT, and is asked for once', () => {
  test('the next record', async () => {
    const db = await fill();
    store.giants = 'log/';
    store.gets = 0;
    const { message } = await expectCode(db.get('n'), 'CORRUPT');
    expect(message).toContain('log/');
    expect(store.gets).toBe(1);
    await expectCode(openTestDatabase(store), 'CORRUPT');
  });

  test('a segment', async () => {
    await fill();
    const db = await openTestDatabase(store, { cacheBytes: 0 });
    store.giants = 'seg/';
    const { message } = await expectCode(db.get(['run', 3]), 'CORRUPT');
    expect(message).toContain('seg/');
    await expectCode(collect(db.list()), 'CORRUPT');
  });

  test('a page of the manifest', async () => {
    await fill();
    store.giants = 'man/';
    const { message } = await expectCode(openTestDatabase(store), 'CORRUPT');
    expect(message).toContain('man/');
  });
});
