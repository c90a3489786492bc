import { createHash } from 'node:crypto';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { openDatabase } from '../database.js';

/** A store whose puts take turns of the event loop, as a network's do. */
function slow(store: ObjectStore, onPut: (underWay: number) => void): ObjectStore {
  let underWay = 0;
  return {
    capabilities: store.capabilities,
    identity: store.identity,
    get: (key, options) => store.get(key, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (keys, options) => store.delete(keys, options),
    put: async (key, bytes, options) => {
      onPut(++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      return store.put(key, bytes, options);
    },
  };
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const large = (count: number) => (tx: { set(key: unknown[], value: unknown): void }) => {
  for (let i = 0; i < count; i++) tx.set(['k', i], new Uint8Array(1024 * 1024).fill(i));
};

test('many segments of one transaction are sent a few at a time, and all arrive', async () => {
  let most = 0;
  const memory = new MemoryStore();
  const store = slow(memory, (underWay) => {
    most = Math.max(most, underWay);
  });
  const db = await openDatabase(store, { key: 'plaintext', probe: 'skip' });
  await db.transact(large(60));
  expect(db.stats().segments).toBeGreaterThan(5);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(3);
  expect(await db.count()).toBe(60);
});

test('a segment whose answer is lost is sent again, and counts once', async () => {
  const memory = new MemoryStore();
  let lose = true;
  const db = await openDatabase(
    {
      ...slow(memory, () => {}),
      put: async (key, bytes, options) => {
        const result = await memory.put(key, bytes, options);
        if (!key.startsWith('seg/') || !lose) return result;
        lose = false;
        throw new StoreError('UNKNOWN_OUTCOME', 'reset');
      },
    },
    { key: 'plaintext', probe: 'skip' },
  );
  await db.transact(large(2));
  expect((await db.verify()).problems).toEqual([]);
  expect((await db.verify()).unreferenced).toBe(0);
});

test('a segment that something on the way sends twice, handing on the second answer, counts once', async () => {
  const memory = new MemoryStore();
  const db = await openDatabase(
    {
      ...slow(memory, () => {}),
      put: async (key, bytes, options) => {
        await memory.put(key, bytes, options);
        return memory.put(key, bytes, options);
      },
    },
    { key: 'plaintext', probe: 'skip' },
  );
  await db.transact(large(2));
  expect(await db.verify()).toMatchObject({ problems: [], unreferenced: 0 });
});

test('a random source that repeats itself can not replace a segment that exists', async () => {
  const memory = new MemoryStore();
  const repeating = (length: number) => new Uint8Array(length).fill(9);
  const store = slow(memory, () => {});
  const db = await openDatabase(store, { key: 'plaintext', probe: 'skip' });
  const clone = await openDatabase(store, { key: 'plaintext', probe: 'skip', random: repeating });
  const twin = await openDatabase(store, { key: 'plaintext', probe: 'skip', random: repeating });
  await clone.transact(large(1));
  const segments = (): string[] =>
    [...memory.objects()]
      .filter(([name]) => name.startsWith('seg/'))
      .map(([name, bytes]) => `${name} ${digest(bytes)}`);
  const before = segments();
  await expect(twin.transact(large(2))).rejects.toMatchObject({ code: 'CORRUPT' });
  expect(segments()).toEqual(before);
  expect(await db.count()).toBe(1);
});
