import { recordName } from '@holdfast/core';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from './database.js';
import { findReadable } from './salvage.js';

const key = new Uint8Array(32).fill(7);
let store: MemoryStore;

/** Versions 1 to 7; the last flush is in 5. */
beforeEach(async () => {
  store = new MemoryStore();
  const db = await openDatabase(store, { key, maintenance: 'manual' });
  for (let i = 2; i <= 4; i++) await db.set('n', i);
  await db.flush();
  for (let i = 6; i <= 7; i++) await db.set('n', i);
  await db.close();
});

async function damage(version: number): Promise<void> {
  const { bytes } = (await store.get(recordName(version)))!;
  bytes[bytes.length - 40]! ^= 1;
  await store.put(recordName(version), bytes);
}

describe('the newest version that can be read whole', () => {
  test('is the newest where nothing is damaged', async () => {
    expect(await findReadable(store, { key })).toEqual({ newest: 7, readable: 7, damaged: [] });
  });

  test('lies before damaged and missing records, each of which is named', async () => {
    await damage(7);
    await store.delete([recordName(6)]);
    const found = await findReadable(store, { key });
    expect(found).toMatchObject({ newest: 7, readable: 5, damaged: [{ version: 7 }, { version: 6 }] });
    const db = await openDatabase(store, { key, readOnly: true, at: found.readable });
    expect(await db.get('n')).toBe(4);
  });

  test('is found in bounded memory where a name stands for a version far away', async () => {
    await store.put(recordName(2 ** 50), new Uint8Array(3));
    const { readable, damaged } = await findReadable(store, { key });
    expect(readable).toBe(7);
    expect(damaged).toMatchObject([{ version: 2 ** 50 }, { version: 2 ** 50 - 1 }]);
  });

  test('lies before a damaged segment, which is read once', async () => {
    const name = [...store.objects().keys()].find((found) => found.startsWith('seg/'))!;
    const { bytes } = (await store.get(name))!;
    bytes[200]! ^= 1;
    await store.put(name, bytes);
    const found = await findReadable(store, { key });
    expect(found.readable).toBe(4);
    expect(found.damaged.map(({ version }) => version)).toEqual([7, 6, 5]);
    expect(found.damaged[0]!.problem).toContain(name);
  });

  test('is none where all are damaged', async () => {
    for (let version = 1; version <= 7; version++) await damage(version);
    expect(await findReadable(store, { key })).toMatchObject({ newest: 7, readable: undefined });
  });
});

describe('what is no damage', () => {
  test('is a wrong key, an empty prefix, and a store that does not answer', async () => {
    const other = new Uint8Array(32);
    await expect(findReadable(store, { key: other })).rejects.toMatchObject({ code: 'WRONG_KEY' });
    await expect(findReadable(new MemoryStore(), { key })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    store.get = async () => {
      throw new StoreError('DENIED', 'no');
    };
    await expect(findReadable(store, { key })).rejects.toMatchObject({ code: 'STORE_REFUSED' });
  });
});
