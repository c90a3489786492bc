import { MemoryStore } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import type { Change } from './history.js';

const open = (store: MemoryStore): Promise<Database> =>
  openDatabase(store, { key: new Uint8Array(32).fill(7) });

/** The first `count` changes of a watch, which is then ended. */
async function take(db: Database, count: number, from?: number): Promise<Change[]> {
  const stop = new AbortController();
  const found: Change[] = [];
  for await (const change of db.watch({ prefix: 'w' }, { from, signal: stop.signal, pollMs: 5 })) {
    found.push(change);
    if (found.length === count) stop.abort();
  }
  return found;
}

test('a watch begins where nothing is new, and tells what comes', async () => {
  const db = await open(new MemoryStore());
  const watching = take(db, 2);
  await db.set(['other', 1], 1);
  await db.set(['w', 1], 'one');
  await db.delete(['w', 1]);
  expect(await watching).toMatchObject([
    { key: ['w', 1], value: 'one', previous: undefined },
    { key: ['w', 1], value: undefined, previous: 'one' },
  ]);
});

test('it tells what another process writes, and what was written since a version', async () => {
  const store = new MemoryStore();
  const [db, other] = [await open(store), await open(store)];
  const { version } = await db.set(['w', 1], 1);
  const watching = take(other, 3, version - 1);
  await db.set(['w', 2], 2);
  await db.transact((tx) => {
    tx.set(['w', 1], 10);
    tx.set(['x'], 0);
  });
  expect((await watching).map(({ key, value, previous }) => [key[1], value, previous])).toEqual([
    [1, 1, undefined],
    [2, 2, undefined],
    [1, 10, 1],
  ]);
});

test('it ends when it is aborted while nothing comes', async () => {
  const db = await open(new MemoryStore());
  const stop = new AbortController();
  const ended = (async () => {
    for await (const change of db.watch({}, { signal: stop.signal })) throw new Error(String(change.key));
  })();
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await ended;
});

/** How often objects are read. */
class CountingStore extends MemoryStore {
  gets = 0;
  override get(...args: Parameters<MemoryStore['get']>) {
    this.gets++;
    return super.get(...args);
  }
}

test("a watch of this process's own records fetches nothing", async () => {
  const store = new CountingStore();
  // No time passes: what commits look at now and then is not counted here.
  const db = await openDatabase(store, { key: new Uint8Array(32).fill(7), clock: new ManualClock() });
  await db.set('x', 0);
  const stop = new AbortController();
  const told: unknown[] = [];
  const watching = (async () => {
    for await (const { value } of db.watch({}, { pollMs: 1e9, signal: stop.signal })) {
      told.push(value);
      if (told.length === 300) stop.abort();
    }
  })();
  await new Promise((resolve) => setTimeout(resolve));
  store.gets = 0;
  for (let i = 0; i < 300; i++) await db.set(['o', i % 7], i);
  await watching;
  expect(told).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(store.gets).toBe(0);
});

test('one that is too slow for what is kept for it reads the records, and misses none', async () => {
  const store = new CountingStore();
  const db = await open(store);
  const { version } = await db.set('x', 0);
  const stop = new AbortController();
  const told: unknown[] = [];
  let resume: (() => void) | undefined;
  const watching = (async () => {
    for await (const change of db.watch({}, { from: version, pollMs: 1e9, signal: stop.signal })) {
      told.push(change.value);
      if (told.length === 1) await new Promise<void>((resolve) => (resume = resolve));
      if (told.length === 600) stop.abort();
    }
  })();
  for (let i = 0; i < 600; i++) await db.set(['o', i % 7], i);
  resume!();
  await watching;
  expect(told).toEqual(Array.from({ length: 600 }, (_, i) => i));
});

test('leaves no listener on a signal that lives longer', async () => {
  const db = await open(new MemoryStore());
  const stop = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  stop.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(stop.signal, args);
  };
  stop.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(stop.signal, args);
  };
  const watch = db.watch({}, { pollMs: 0, signal: stop.signal });
  const first = watch.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(listeners).toBeLessThan(4);
  await db.set('x', 1);
  await first;
  await watch.return();
  expect(listeners).toBe(0);
});
