/** What is at hand is not fetched again, and what can be sent does not wait for more to come. */
import { MemoryStore } from '@holdfast/object-store';
import { RecordingStore } from '@holdfast/object-store/testing';
import { expect, test } from 'vitest';
import { openTestDatabase } from './support/database.js';

const fetched = (store: RecordingStore, prefix: string): string[] =>
  store.calls.filter(({ kind, key }) => kind === 'get' && key.startsWith(prefix)).map(({ key }) => key);

test('a follower of flushes fetches a page of the manifest once, and none that it has', async () => {
  const memory = new MemoryStore();
  const writer = await openTestDatabase(memory, { maintenance: 'manual' });
  for (let i = 0; i < 150; i++) {
    await writer.set(['k', i], i);
    await writer.flush();
  }
  const store = new RecordingStore(memory);
  const follower = await openTestDatabase(store, { maintenance: 'manual' });
  await follower.get(['k', 0]);
  const known = new Set(fetched(store, 'man/'));
  expect(known.size).toBeGreaterThan(0);
  store.reset();
  for (let i = 0; i < 10; i++) {
    await writer.set(['k', i], -i);
    await writer.flush();
    expect(await follower.get(['k', i])).toBe(-i);
  }
  const again = fetched(store, 'man/');
  expect(again.filter((name) => known.has(name))).toEqual([]);
  expect(new Set(again).size).toBe(again.length);
});

test('the writer itself fetches no page that it wrote', async () => {
  const store = new RecordingStore(new MemoryStore());
  const writer = await openTestDatabase(store, { maintenance: 'manual' });
  for (let i = 0; i < 80; i++) {
    await writer.set(['k', i], i);
    await writer.flush();
  }
  expect(fetched(store, 'man/')).toEqual([]);
});

test("a watch of this process's own records fetches nothing", async () => {
  const store = new RecordingStore(new MemoryStore());
  const db = await openTestDatabase(store);
  await db.set('x', 0);
  const stop = new AbortController();
  const changes = db.watch({}, { pollMs: 1e6, signal: stop.signal });
  let told = 0;
  const watching = (async () => {
    for await (const _ of changes) if (++told === 20) stop.abort();
  })();
  // It has asked for the tip once, to begin there.
  await db.get('x');
  store.reset();
  for (let i = 0; i < 20; i++) await db.set(['own', i], i);
  await watching;
  expect(told).toBe(20);
  expect(fetched(store, '')).toEqual([]);
});

test('transactions that keep coming do not hold up the first of them', async () => {
  const memory = new MemoryStore();
  const db = await openTestDatabase(memory, { maintenance: 'manual' });
  await db.set('x', 0);
  const records = () => [...memory.objects().keys()].filter((name) => name.startsWith('log/')).length;
  const before = records();
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 20_000; i++) {
    all.push(db.set(['k', i], i));
    await undefined;
  }
  expect(records()).toBeGreaterThan(before);
  await Promise.all(all);
});
