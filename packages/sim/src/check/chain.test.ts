/** A log that the engine wrote is right; each thing that can be wrong with it is seen. */
import { recordName } from '@holdfast/core';
import { openDatabase } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { beforeAll, expect, test } from 'vitest';
import { checkChain } from './chain.js';

const RECORDS = 20;
const PARENT_AT = 116;
const FLOOR_AT = 156;
const HISTORY_AT = 180;
let log: ReadonlyMap<string, Uint8Array>;
let other: ReadonlyMap<string, Uint8Array>;

async function write(): Promise<ReadonlyMap<string, Uint8Array>> {
  const store = new MemoryStore();
  const db = await openDatabase(store, { key: new Uint8Array(32).fill(7) });
  while (db.version < RECORDS - 1) await db.set('n', db.version);
  await db.flush();
  return store.objects();
}

beforeAll(async () => {
  log = await write();
  other = await write();
});

const kinds = (objects: ReadonlyMap<string, Uint8Array>): string[] =>
  checkChain(objects).problems.map(({ kind }) => kind);

function without(...versions: number[]): Map<string, Uint8Array> {
  const objects = new Map(log);
  for (const version of versions) objects.delete(recordName(version));
  return objects;
}

/** The record with some bytes changed, and a hash that fits: what a key holder's bug could write. */
async function forged(
  version: number,
  change: (bytes: Uint8Array) => void,
): Promise<Map<string, Uint8Array>> {
  const name = recordName(version);
  const bytes = log.get(name)!.slice();
  change(bytes);
  const end = bytes.length - 32;
  bytes.set(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.subarray(0, end))), end);
  return new Map(log).set(name, bytes);
}

test('a log as the engine writes it', () => {
  expect(checkChain(log)).toEqual({ problems: [], tip: RECORDS, floor: 1, records: RECORDS });
  expect(checkChain(new Map())).toEqual({ problems: [], tip: 0, floor: 0, records: 0 });
});

test('a missing record is a gap, at the beginning too', () => {
  expect(kinds(without(7))).toEqual(['gap']);
  expect(kinds(without(1, 2))).toEqual(['gap']);
});

test('a flipped byte', () => {
  const name = recordName(9);
  for (const at of [0, 60, 200]) {
    const bytes = log.get(name)!.slice();
    bytes[at]! ^= 1;
    expect(kinds(new Map(log).set(name, bytes))).toEqual(['corrupt']);
  }
});

test('a record under the number of another', () => {
  expect(kinds(new Map(log).set(recordName(9), log.get(recordName(8))!))).toEqual(['corrupt']);
});

test('a name that is none', () => {
  expect(kinds(new Map(log).set('log/1', new Uint8Array()))).toEqual(['name']);
});

test('a record of another database', () => {
  const objects = new Map(log).set(recordName(RECORDS), other.get(recordName(RECORDS))!);
  expect(kinds(objects)).toEqual(['database', 'parent', 'history']);
});

test('another parent', async () => {
  const objects = await forged(RECORDS, (bytes) => (bytes[PARENT_AT]! ^= 1));
  expect(kinds(objects)).toEqual(['parent']);
  const first = await forged(1, (bytes) => (bytes[PARENT_AT]! ^= 1));
  const alone = new Map([[recordName(1), first.get(recordName(1))!]]);
  expect(kinds(alone)).toEqual(['parent']);
});

test('a record that was written anew is not the one that the next ones know', async () => {
  const objects = await forged(10, (bytes) => (bytes[FLOOR_AT + 7] = 2));
  const found = kinds(objects);
  expect(found.filter((kind) => kind === 'parent')).toHaveLength(1);
  expect(found.filter((kind) => kind === 'backwards')).toHaveLength(1);
  expect(found.filter((kind) => kind === 'history')).toHaveLength(RECORDS - 10);
});

test('a history that is not the tree over the records before', async () => {
  const objects = await forged(RECORDS, (bytes) => (bytes[HISTORY_AT]! ^= 1));
  expect(kinds(objects)).toEqual(['history']);
});

test('flushed-through that goes back', async () => {
  // The newest record is the flush's; the one after it, made from it, has forgotten it.
  const flushed = await forged(RECORDS - 1, (bytes) => (bytes[PARENT_AT + 32 + 7] = RECORDS - 2));
  flushed.set(
    recordName(RECORDS),
    (await forged(RECORDS, (bytes) => (bytes[PARENT_AT + 32 + 7] = 1))).get(recordName(RECORDS))!,
  );
  expect(kinds(flushed)).toContain('backwards');
});

test('below the floor records may be missing, and the rest is still checked', async () => {
  const objects = await forged(RECORDS, (bytes) => (bytes[FLOOR_AT + 7] = 6));
  for (const version of [1, 2, 4]) objects.delete(recordName(version));
  expect(kinds(objects)).toEqual([]);
  objects.delete(recordName(6));
  expect(kinds(objects)).toEqual(['gap']);
});
