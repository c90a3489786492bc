/** A listener decides nothing: what it throws, or rejects with, is reported, changes no answer and ends no process. */
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, settled } from '@holdfast/object-store/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import type { DatabaseEvent } from './context.js';

const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;

let memory: MemoryStore;
let unheard: unknown[];
const listen = (error: unknown): void => {
  unheard.push(error);
};

beforeEach(() => {
  memory = new MemoryStore();
  unheard = [];
  process.on('unhandledRejection', listen);
});

afterEach(async () => {
  await settled();
  process.off('unhandledRejection', listen);
  expect(unheard).toEqual([]);
});

const faults: [string, (event: DatabaseEvent) => unknown][] = [
  [
    'throws',
    (event) => {
      throw new Error(event.type);
    },
  ],
  ['rejects', (event) => Promise.reject(new Error(event.type))],
];

test.each(faults)('a listener that %s changes no answer, and is reported', async (_, fault) => {
  const reported: unknown[] = [];
  const onEvent = fault as (event: DatabaseEvent) => void;
  const onError = (error: unknown): void => {
    reported.push((error as Error).message);
  };
  const faulty = new FaultyStore(memory);
  const db = await openDatabase(faulty, { ...OPTIONS, onEvent, onError });
  const rival = await openDatabase(memory, OPTIONS);
  expect(await db.set('a', 1)).toMatchObject({ version: 2 });
  await rival.set('b', 1);
  expect(await db.get('b')).toBe(1);
  await rival.set('b', 2);
  faulty.failBefore('put', { error: new StoreError('UNKNOWN_OUTCOME', 'lost') });
  await db.transact(async (tx) => tx.set('b', ((await tx.get<number>('b')) ?? 0) + 1));
  expect(await rival.get('b')).toBe(3);
  expect(await db.flush()).toBe(true);
  await settled();
  for (const type of ['commit', 'follow', 'rebase', 'conflict', 'unknown-outcome', 'flush'])
    expect(reported).toContain(type);
});

test.each(faults)('nobody to report a listener to that %s: as if it were not there', async (_, fault) => {
  const onEvent = fault as (event: DatabaseEvent) => void;
  const failing = (): never => {
    throw new Error('onError');
  };
  const rejecting = (() => Promise.reject(new Error('onError'))) as () => void;
  for (const onError of [undefined, failing, rejecting]) {
    const db: Database = await openDatabase(memory, { ...OPTIONS, onEvent, onError });
    await db.transact((tx) => tx.add('n', 1));
  }
  expect(await (await openDatabase(memory, OPTIONS)).get('n')).toBe(3);
});
