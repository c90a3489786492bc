import { type Database, type Entry, MemoryStore, open } from 'holdfast';
import { expect, test } from 'vitest';
import { copyEntries, type Source } from './restorer.js';

const { signal } = new AbortController();
const openNew = (): Promise<Database> => open(new MemoryStore(), { key: 'plaintext' });

async function* entries(count: number, value: unknown = 1): AsyncGenerator<Entry> {
  for (let i = 0; i < count; i++) yield { key: [i], value, version: 1, versionstamp: '' };
}

async function copy(source: AsyncIterable<Entry> | Source, db: Database): Promise<number[]> {
  const counts: number[] = [];
  const from = 'list' in source ? source : { list: () => source, getStream: async () => undefined };
  for await (const { entries } of copyEntries(from, db, { signal })) counts.push(entries);
  return counts;
}

test('entries are copied in batches of bounded size and count', async () => {
  await using db = await openNew();
  expect(await copy(entries(5, new Uint8Array(1024 * 1024)), db)).toEqual([2, 4, 5]);
  await using small = await openNew();
  expect(await copy(entries(10_001), small)).toEqual([10_000, 10_001]);
  expect(await small.count()).toBe(10_001);
  await using none = await openNew();
  expect(await copy(entries(0), none)).toEqual([]);
});

test('nothing is copied over a key that is there', async () => {
  await using db = await openNew();
  await db.set('mine', 1);
  await expect(copy(entries(3), db)).rejects.toMatchObject({ code: 'PREFIX_IN_USE' });
  expect(await db.count()).toBe(1);
});

test('of two copies at once into one place, one stops', async () => {
  await using db = await openNew();
  const results = await Promise.allSettled([copy(entries(3), db), copy(entries(30), db)]);
  const stopped = results.filter(({ status }) => status === 'rejected');
  expect(stopped).toMatchObject([{ reason: { code: 'PREFIX_IN_USE' } }]);
  expect([3, 30]).toContain(await db.count());
});

test('streams are copied too, with their expiry, and between the others', async () => {
  await using source = await openNew();
  const bytes = new Uint8Array(9_000_000).map((_, i) => i % 251);
  const expireAt = new Date(Date.now() + 1e9);
  await source.setStream('a', [bytes], { expireAt });
  for (const key of ['b', 'c', 'e']) await source.set(key, key);
  await source.setStream('d', []);
  await using db = await openNew();
  expect(await copy(await source.snapshot(), db)).toEqual([0, 1, 3, 4, 5]);
  expect(await db.getEntry('a')).toMatchObject({ value: { bytes: bytes.length }, expiresAt: expireAt });
  const copied = await new Response(await db.getStream('a')).arrayBuffer();
  expect(Buffer.compare(new Uint8Array(copied), bytes)).toBe(0);
  expect([await db.get('c'), await db.get('d'), await db.get('e')]).toMatchObject(['c', { bytes: 0 }, 'e']);
  await using taken = await openNew();
  await taken.set('mine', 1);
  await expect(copy(await source.snapshot(), taken)).rejects.toMatchObject({ code: 'PREFIX_IN_USE' });
});
