/**
 * Whose bytes are whose: what is handed in is taken at the call, what is handed out is the caller's own. Whoever
 * writes over either changes nothing in the database.
 */
import { encodeValue } from '@holdfast/core';
import type { Database } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { collect, openTestDatabase } from './support/database.js';

const BYTES_KEY = Uint8Array.of(1, 0, 2);

/** A fresh value of every kind that has bytes or parts; `large` is stored in pieces. */
function values(): Record<string, unknown> {
  return {
    bytes: new Uint8Array(300).fill(7),
    large: new Uint8Array(200_000).fill(7),
    nested: { list: [Float64Array.of(1, 2), new Uint8Array(40).fill(7)], date: new Date(7) },
    buffer: new Uint8Array(70).fill(7).buffer,
    view: new DataView(new Uint8Array(9).fill(7).buffer, 1, 4),
    map: new Map<unknown, unknown>([['a', new Uint8Array(5).fill(7)]]),
    set: new Set([Uint8Array.of(7)]),
  };
}

/** Writes over all that a value consists of. */
function spoil(value: unknown): void {
  if (ArrayBuffer.isView(value)) new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(99);
  else if (value instanceof ArrayBuffer) new Uint8Array(value).fill(99);
  else if (value instanceof Date) value.setTime(99);
  else if (value instanceof Map || value instanceof Set) {
    for (const item of value.values()) spoil(item);
    value.clear();
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      spoil(item);
      (value as Record<string, unknown>)[name] = 99;
    }
  }
}

async function fill(db: Database): Promise<void> {
  const given = values();
  const keys = Object.keys(given).map((name) => [name, BYTES_KEY.slice()]);
  const writing = keys.map((key) => db.set(key, given[key[0] as string]));
  spoil(given);
  for (const key of keys) spoil(key);
  await Promise.all(writing);
}

/** Everything by every way of reading. */
async function readAll(db: Database): Promise<[key: unknown, value: unknown][]> {
  const snapshot = await db.snapshot();
  const found: [unknown, unknown][] = [];
  for (const name of Object.keys(values())) {
    const key = [name, BYTES_KEY];
    found.push(
      [key, await db.get(key)],
      [key, await snapshot.get(key)],
      [key, (await db.getEntry(key))?.value],
    );
    await db.transact(async (tx) => {
      found.push([key, await tx.get(key)]);
    });
  }
  for (const { key, value } of [...(await collect(db.list())), ...(await collect(snapshot.list()))])
    found.push([key, value]);
  return found;
}

async function expectUnharmed(db: Database): Promise<void> {
  for (let again = 0; again < 2; again++) {
    const found = await readAll(db);
    expect(found.length).toBe(6 * Object.keys(values()).length);
    for (const [key, value] of found) {
      const [name, bytes] = key as [string, Uint8Array];
      expect(bytes).toEqual(BYTES_KEY);
      // As bytes: to compare them as what they are takes minutes.
      const same = Buffer.compare(encodeValue(value), encodeValue(values()[name])) === 0;
      expect([name, same]).toEqual([name, true]);
      spoil(value);
      if (bytes !== BYTES_KEY) spoil(key);
    }
  }
}

describe('what is handed in and out', () => {
  test('is the caller’s own, in memory as in cached segments', async () => {
    const store = new MemoryStore();
    const db = await openTestDatabase(store, { maintenance: 'manual' });
    await fill(db);
    await expectUnharmed(db);
    await db.flush();
    await expectUnharmed(db);
    const other = await openTestDatabase(store);
    await expectUnharmed(other);
    for (const each of [db, other]) await each.close();
  });
});
