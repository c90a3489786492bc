/**
 * A download that was cut on its way is no verdict on the object: it is taken once more before anything is called
 * corrupt. An object that stays cut is.
 */
import type { Database } from '@holdfast/mvcc';
import { type GetOptions, MemoryStore, type StoredObject } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase, seed } from './support/database.js';

/** Cuts the first download of every object (or of every stretch), with nothing to notice it by. */
class CuttingStore extends MemoryStore {
  cutting: 'none' | 'first' | 'all' = 'none';
  readonly cut: string[] = [];
  readonly #seen = new Set<string>();

  override async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const found = await super.get(key, options);
    if (!found || this.cutting === 'none') return found;
    const what = `${key} ${JSON.stringify(options.range ?? 'all')}`;
    if (this.cutting === 'first' && this.#seen.has(what)) return found;
    this.#seen.add(what);
    this.cut.push(key);
    const bytes = found.bytes.slice(0, found.bytes.length >> 1);
    return { ...found, bytes, size: options.range ? found.size : bytes.length };
  }

  /** Cuts anew. */
  begin(cutting: 'first' | 'all'): void {
    this.cutting = cutting;
    this.cut.length = 0;
    this.#seen.clear();
  }
}

/** Segments, pages of the manifest, and a tail with holders. */
async function filled(): Promise<{ store: CuttingStore; writer: Database }> {
  const store = new CuttingStore('cut');
  const writer = await openTestDatabase(store, { maintenance: 'manual' });
  for (let i = 0; i < 100; i++) {
    await writer.set(['run', i], 'x'.repeat(100));
    await writer.flush();
  }
  await seed(writer, 120, 500);
  return { store, writer };
}

const operations: [string, string[], (store: CuttingStore, writer: Database) => Promise<unknown>][] = [
  ['opening', ['log/', 'man/'], (store) => openTestDatabase(store)],
  [
    'a cold read',
    ['seg/'],
    async (store) => {
      const db = await openTestDatabase(store, { cacheBytes: 0 });
      store.begin('first');
      expect(await db.get(['run', 3])).toBe('x'.repeat(100));
    },
  ],
  [
    'a walk',
    ['seg/'],
    async (store) => {
      const db = await openTestDatabase(store, { cacheBytes: 0 });
      store.begin('first');
      expect(await collect(db.list())).toHaveLength(220);
    },
  ],
  [
    'following',
    ['log/'],
    async (store, writer) => {
      store.cutting = 'none';
      const db = await openTestDatabase(store);
      await seed(writer, 3, 500, 'more');
      store.begin('first');
      expect(await db.get(['more', 2])).toBe('x'.repeat(500));
    },
  ],
  [
    'jumping',
    ['log/'],
    async (store, writer) => {
      store.cutting = 'none';
      const db = await openTestDatabase(store);
      await seed(writer, 60, 500, 'more');
      store.begin('first');
      expect(await db.get(['more', 59])).toBe('x'.repeat(500));
    },
  ],
  [
    'time travel',
    ['log/'],
    async (store, writer) => {
      const db = await openTestDatabase(store);
      store.begin('first');
      const snapshot = await db.snapshot({ at: writer.version - 60 });
      expect(await snapshot.get(['seed', 1])).toBe('x'.repeat(500));
    },
  ],
  [
    'verifying',
    ['log/', 'seg/', 'man/'],
    async (store) => {
      const db = await openTestDatabase(store);
      store.begin('first');
      expect(await db.verify({ deep: true })).toMatchObject({ ok: true });
    },
  ],
];

test.each(operations)('%s survives one cut download of every object', async (_, kinds, operation) => {
  const { store, writer } = await filled();
  store.begin('first');
  await operation(store, writer);
  for (const kind of kinds)
    expect(
      store.cut.some((key) => key.startsWith(kind)),
      kind,
    ).toBe(true);
});

test('what is cut every time is CORRUPT', async () => {
  const { store } = await filled();
  const db = await openTestDatabase(store, { cacheBytes: 0 });
  store.begin('all');
  await expectCode(db.get(['run', 3], { maxStalenessMs: 60_000 }), 'CORRUPT');
  await expectCode(openTestDatabase(store), 'CORRUPT');
});
