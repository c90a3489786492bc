/** What a faulty writer could say of a stream. */
import { encodeStream, type StreamDescriptor } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import type { TransactionAttempt } from '../transaction/transaction.js';
import { userKey } from './entry-reader.js';

let store: MemoryStore;
let db: Database;
beforeEach(async () => {
  store = new MemoryStore();
  db = await openDatabase(store, { key: new Uint8Array(32).fill(7), maintenance: 'manual' });
  await db.setStream('film', [new Uint8Array(100_000)]);
});

/** Writes a descriptor without its parts. */
const write = (key: string, descriptor: Uint8Array): Promise<void> =>
  db.transact((tx) => (tx as unknown as TransactionAttempt).setStream(userKey(key).stored, descriptor));

/** The id of the only part that there is. */
function partId(): Uint8Array {
  const name = [...store.objects().keys()].find((each) => each.startsWith('seg/'))!;
  // Its first byte is 0: versions are below 2^53.
  return new Uint8Array(Buffer.from(`00${name.slice('seg/'.length).replace('-', '')}`, 'hex'));
}

async function readAll(key: string): Promise<void> {
  for await (const _ of (await db.getStream(key))!);
}

const other = new Uint8Array(24).fill(9);

test.each<[string, (part: Uint8Array) => [string, StreamDescriptor], RegExp]>([
  [
    'a part that the manifest lacks',
    () => ['song', { length: 5, parts: [other] }],
    /expected it in the manifest/,
  ],
  ['the part of another key', (part) => ['song', { length: 100_000, parts: [part] }], /found one with key/],
  ['a part that is longer', (part) => ['film', { length: 99_999, parts: [part] }], /found 100000 bytes/],
  ['a part that is shorter', (part) => ['film', { length: 100_001, parts: [part] }], /found 100000 bytes/],
])('a stream that names %s is CORRUPT, and the check of the database says so', async (_, make, message) => {
  const [key, descriptor] = make(partId());
  await write(key, encodeStream(descriptor));
  await expect(readAll(key)).rejects.toThrow(message);
  await expect(readAll(key)).rejects.toMatchObject({ code: 'CORRUPT' });
  for (const where of ['in the tail', 'flushed']) {
    if (where === 'flushed') await db.flush();
    const { ok, problems } = await db.verify();
    expect([ok, problems]).toEqual([false, [expect.stringMatching(message)]]);
  }
});

test.each([
  ['nothing', new Uint8Array(0)],
  ['a length without its parts', Uint8Array.of(5, 0)],
  ['more than there can be', encodeStream({ length: 6 * 1024 ** 3, parts: [] })],
])('a descriptor of %s is CORRUPT to whoever reads the key', async (_, descriptor) => {
  await write('film', descriptor);
  await expect(db.get('film')).rejects.toMatchObject({ code: 'CORRUPT' });
  await expect(db.getStream('film')).rejects.toMatchObject({ code: 'CORRUPT' });
  expect((await db.verify()).ok).toBe(false);
});
