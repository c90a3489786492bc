/**
 * What holds when old log slots have been collected: a writer or reader that slept through it must not take an
 * empty slot for a free one. (GC itself is not there yet; its two steps are made by hand: a record that raises
 * the floor, then deletion.)
 */
import { recordName, STREAM_PART_BYTES, TILE_WIDTH } from '@holdfast/core';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { ManualClock } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { plan } from '../commit/plan.js';
import { RecordBuilder } from '../commit/record-builder.js';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';

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

/** Raises the floor to the newest version and deletes every record below it that is tiled. */
async function collectGarbage(): Promise<void> {
  const floor = await raiseFloor(0);
  const { tip } = await openParts(memory, OPTIONS);
  for (let v = 1; v < floor && v <= tip.view.tiledThrough; v++) await memory.delete([recordName(v)]);
}

/** @param above how far above the newest version. */
async function raiseFloor(above = 1): Promise<number> {
  const { context, tip } = await openParts(memory, OPTIONS);
  const { view } = tip;
  const builder = new RecordBuilder(context, context.random(16), undefined);
  const floor = view.version + above;
  const raised = plan(view, undefined, [{ applyTo: (state) => ({ ...state, floor }) }]);
  const { record, bytes } = await builder.build(raised);
  await memory.put(recordName(record.version), bytes, { ifAbsent: true });
  return floor;
}

/** Others write on, and the past is collected. */
async function othersGoOn(count: number): Promise<void> {
  const other = await openDatabase(memory, OPTIONS);
  for (let i = 0; i < count; i++) await other.set(['other', i], i);
  // As many as it takes for them to be tiled.
  while (other.version % TILE_WIDTH !== 0) await other.set('filler', other.version);
  await other.maintain();
  await other.flush();
  await collectGarbage();
  await other.close();
}

/** The process is suspended while others write, and what they made old is collected. */
async function sleepThroughGc(count: number): Promise<void> {
  await othersGoOn(count);
  suspend();
}

async function newProcessReads(key: string): Promise<unknown> {
  return (await openDatabase(memory, OPTIONS)).get(key);
}

/** A record that follows the newest one and lost the race for its slot: a late PUT may still bring it. */
async function strayRecord(): Promise<{ version: number; land: () => Promise<unknown> }> {
  let stray: { name: string; bytes: Uint8Array } | undefined;
  const losing: ObjectStore = {
    ...passing(),
    put: async (name, bytes) => {
      stray = { name, bytes };
      throw new StoreError('DENIED', 'it stays on its way');
    },
  };
  const loser = await openDatabase(losing, OPTIONS);
  const version = loser.version + 1;
  await expect(loser.set('stray', 1)).rejects.toMatchObject({ code: 'STORE_REFUSED' });
  return { version, land: () => memory.put(stray!.name, stray!.bytes, { ifAbsent: true }) };
}

/**
 * A process that, once told, sleeps through GC before its next GET of a record is sent, or `'after'` it was
 * answered.
 */
