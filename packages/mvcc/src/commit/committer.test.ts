/** What one record takes, who waits for whom, and what a flush says. */
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const isLog = (key: string): boolean => key.startsWith('log/');

let memory: MemoryStore;
/** Sizes of the records that were put. */
let records: number[];
let recording: ObjectStore;
beforeEach(() => {
  memory = new MemoryStore();
  records = [];
  recording = {
    capabilities: memory.capabilities,
    get: (key, options) => memory.get(key, options),
    delete: (keys, options) => memory.delete(keys, options),
    list: (prefix, options) => memory.list(prefix, options),
    put: (key, bytes, options) => {
      if (isLog(key)) records.push(bytes.length);
      return memory.put(key, bytes, options);
    },
  };
});

const adds = (db: Database, t: number, count: number): Promise<void> =>
  db.transact((tx) => {
    for (let i = 0; i < count; i++) tx.add([`c${t}`, i], 1);
  });

describe('a record takes about a mebibyte', () => {
  test('of mutations too, those of large transactions included', async () => {
    const db = await openDatabase(recording, OPTIONS);
    await Promise.all([
      ...Array.from({ length: 8 }, (_, t) => adds(db, t, 8_000)),
      ...[1, 2, 3, 4, 5, 6].map((t) =>
        db.transact((tx) => {
          tx.set(['large', t], 'x'.repeat(600_000));
          for (let i = 0; i < 20_000; i++) tx.add([`l${t}`, i], 1);
        }),
      ),
    ]);
    expect(Math.max(...records)).toBeLessThan(1.2 * 1024 * 1024);
    expect(await db.get(['c7', 7_999])).toBe(1);
    expect(await db.get(['l6', 19_999])).toBe(1);
  });

  test('of what runs again in the same record too', async () => {
    const db = await openDatabase(recording, OPTIONS);
    await db.set('n', 0);
    await Promise.all(
      Array.from({ length: 12 }, (_, t) =>
        db.transact(async (tx) => {
          const n = (await tx.get<number>('n'))!;
          tx.set('n', n + 1);
          // Nothing to speak of when it joins the group.
          if (n > 0) tx.set(['pad', t], 'x'.repeat(200_000));
        }),
      ),
    );
    expect(await db.get('n')).toBe(12);
    expect(Math.max(...records)).toBeLessThan(1.3 * 1024 * 1024);
  });
});

test('mutations that no record could take are refused while they are made, and the transaction goes on', async () => {
  const db = await openDatabase(recording, OPTIONS);
  const refused = db.transact((tx) => {
    for (let i = 0; ; i++) tx.add(['k', i], 2n ** 8_000n);
  });
  await expect(refused).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', maybeCommitted: false });
  let met: unknown;
  await db.transact((tx) => {
    try {
      for (let i = 0; ; i++) tx.add(['x'.repeat(1_000), i], 2n ** 800_000n);
    } catch (error) {
      met = error;
    }
    for (let i = 0; i < 1_000; i++) tx.delete(['x'.repeat(1_000), i]);
    tx.add('n', 1);
  });
  expect(met).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  expect(await db.get('n')).toBe(1);
});

test('a producer that never pauses does not hold up the record of those who wait', async () => {
  const db = await openDatabase(recording, OPTIONS);
  const all: Promise<unknown>[] = [];
  for (let i = 0; i < 3_000; i++) {
    all.push(db.set(['k', i], i));
    await undefined;
  }
  expect(records.length).toBeGreaterThan(1);
  await Promise.all(all);
  expect(await db.count({ prefix: 'k' })).toBe(3_000);
});

describe('flush()', () => {
  test('rejects with why it could not be published, and true to its word', async () => {
    const faulty = new FaultyStore(memory);
    const db = await openDatabase(faulty, OPTIONS);
    await db.set('n', 1);
    for (const when of [isLog, (key: string) => key.startsWith('seg/')]) {
      faulty.failBefore('put', { when, error: new StoreError('DENIED', 'full') });
      await expect(db.flush()).rejects.toMatchObject({ code: 'STORE_REFUSED', maybeCommitted: false });
    }
    expect(await db.flush()).toBe(true);
    expect(await db.flush()).toBe(false);
    expect(await db.get('n')).toBe(1);
  });

  test('is false where another process was first', async () => {
    const db = await openDatabase(memory, OPTIONS);
    await db.set('n', 1);
    const gated = new GatedStore(memory, { when: ({ kind, key }) => kind === 'put' && isLog(key) });
    const other = await openDatabase(gated, OPTIONS);
    const flushed = other.flush();
    await gated.waitForPending(1);
    await db.flush();
    await gated.open();
    expect(await flushed).toBe(false);
  });

  test('in the background tells the listener why it failed, and fails no commit', async () => {
    const faulty = new FaultyStore(memory);
    const failures: unknown[] = [];
    const db = await openDatabase(faulty, {
      key: 'plaintext',
      probe: 'skip',
      onEvent: (event) => {
        if (event.type === 'flush-failed') failures.push(event.error);
      },
    });
    const error = new StoreError('DENIED', 'full');
    faulty.failBefore('put', {
      when: (key) => key.startsWith('seg/'),
      error,
      times: Number.POSITIVE_INFINITY,
    });
    for (let i = 0; i < 5; i++) await db.set(['k', i], 'x'.repeat(500_000));
    while (failures.length === 0) await settled();
    expect(failures[0]).toMatchObject({ code: 'STORE_REFUSED' });
  });
});

test('the tail owns its bytes: what came in a record does not keep the record', async () => {
  const writer = await openDatabase(memory, OPTIONS);
  for (let i = 0; i < 40; i++) await writer.set(['k', i], { pad: 'x'.repeat(100) });
  // By a jump at opening, and record by record.
  const { tip } = await openParts(memory, OPTIONS);
  for (let i = 40; i < 45; i++) await writer.set(['k', i], { pad: 'x'.repeat(100) });
  await tip.follow();
  let entries = 0;
  for (const [, { value }] of tip.view.tail.all.entries()) {
    entries++;
    expect(value!.buffer.byteLength).toBeLessThan(2 * value!.length);
  }
  expect(entries).toBe(45);
});
