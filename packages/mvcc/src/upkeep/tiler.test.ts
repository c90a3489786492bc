/** Who writes the tiles of the history tree, when, and at what cost. */
import { decodeRecordHeader, recordName } from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore, type ObjectStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, RecordingStore, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DatabaseEvent } from '../context/context.js';
import { type Database, openDatabase } from '../database.js';
import { openParts } from '../open.js';

const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;

let memory: MemoryStore;
beforeEach(() => {
  memory = new MemoryStore();
});

const tileNames = (): string[] =>
  [...memory.objects().keys()].filter((key) => key.startsWith('tile/')).sort();

/** Commits one after the other until version `to`; then lets what goes on beside them end. */
async function commitUntil(db: Database, to: number): Promise<void> {
  while (db.version < to) await db.set(['n'], db.version);
  for (let i = 0; i < 5; i++) await settled();
}

async function tiledThrough(version: number): Promise<number> {
  const { bytes } = (await memory.get(recordName(version)))!;
  return decodeRecordHeader(defaultProvider().sha256, bytes, version).tiledThrough;
}

async function open(store: ObjectStore = memory, maintenance: 'auto' | 'manual' = 'auto') {
  const events: DatabaseEvent[] = [];
  const db = await openDatabase(store, { ...OPTIONS, maintenance, onEvent: (event) => events.push(event) });
  return { db, failures: () => events.filter(({ type }) => type === 'tile-failed') };
}

describe('a stretch of 256 records', () => {
  test('is tiled beside the commits once it is whole, and the next record says so', async () => {
    const { db } = await open();
    await commitUntil(db, 255);
    expect(tileNames()).toEqual([]);
    await commitUntil(db, 256);
    expect(tileNames()).toEqual(['tile/0/000', 'tile/1/000.p/1']);
    expect(await tiledThrough(256)).toBe(0);
    await commitUntil(db, 257);
    expect(await tiledThrough(257)).toBe(256);
    await commitUntil(db, 513);
    expect(tileNames()).toEqual(['tile/0/000', 'tile/0/001', 'tile/1/000.p/1', 'tile/1/000.p/2']);
    expect(await tiledThrough(512)).toBe(256);
    expect(await tiledThrough(513)).toBe(512);
    expect(await db.verify()).toMatchObject({ problems: [], tiles: 3, unreferenced: 0 });
  });

  test('costs two PUTs, less than one in a hundred requests, and no read', async () => {
    const recording = new RecordingStore(memory);
    const { db } = await open(recording, 'manual');
    await db.close();
    recording.reset();
    const auto = await open(recording);
    await commitUntil(auto.db, 1_030);
    const tiles = recording.calls.filter(({ key }) => key.startsWith('tile/'));
    expect(tiles.filter(({ kind }) => kind !== 'put')).toHaveLength(0);
    expect(tiles.every(({ conditional }) => conditional)).toBe(true);
    expect(tiles.length / recording.calls.length).toBeLessThan(0.01);
  });

  test('is tiled by one of several writers, and the value of another is never taken back', async () => {
    const recording = new RecordingStore(memory);
    const dbs = [(await open(recording)).db, (await open(recording)).db];
    for (let i = 0; i < 600; i++) await dbs[i % 2]!.set(['n', i], i);
    for (let i = 0; i < 5; i++) await settled();
    const puts = recording.calls.filter(({ kind, key }) => kind === 'put' && key.startsWith('tile/'));
    expect(puts).toHaveLength(4);
    let last = 0;
    for (let version = 1; version <= 600; version++) {
      const tiled = await tiledThrough(version);
      expect(tiled).toBeGreaterThanOrEqual(last);
      last = tiled;
    }
    expect(last).toBe(512);
  });

  test('that nobody had whole is read by who has the next one whole', async () => {
    const { db } = await open(memory, 'manual');
    await commitUntil(db, 100);
    await db.close();
    const later = await open();
    await commitUntil(later.db, 256);
    expect(tileNames()).toEqual([]);
    await commitUntil(later.db, 512);
    expect(tileNames()).toEqual(['tile/0/000', 'tile/0/001', 'tile/1/000.p/2']);
    await commitUntil(later.db, 513);
    expect(await tiledThrough(513)).toBe(512);
    expect(later.failures()).toEqual([]);
  });

  test('goes on where another process has stopped', async () => {
    const { db } = await open();
    await commitUntil(db, 258);
    await db.close();
    const later = await open();
    await commitUntil(later.db, 800);
    expect(later.failures()).toEqual([]);
    expect(tileNames()).toContain('tile/1/000.p/3');
    expect(await later.db.verify()).toMatchObject({ problems: [], tiles: 4 });
  });
});

