/** A writer whose own tip is gone from the store stops, instead of writing over a new log. */
import { recordName } from '@holdfast/core';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, ManualClock, RecordingStore } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../database.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;
const FOREVER = { times: Number.POSITIVE_INFINITY };

let memory: MemoryStore;
let faulty: FaultyStore;
let store: RecordingStore;
let clock: ManualClock;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  faulty = new FaultyStore(memory);
  store = new RecordingStore(faulty);
  clock = new ManualClock();
  db = await openDatabase(store, { ...OPTIONS, clock });
  await db.set('n', 0);
  await db.set('n', 1);
  store.reset();
});

const kinds = (): string[] => store.calls.map(({ kind, key }) => `${kind} ${key.slice(0, 4)}`);
const empty = (): Promise<void> => memory.delete([...memory.objects().keys()]);

async function stops(work: Promise<unknown>, code: string): Promise<void> {
  await expect(work).rejects.toMatchObject({ code });
  await expect(db.set('later', 1)).rejects.toMatchObject({ code });
  await expect(db.get('n')).rejects.toMatchObject({ code });
}

describe('a log that was emptied under a writer', () => {
  test('is noticed at its next commit', async () => {
    await clock.advance(1_000);
    await empty();
    const write = db.set('a', 1);
    await expect(write).rejects.toMatchObject({ code: 'ROLLBACK', maybeCommitted: true });
    await stops(write, 'ROLLBACK');
  });

  test('is noticed by one who commits all the time, though it then builds on records of its own', async () => {
    let stopped: unknown;
    let emptied = false;
    let after = 0;
    for (let i = 0; i < 40 && !stopped; i++) {
      if (i === 15) {
        await empty();
        emptied = true;
      }
      await clock.advance(100);
      await db.set('n', i).then(
        () => {
          if (emptied) after++;
        },
        (error: unknown) => {
          stopped = error;
        },
      );
    }
    expect(stopped).toMatchObject({ code: 'ROLLBACK' });
    expect(after).toBeLessThanOrEqual(20);
  });

  test('and filled with a new database is no log of this one', async () => {
    await clock.advance(1_000);
    await empty();
    const other = await openDatabase(memory, OPTIONS);
    await other.set('other', 1);
    const { version } = other;
    // The new log is shorter than ours: our slot is free in it.
    expect(version).toBeLessThan(db.version + 1);
    const write = db.set('a', 1);
    await expect(write).rejects.toMatchObject({ code: 'ROLLBACK', maybeCommitted: true });
    await stops(write, 'ROLLBACK');
  });
});

test('another record in the place of the one that was built on is FORK', async () => {
  const copy = new MemoryStore();
  for (const [key, bytes] of memory.objects()) await copy.put(key, bytes);
  const branch = await openDatabase(copy, OPTIONS);
  const { version } = await branch.set('branch', 1);
  await db.set('n', 2);
  // The look is at the record that was the tip when it was last known to be.
  await clock.advance(1_000);
  await db.set('n', 3);
  await clock.advance(1_000);
  await memory.put(recordName(version), copy.objects().get(recordName(version))!);
  await stops(db.set('a', 1), 'FORK');
});

describe('what the look costs', () => {
  test('nothing within a second, then 32 bytes beside the PUT, once a second', async () => {
    await db.set('n', 2);
    expect(kinds()).toEqual(['put log/']);
    await clock.advance(1_000);
    store.reset();
    await db.set('n', 3);
    expect(kinds()).toEqual(['get log/', 'put log/']);
    expect(store.sequentialDepth()).toBe(1);
    expect(store.calls[0]!.range).toEqual({ offset: -32, length: 32 });
    store.reset();
    await db.set('n', 4);
    expect(kinds()).toEqual(['put log/']);
  });

  test('no commit when the store does not answer it', async () => {
    await clock.advance(1_000);
    faulty.hang('get', FOREVER);
    const began = clock.monotonic();
    await clock.runUntil(db.set('n', 2));
    expect(clock.monotonic() - began).toBe(50);
    await db.set('n', 3);
    expect(kinds()).toEqual(['get log/', 'put log/', 'put log/']);
  });

  test('a wait where the answer is a doubt: without a settled one no commit is acknowledged', async () => {
    const impatient = await openDatabase(store, { ...OPTIONS, clock, commitTimeoutMs: 1_000 });
    await clock.advance(1_000);
    await memory.delete([recordName(3)]);
    faulty.hang('get', { ...FOREVER, when: () => store.calls.at(-1)?.range === undefined });
    const write = clock.runUntil(impatient.set('a', 1));
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
  });

  test('no stop when it can not be learnt: the next commit looks again', async () => {
    await clock.advance(1_000);
    faulty.failBefore('get', { error: new StoreError('DENIED', 'no'), ...FOREVER });
    await db.set('n', 2);
    await db.set('n', 3);
    expect(kinds().filter((kind) => kind === 'get log/')).toHaveLength(2);
    expect(await (await openDatabase(memory, OPTIONS)).get('n')).toBe(3);
  });

  test('nothing after half the grace period: the tip is then found anew', async () => {
    await clock.advance(13 * 3_600_000);
    await db.set('n', 2);
    expect(store.calls.filter(({ range }) => range !== undefined)).toEqual([]);
  });
});