async function openSleepy(
  when: 'before' | 'after' = 'before',
  then: () => Promise<unknown> = async () => {},
): Promise<{ reader: Database; asleep: () => void }> {
  let due = false;
  const sleep = async (): Promise<void> => {
    await sleepThroughGc(5);
    await then();
  };
  const sleepy: ObjectStore = {
    ...passing(),
    get: async (key, options) => {
      const now = due && key.startsWith('log/');
      if (now) due = false;
      if (now && when === 'before') await sleep();
      const found = await memory.get(key, options);
      if (now && when === 'after') await sleep();
      return found;
    },
  };
  const reader = await openDatabase(sleepy, { ...OPTIONS, clock });
  return {
    reader,
    asleep: () => {
      due = true;
    },
  };
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
    await db.flush();
    let sleep = true;
    const sleepy: ObjectStore = {
      ...passing(),
      get: async (key, options) => {
        const found = await memory.get(key, options);
        if (sleep && key.startsWith('seg/')) {
          sleep = false;
          await sleepThroughGc(30);
        }
        return found;
      },
    };
    const writer = await openDatabase(sleepy, { ...OPTIONS, clock });
    // Nothing was read in the body: what `add` adds to is read when the record is made.
    const result = await writer.atomic().add('n', 5).commit();
    expect(result).toMatchObject({ ok: true });
    expect(result.ok && result.version).toBeGreaterThan(30);
    expect(await newProcessReads('n')).toBe(5);
  });

  test('a writer that slept during its PUT can not tell whether an earlier copy of it was committed', async () => {
    for (const earlierCopy of [false, true]) {
      let sleep = true;
      const sleepy: ObjectStore = {
        ...passing(),
        put: async (key, bytes, options) => {
          if (sleep && key.startsWith('log/')) {
            sleep = false;
            if (earlierCopy) await memory.put(key, bytes, options);
            await sleepThroughGc(30);
          }
          return memory.put(key, bytes, options);
        },
      };
      const writer = await openDatabase(sleepy, { ...OPTIONS, clock });
      const write = writer.atomic().add('mine', 1).commit();
      await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
      expect(await newProcessReads('mine')).toBe(earlierCopy ? 1 : undefined);
    }
  });

  test('a writer whose record has sunk below the floor before it hears of it does not commit twice', async () => {
    let first = true;
    const slow: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        const result = await memory.put(key, bytes, options);
        if (first && key.startsWith('log/')) {
          first = false;
          await othersGoOn(1);
          clock.setWall(clock.now() + 2 * HOUR);
        }
        return result;
      },
    };
    const writer = await openDatabase(slow, { ...OPTIONS, clock });
    await clock.advance(11 * HOUR);
    const write = writer.atomic().add('mine', 1).commit();
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    expect(await newProcessReads('mine')).toBe(1);
  });

  test('a writer does not acknowledge an orphan because a reader beside it found the new tip', async () => {
    let sleep = true;
    const sleepy: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        if (sleep && key.startsWith('log/')) {
          sleep = false;
          await sleepThroughGc(30);
          expect(await writer.get(['other', 29])).toBe(29);
        }
        return memory.put(key, bytes, options);
      },
    };
    const writer: Database = await openDatabase(sleepy, { ...OPTIONS, clock });
    const write = writer.set('mine', 1);
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
  });

  test('a fence that lands in a reopened slot does not prove that nothing happened', async () => {
    for (const arrives of [false, true]) {
      let puts = 0;
      let deaf = false;
      const sleepy: ObjectStore = {
        ...passing(),
        get: async (key, options) => {
          if (deaf) throw new StoreError('UNAVAILABLE', 'no answer');
          return memory.get(key, options);
        },
        put: async (key, bytes, options) => {
          if (!key.startsWith('log/')) return memory.put(key, bytes, options);
          puts++;
          if (puts === 1) {
            if (arrives) await memory.put(key, bytes, options);
            deaf = true;
            throw new StoreError('UNKNOWN_OUTCOME', 'reset');
          }
          deaf = false;
          // The second PUT is the fence: the time for the commit was over before.
          await sleepThroughGc(30);
          return memory.put(key, bytes, options);
        },
      };
      const writer = await openDatabase(sleepy, { ...OPTIONS, clock, commitTimeoutMs: 0 });
      const write = clock.runUntil(writer.set('mine', 1));
      await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
      expect(puts).toBe(2);
      expect(await newProcessReads('mine')).toBe(arrives ? 1 : undefined);
    }
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

  test('a writer that sleeps before it reads the slot it lost does not take its own late copy for the record', async () => {
    let lost: { key: string; bytes: Uint8Array } | undefined;
    let gets = 0;
    const sleepy: ObjectStore = {
      ...passing(),
      get: async (key, options) => {
        // Its tip jumped over the record in its slot, so it has to read that one again.
        if (key === lost?.key && ++gets === 1) {
          await sleepThroughGc(5);
          await memory.put(key, lost.bytes, { ifAbsent: true });
        }
        return memory.get(key, options);
      },
      put: async (key, bytes, options) => {
        if (!lost && key.startsWith('log/')) {
          lost = { key, bytes };
          const other = await openDatabase(memory, OPTIONS);
          for (let i = 0; i < 30; i++) await other.set(['rival', i], i);
          suspend();
        }
        return memory.put(key, bytes, options);
      },
    };
    const writer = await openDatabase(sleepy, { ...OPTIONS, clock });
    const write = clock.runUntil(writer.atomic().add('mine', 1).commit());
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    expect(gets).toBe(1);
    expect(await newProcessReads('mine')).toBe(undefined);
  });

  test('a reader that sleeps while its probe is under way does not miss what was acknowledged before', async () => {
    const other = await openDatabase(memory, OPTIONS);
    const { reader, asleep } = await openSleepy();
    await other.set('n', 1);
    asleep();
    expect(await reader.get('n')).toBe(1);
  });

  test('a reader that sleeps while its probe is under way does not take an orphan for a record', async () => {
    const stray = await strayRecord();
    const { reader, asleep } = await openSleepy('before', stray.land);
    asleep();
    expect(await reader.get('stray')).toBe(undefined);
    expect(await reader.get(['other', 4])).toBe(4);
  });

  test('a process that sleeps after listing the tip does not read a late PUT in its place', async () => {
    const { reader, asleep } = await openSleepy('before', () => stray.land());
    await othersGoOn(5);
    const stray = await strayRecord();
    await (await openDatabase(memory, OPTIONS)).set('n', 1);
    await clock.advance(13 * HOUR);
    asleep();
    expect(await reader.get('stray')).toBe(undefined);
    expect(await reader.get(['other', 4])).toBe(4);
  });

  test('a process that sleeps between the listing and its probe does not confirm what it knows', async () => {
    const { reader, asleep } = await openSleepy('after');
    await othersGoOn(5);
    await clock.advance(13 * HOUR);
    asleep();
    await reader.get('n');
    await reader.set('mine', 1);
    expect(await newProcessReads('mine')).toBe(1);
  });

  test('opening while asleep does not start from an orphan', async () => {
    const stray = await strayRecord();
    await db.set('n', 1);
    let sleep = true;
    const sleepy: ObjectStore = {
      ...passing(),
      get: async (key, options) => {
        if (sleep && key.startsWith('log/')) {
          sleep = false;
          await sleepThroughGc(5);
          await stray.land();
        }
        return memory.get(key, options);
      },
    };
    const reader = await openDatabase(sleepy, { ...OPTIONS, clock });
    expect(await (await reader.snapshot()).get('stray')).toBe(undefined);
    expect(await reader.get(['other', 4])).toBe(4);
  });

  test('a version that was collected, and whose slot was taken again, is expired', async () => {
    const stray = await strayRecord();
    await db.set('n', 1);
    await db.set('n', 2);
    await othersGoOn(5);
    await clock.advance(25 * HOUR);
    await stray.land();
    await expect(db.snapshot({ at: stray.version })).rejects.toMatchObject({ code: 'SNAPSHOT_EXPIRED' });
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

describe('what was uploaded below the floor', () => {
  test('a flush is not published: its segments may be collected', async () => {
    let first = true;
    const slow: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        const result = await memory.put(key, bytes, options);
        if (first && key.startsWith('seg/')) {
          first = false;
          await raiseFloor();
        }
        return result;
      },
    };
    const writer = await openDatabase(slow, { ...OPTIONS, clock, maintenance: 'manual' });
    expect(await writer.flush()).toBe(false);
    expect(await writer.flush()).toBe(true);
    expect(await newProcessReads('n')).toBe(0);
  });

  test('a large transaction is uploaded again', async () => {
    let segments = 0;
    const slow: ObjectStore = {
      ...passing(),
      put: async (key, bytes, options) => {
        const result = await memory.put(key, bytes, options);
        if (key.startsWith('seg/') && ++segments === 1) await raiseFloor();
        return result;
      },
    };
    const writer = await openDatabase(slow, { ...OPTIONS, clock, maintenance: 'manual' });
    await writer.set('large', 'x'.repeat(600 * 1024));
    expect(segments).toBe(2);
    expect(await newProcessReads('large')).toHaveLength(600 * 1024);
  });

  const part = new Uint8Array(STREAM_PART_BYTES);
  const nothingNamed = async (): Promise<void> => {
    const other = await openDatabase(memory, OPTIONS);
    expect(await other.get('film')).toBeUndefined();
    expect(other.stats().segments).toBe(0);
    expect(await other.verify()).toMatchObject({ ok: true, problems: [] });
  };

  test('a stream is not published, and its caller is told: its source was read', async () => {
    const writer = await openDatabase(memory, { ...OPTIONS, clock, maintenance: 'manual' });
    let begun = 0;
    const source = {
      async *[Symbol.asyncIterator]() {
        begun++;
        yield part;
        yield part;
        await raiseFloor();
      },
    };
    const writing = writer.setStream('film', source);
    await expect(writing).rejects.toMatchObject({
      code: 'TRANSACTION_TOO_OLD',
      message: expect.stringMatching(/upload of this stream began at version 2.*Send the stream again/s),
    });
    expect(begun).toBe(1);
    await nothingNamed();
    await writer.setStream('film', [part]);
    expect(await newProcessReads('film')).toMatchObject({ bytes: part.length });
  });

  test('a stream is given up at its next part', async () => {
    const writer = await openDatabase(memory, { ...OPTIONS, clock, maintenance: 'manual' });
    let parts = 0;
    const source = (async function* () {
      for (; parts < 10; parts++) {
        yield part;
        if (parts === 1) await raiseFloor();
        await writer.get('n');
      }
    })();
    await expect(writer.setStream('film', source)).rejects.toMatchObject({ code: 'TRANSACTION_TOO_OLD' });
    expect(parts).toBe(2);
    await nothingNamed();
  });

  /** Two segments, as soon as it is asked for a row after them. */
  const rows = function* (): Generator<[unknown[], Uint8Array]> {
    for (let i = 0; i < 4; i++) yield [['film', i], new Uint8Array(9 * 1024 * 1024)];
  };

  test('a load is not published, and its caller is told: its source was read', async () => {
    const writer = await openDatabase(memory, { ...OPTIONS, clock, maintenance: 'manual' });
    const source = async function* () {
      yield* rows();
      await raiseFloor();
    };
    await expect(writer.load(source() as never)).rejects.toMatchObject({
      code: 'TRANSACTION_TOO_OLD',
      message: expect.stringMatching(/began at version 2/),
    });
    await nothingNamed();
    expect(await writer.load(rows() as never)).toMatchObject({ entries: 4 });
    expect(await newProcessReads(['film', 3])).toHaveLength(9 * 1024 * 1024);
  });

  test('a load is given up at its next segment', async () => {
    const writer = await openDatabase(memory, { ...OPTIONS, clock, maintenance: 'manual' });
    let given = 0;
    const source = (async function* () {
      for (let i = 0; i < 10; i++, given++) {
        for (const [[, n], value] of rows()) yield [['film', i, n], value];
        if (i === 0) await raiseFloor();
        await writer.get('n');
      }
    })();
    await expect(writer.load(source as never)).rejects.toMatchObject({ code: 'TRANSACTION_TOO_OLD' });
    expect(given).toBeLessThan(3);
    await nothingNamed();
  });
});
