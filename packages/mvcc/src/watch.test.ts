import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { type Database, openDatabase } from './database.js';
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
