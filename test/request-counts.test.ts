/** What each operation costs in requests and in round trips: the promise of DESIGN's "what must be true". */
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock, RecordingStore } from '@holdfast/object-store/testing';
import { describe, expect, test } from 'vitest';
import { collect, openTestDatabase, seed } from './support/database.js';

const kinds = (store: RecordingStore): string[] =>
  store.calls.map((call) => `${call.kind} ${call.key.slice(0, 4)}`);

/** A database with a tail, and its bucket seen through a recorder. */
async function recorded(
  fill: (db: Awaited<ReturnType<typeof openTestDatabase>>) => Promise<void>,
  options: Parameters<typeof openTestDatabase>[1] = {},
) {
  const memory = new MemoryStore();
  const db = await openTestDatabase(memory, options);
  await fill(db);
  await db.close();
  return { memory, store: new RecordingStore(memory) };
}

describe('a commit', () => {
  test('is exactly one request when nobody else writes', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store, { clock: new ManualClock() });
    store.reset();
    await db.set('a', 1);
    expect(kinds(store)).toEqual(['put log/']);
    expect(store.calls[0]!.conditional).toBe(true);
  });

  test('of a read-modify-write on known state is one request too', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store, { clock: new ManualClock() });
    store.reset();
    await db.transact(async (tx) => tx.set('n', (((await tx.get('n')) as number) ?? 0) + 1));
    await db.transact((tx) => tx.add('n', 1));
    expect(kinds(store)).toEqual(['put log/', 'put log/']);
  });

  test('a second after the last look sees beside its request whether the log is still there', async () => {
    const clock = new ManualClock();
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store, { clock });
    await clock.advance(1_000);
    store.reset();
    await db.set('a', 1);
    expect(kinds(store)).toEqual(['get log/', 'put log/']);
    expect(store.sequentialDepth()).toBe(1);
    store.reset();
    await db.set('a', 2);
    expect(kinds(store)).toEqual(['put log/']);
  });

  test('across a flush asks no segment whether what it read has changed', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const clock = new ManualClock();
    const db = await openTestDatabase(store, { clock, maintenance: 'manual', cacheBytes: 0 });
    await db.transact(async (tx) => {
      await tx.get(['seed', 1]);
      await db.flush();
      store.reset();
      tx.add(['seed', 'n'], 1);
    });
    expect(kinds(store)).toEqual(['put log/']);
  });

  test('of many concurrent transactions shares records', async () => {
    const { store } = await recorded((db) => seed(db, 1));
    const db = await openTestDatabase(store, { clock: new ManualClock() });
    store.reset();
    await Promise.all(Array.from({ length: 64 }, (_, i) => db.set(['k', i], i)));
    expect(store.calls.length).toBeLessThanOrEqual(2);
  });

  test('that lost its slot is one read and one more put', async () => {
    const { memory, store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store, { clock: new ManualClock() });
    const rival = await openTestDatabase(memory);
    await rival.set('rival', 1);
    store.reset();
    await db.set('mine', 1);
    expect(store.sequentialDepth()).toBe(3);
    expect(kinds(store).filter((kind) => kind.startsWith('put'))).toHaveLength(2);
    expect(await rival.get('mine')).toBe(1);
  });
});