describe('maintain()', () => {
  test('catches up what lags', async () => {
    const { db } = await open(memory, 'manual');
    await commitUntil(db, 700);
    await db.close();
    const recording = new RecordingStore(memory);
    const later = await open(recording, 'manual');
    recording.reset();
    expect(await later.db.maintain()).toMatchObject({ tiled: true });
    expect(tileNames()).toEqual(['tile/0/000', 'tile/0/001', 'tile/1/000.p/2']);
    expect(recording.calls.filter(({ kind }) => kind === 'get').length).toBeLessThanOrEqual(512 + 2 + 20);
    expect(await later.db.maintain()).toMatchObject({ tiled: false });
    await later.db.set('x', 1);
    expect(await tiledThrough(later.db.version)).toBe(512);
    expect(await later.db.verify()).toMatchObject({ problems: [], tiles: 3, unreferenced: 0 });
  });

  test('writes nothing that does not lead to the history it knows', async () => {
    const { db } = await open(memory, 'manual');
    await commitUntil(db, 300);
    const other = new MemoryStore();
    const { db: foreign } = await open(other, 'manual');
    await commitUntil(foreign, 50);
    await db.close();
    const later = await open(memory, 'manual');
    const honest = (await memory.get(recordName(40)))!.bytes;
    await memory.put(recordName(40), (await other.get(recordName(40)))!.bytes);
    await expect(later.db.maintain()).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(tileNames()).toEqual([]);
    await memory.put(recordName(40), honest);
    expect(await later.db.maintain()).toMatchObject({ tiled: true });
  });
});

describe('a tile that is there already', () => {
  test('is fine with the same bytes: another process was faster', async () => {
    const { db } = await open(memory, 'manual');
    await commitUntil(db, 260);
    const [one, other] = [await open(memory, 'manual'), await open(memory, 'manual')];
    await Promise.all([one.db.maintain(), other.db.maintain()]);
    expect(tileNames()).toHaveLength(2);
  });

  test('with other bytes is CORRUPT, told by its name, and no record names it', async () => {
    const { db, failures } = await open();
    await memory.put('tile/0/000', new Uint8Array(8_192));
    await commitUntil(db, 600);
    expect(failures()[0]).toMatchObject({
      error: { code: 'CORRUPT', message: expect.stringContaining('tile/0/000') },
    });
    // Once a stretch, not at every commit.
    expect(failures()).toHaveLength(2);
    expect(await tiledThrough(600)).toBe(0);
    await memory.delete(['tile/0/000']);
    await commitUntil(db, 769);
    expect(await tiledThrough(769)).toBe(768);
  });
});

test('a store that takes no tiles fails no commit, and is told', async () => {
  const faulty = new FaultyStore(memory);
  faulty.failBefore('put', {
    when: (key) => key.startsWith('tile/'),
    error: new StoreError('DENIED', 'full'),
    times: Number.POSITIVE_INFINITY,
  });
  const { db, failures } = await open(faulty);
  await commitUntil(db, 260);
  expect(failures()).toMatchObject([{ error: { code: 'STORE_REFUSED' } }]);
  expect(await tiledThrough(260)).toBe(0);
});

describe('verify()', () => {
  test.each(['tile/0/001', 'tile/1/000.p/3'])('names a damaged or missing tile: %s', async (name) => {
    const { db } = await open();
    await commitUntil(db, 770);
    const bytes = (await memory.get(name))!.bytes;
    await memory.put(name, bytes.with(33, bytes[33]! ^ 1));
    const damaged = await db.verify();
    expect(damaged.problems).toEqual([expect.stringContaining(name)]);
    await memory.delete([name]);
    expect((await db.verify()).problems).toEqual([expect.stringContaining(name)]);
    await memory.put(name, bytes);
    await memory.put('tile/0/999', bytes);
    expect(await db.verify()).toMatchObject({ problems: [], unreferenced: 1 });
  });
});

test('a reader that only follows writes no tiles', async () => {
  const { db } = await open(memory, 'manual');
  const { tip } = await openParts(memory, OPTIONS);
  while (db.version < 600) {
    await db.set(['n'], db.version);
    if (db.version % 10 === 0) await tip.follow();
  }
  expect(tip.view.version).toBe(600);
  expect(tileNames()).toEqual([]);
});
