/**
 * What holds when old log slots have been collected: a writer or reader that slept through it must not take an
 * empty slot for a free one. (GC itself is not there yet; its two steps are made by hand: a record that raises
 * the floor, then deletion.)
 */
import { recordName } from '@holdfast/core';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from './database.js';
import { openParts } from './open.js';
import { RecordBuilder } from './record-builder.js';
import { View } from './view.js';

const HOUR = 3_600_000;
const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;

let memory: MemoryStore;
let clock: ManualClock;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  clock = new ManualClock();
  db = await openDatabase(memory, { ...OPTIONS, clock });
  await db.set('n', 0);
});

/** Raises the floor to the newest version and deletes every record below it. */
async function collectGarbage(): Promise<void> {
  const { context, tip } = await openParts(memory, OPTIONS);
  const { view } = tip;
  const builder = new RecordBuilder(context, context.random(16), undefined);
  const raised = new View({ ...view, tail: view.tail, floor: view.version, tailBytes: 0 } as never, context);
  const { record, bytes } = await builder.build(raised, [], undefined);
  await memory.put(recordName(record.version), bytes, { ifAbsent: true });
  for (let v = 1; v < view.version; v++) await memory.delete([recordName(v)]);
}

/** Others write on, and the past is collected. */
async function othersGoOn(count: number): Promise<void> {
  const other = await openDatabase(memory, OPTIONS);
  for (let i = 0; i < count; i++) await other.set(['other', i], i);
  await other.flush();
  await collectGarbage();
  await other.close();
}

/** The bucket's calls, for a store that changes some of them. */
function passing(): ObjectStore {
  return {
    capabilities: memory.capabilities,
    get: (key, options) => memory.get(key, options),
    put: (key, bytes, options) => memory.put(key, bytes, options),
    list: (prefix, options) => memory.list(prefix, options),
    delete: (keys) => memory.delete(keys),
  };
}

/** The machine was suspended for a day: its wall clock shows it, its monotonic clock and its timers don't. */
function suspend(): void {
  clock.setWall(clock.now() + 25 * HOUR);
}

describe('after a sleep through GC', () => {
  test('a reader finds the tip anew instead of probing a reopened slot', async () => {
    await othersGoOn(30);
    await clock.advance(25 * HOUR);
    expect(await db.get(['other', 29])).toBe(29);
  });

  test('a writer does not commit into a reopened slot', async () => {
    await othersGoOn(30);
    await clock.advance(25 * HOUR);
    const { version } = await db.set('mine', 1);
    expect(version).toBeGreaterThan(30);
    expect(await (await openDatabase(memory, OPTIONS)).get('mine')).toBe(1);
  });

  test('a writer that slept between its look and its PUT does not acknowledge an orphan', async () => {
    let sleep = true;
    const sleepy: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        if (sleep && key.startsWith('log/')) {
          sleep = false;
          await othersGoOn(30);
          suspend();
        }
        return memory.put(key, bytes, options);
      },
    };
    const writer = await openDatabase(sleepy, { ...OPTIONS, clock });
    const { version } = await writer.set('mine', 1);
    expect(version).toBeGreaterThan(30);
    expect(await (await openDatabase(memory, OPTIONS)).get('mine')).toBe(1);
  });

  test('a writer whose first PUT had an unknown outcome can not tell, and says so', async () => {
    let puts = 0;
    const sleepy: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        if (!key.startsWith('log/')) return memory.put(key, bytes, options);
        puts++;
        if (puts === 1) throw new StoreError('UNKNOWN_OUTCOME', 'reset');
        await othersGoOn(30);
        suspend();
        return memory.put(key, bytes, options);
      },
    };
    const writer = await openDatabase(sleepy, { ...OPTIONS, clock });
    const write = writer.set('mine', 1);
    await expect(clock.runUntil(write)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      maybeCommitted: true,
    });
  });

  test('a writer whose doubled PUT finds its own orphan below the floor can not tell either', async () => {
    let first = true;
    const doubling: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        if (first && key.startsWith('log/')) {
          first = false;
          await othersGoOn(30);
          suspend();
          await memory.put(key, bytes, options);
        }
        return memory.put(key, bytes, options);
      },
    };
    const writer = await openDatabase(doubling, { ...OPTIONS, clock });
    await expect(writer.set('mine', 1)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      maybeCommitted: true,
    });
  });

  test('an open snapshot of a collected version says SNAPSHOT_EXPIRED', async () => {
    await othersGoOn(30);
    await clock.advance(25 * HOUR);
    await db.get('n');
    await expect(db.snapshot({ at: 5 })).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
  });

  test('a transaction that began below the floor is run again', async () => {
    let runs = 0;
    await db.transact(async (tx) => {
      runs++;
      await tx.get('n');
      if (runs === 1) {
        await othersGoOn(30);
        await clock.advance(25 * HOUR);
      }
      tx.set('mine', runs);
    });
    expect(runs).toBe(2);
  });
});

describe('maybeCommitted is true to its word', () => {
  test('when the record was created and the store then fell silent', async () => {
    let silent = false;
    const falling: ObjectStore = {
      ...passing(),
      get: async (key, options) => {
        if (silent) throw new StoreError('UNAVAILABLE', 'gone');
        return memory.get(key, options);
      },
      put: async (key, bytes, options) => {
        if (silent) throw new StoreError('UNAVAILABLE', 'gone');
        await memory.put(key, bytes, options);
        // Created, and the answer says "occupied", as a doubled PUT's does; the slot can't be read any more.
        silent = true;
        return { occupied: true };
      },
    };
    const writer = await openDatabase(falling, { ...OPTIONS, clock, commitTimeoutMs: 5_000 });
    const write = writer.set('mine', 1);
    await expect(clock.runUntil(write)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      maybeCommitted: true,
    });
    expect(await (await openDatabase(memory, OPTIONS)).get('mine')).toBe(1);
  });
});