describe('opening', () => {
  test('a small database is two requests, and writes nothing', async () => {
    const { memory, store } = await recorded((db) => seed(db, 3));
    const before = new Map(memory.objects());
    const db = await openTestDatabase(store);
    expect(kinds(store)).toEqual(['list log/', 'get log/']);
    await db.close();
    expect(new Map(memory.objects())).toEqual(before);
  });

  test('with segments, manifest pages and holders is at most three in sequence', async () => {
    const { memory, store } = await recorded(
      async (db) => {
        for (let i = 0; i < 100; i++) {
          await db.set(['run', i], i);
          await db.flush();
        }
        await seed(db, 120, 500);
        // Nobody merges them.
      },
      { maintenance: 'manual' },
    );
    const names = [...memory.objects().keys()];
    expect(names.some((name) => name.startsWith('man/'))).toBe(true);
    const db = await openTestDatabase(store);
    expect(db.stats().tailHolders).toBeGreaterThan(0);
    expect(db.stats().segments).toBe(100);
    expect(store.sequentialDepth()).toBeLessThanOrEqual(3);
    expect(store.calls.every((call) => call.kind === 'get' || call.kind === 'list')).toBe(true);
  });

  test('a store that the database has used before sends no probe, not even at the first write', async () => {
    const { store } = await recorded((db) => seed(db, 1));
    const db = await openTestDatabase(store);
    await db.set('a', 1);
    expect(store.calls.filter((call) => call.key.startsWith('probe/'))).toEqual([]);
  });

  test('through another endpoint probes it once, before the first write', async () => {
    const { memory } = await recorded((db) => seed(db, 1));
    const elsewhere = new RecordingStore({
      capabilities: memory.capabilities,
      identity: 'elsewhere',
      get: (key, options) => memory.get(key, options),
      put: (key, bytes, options) => memory.put(key, bytes, options),
      delete: (keys, options) => memory.delete(keys, options),
      list: (prefix, options) => memory.list(prefix, options),
    });
    const db = await openTestDatabase(elsewhere);
    expect(elsewhere.calls).toHaveLength(2);
    await db.set('a', 1);
    const probes = elsewhere.calls.filter((call) => call.key.startsWith('probe/'));
    expect(probes.length).toBeGreaterThan(0);
    elsewhere.reset();
    await (await openTestDatabase(elsewhere)).set('b', 1);
    expect(kinds(elsewhere)).toEqual(['list log/', 'get log/', 'put log/']);
  });

  test('an empty prefix read-only writes nothing', async () => {
    const memory = new MemoryStore();
    await expect(openTestDatabase(memory, { readOnly: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(memory.objects().size).toBe(0);
  });
});

describe('reading', () => {
  test('strongly what is cached is one request', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store);
    store.reset();
    expect(await db.get(['seed', 1])).toBe('x'.repeat(10));
    expect(kinds(store)).toEqual(['get log/']);
  });

  test('of a snapshot is none where it is cached; taking it asks for the tip, unless that was just confirmed', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store);
    store.reset();
    await db.snapshot();
    expect(kinds(store)).toEqual(['get log/']);
    store.reset();
    const snapshot = await db.snapshot({ maxStalenessMs: 60_000 });
    expect(await snapshot.get(['seed', 1])).toBe('x'.repeat(10));
    expect(await collect(snapshot.list())).toHaveLength(3);
    expect(await db.get(['seed', 1], { maxStalenessMs: 60_000 })).toBe('x'.repeat(10));
    expect(store.calls).toEqual([]);
  });

  test('many keys strongly at once share one probe', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store);
    store.reset();
    await Promise.all(Array.from({ length: 50 }, (_, i) => db.get(['seed', i % 3])));
    expect(store.calls).toHaveLength(1);
    store.reset();
    const reader = async () => {
      for (let i = 0; i < 20; i++) await db.get(['seed', i % 3]);
    };
    await Promise.all(Array.from({ length: 16 }, reader));
    expect(store.calls.length).toBeLessThanOrEqual(25);
  });

  test('before the keys of large requests, cold, asks none of their segments', async () => {
    const { store } = await recorded(async (db) => {
      for (let n = 0; n < 3; n++)
        await db.transact(
          (tx) => {
            for (let i = 0; i < 2000; i++) tx.set(['z', n, i], 'x'.repeat(300));
          },
          { requestId: `large ${n}` },
        );
      expect(db.stats().segments).toBeGreaterThanOrEqual(3);
    });
    const db = await openTestDatabase(store);
    expect(await db.outcome('large 1')).toMatchObject({ status: 'committed' });
    const snapshot = await db.snapshot();
    store.reset();
    expect(await snapshot.get(['a', 1])).toBeUndefined();
    expect(await collect(snapshot.list({ prefix: ['a'] }, { reverse: true }))).toEqual([]);
    expect(store.calls).toEqual([]);
  });

  test('a point in segments, cold, is at most two round trips, the probe beside them', async () => {
    const { store } = await recorded((db) =>
      db.transact((tx) => {
        for (let i = 0; i < 20_000; i++) tx.set(['k', i], `value ${i} ${'x'.repeat(50)}`);
      }),
    );
    const db = await openTestDatabase(store);
    store.reset();
    expect(await db.get(['k', 12_345])).toContain('value 12345');
    expect(store.sequentialDepth()).toBeLessThanOrEqual(2);
    store.reset();
    const snapshot = await db.snapshot({ maxStalenessMs: 60_000 });
    expect(await snapshot.get(['k', 12_346])).toContain('value 12346');
    expect(store.calls).toEqual([]);
  });

  test('an absent key costs no block', async () => {
    const { store } = await recorded((db) =>
      db.transact((tx) => {
        for (let i = 0; i < 20_000; i++) tx.set(['k', i * 2], 'x'.repeat(50));
      }),
    );
    const db = await openTestDatabase(store);
    const snapshot = await db.snapshot();
    await snapshot.get(['k', 0]);
    store.reset();
    let misses = 0;
    for (let i = 0; i < 200; i++) if ((await snapshot.get(['k', 2 * i + 1])) === undefined) misses++;
    expect(misses).toBe(200);
    expect(store.calls.length).toBeLessThan(20);
  });

  test('in a read-only transaction is one probe at its end', async () => {
    const { store } = await recorded((db) => seed(db, 3));
    const db = await openTestDatabase(store);
    store.reset();
    await db.transact(async (tx) => [await tx.get(['seed', 0]), await tx.get(['seed', 1])]);
    expect(kinds(store)).toEqual(['get log/']);
  });
});

test('an idle database sends nothing', async () => {
  const clock = new ManualClock();
  const { store } = await recorded((db) => seed(db, 3));
  const db = await openTestDatabase(store, { clock });
  await db.set('a', 1);
  store.reset();
  await clock.advance(7 * 24 * 3600 * 1000);
  expect(store.calls).toEqual([]);
  await db.close();
  expect(store.calls).toEqual([]);
});

test('after a pause longer than half the grace period the tip is listed, compared, and probed once', async () => {
  const clock = new ManualClock();
  const { store } = await recorded((db) => seed(db, 3));
  const db = await openTestDatabase(store, { clock });
  await clock.advance(13 * 3600 * 1000);
  store.reset();
  expect(await db.get(['seed', 1])).toBe('x'.repeat(10));
  expect(kinds(store)).toEqual(['list log/', 'get log/', 'get log/']);
});
