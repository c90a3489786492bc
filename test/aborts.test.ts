/**
 * Ctrl-C at every moment: what is aborted rejects with the caller's own reason, changes nothing unless it was
 * already on its way, and leaves no promise behind that nobody hears.
 */
import type { Database } from '@holdfast/mvcc';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { FaultyStore, GatedStore, settled } from '@holdfast/object-store/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentsOf } from './support/contents.js';
import { collect, openTestDatabase } from './support/database.js';

const reason = new Error('Ctrl-C');
const isLog = (name: string): boolean => name.startsWith('log/');

let memory: MemoryStore;
let gated: GatedStore;
let db: Database;
let stop: AbortController;
let unheard: unknown[];
const listen = (error: unknown): void => {
  unheard.push(error);
};

beforeEach(async () => {
  unheard = [];
  process.on('unhandledRejection', listen);
  memory = new MemoryStore('aborts');
  gated = new GatedStore(memory, { open: true });
  // Nothing is cached, so that reads of what was flushed reach the store.
  db = await openTestDatabase(gated, { maintenance: 'manual', cacheBytes: 0 });
  await db.transact((tx) => {
    for (let i = 0; i < 2000; i++) tx.set(['k', i], `value ${i} `.repeat(20));
  });
  await db.flush();
  await db.set('n', 1);
  stop = new AbortController();
});

afterEach(async () => {
  await settled();
  await settled();
  process.off('unhandledRejection', listen);
  expect(unheard).toEqual([]);
});

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => `resolved to ${String(value)}`,
    (error: unknown) => error,
  );

const calls: [string, (db: Database, signal: AbortSignal) => Promise<unknown>][] = [
  ['get', (db, signal) => db.get(['k', 1], { signal })],
  ['getMany', (db, signal) => db.getMany([['k', 1], 'n'], { signal })],
  ['has', (db, signal) => db.has('n', { signal })],
  ['list', (db, signal) => collect(db.list({}, { signal }))],
  ['keys', (db, signal) => collect(db.keys({}, { signal }))],
  ['count', (db, signal) => db.count({}, { signal })],
  ['set', (db, signal) => db.set('n', 2, { signal })],
  ['delete', (db, signal) => db.delete('n', { signal })],
  ['deleteRange', (db, signal) => db.deleteRange({ prefix: 'k' }, { signal })],
  ['transact', (db, signal) => db.transact(async (tx) => tx.set('n', await tx.get(['k', 1])), { signal })],
  ['transact that reads', (db, signal) => db.transact((tx) => tx.get(['k', 1]), { signal })],
  ['a request', (db, signal) => db.transact((tx) => tx.set('n', 2), { signal, requestId: 'r' })],
  ['outcome', (db, signal) => db.outcome('r', { signal })],
  ['outcome with close', (db, signal) => db.outcome('r', { signal, close: true })],
  ['an older snapshot', async (db, signal) => (await db.snapshot({ at: 2, signal })).get('n')],
  ['checkpoint', (db, signal) => db.checkpoint('c', { signal })],
  ['checkpoints', (db, signal) => db.checkpoints({ signal })],
  ['dropCheckpoint', (db, signal) => db.dropCheckpoint('c', { signal })],
  ['verify', (db, signal) => db.verify({ signal })],
  ['log', (db, signal) => collect(db.log({ signal }))],
];

describe('aborted before it starts', () => {
  test.each(calls)('%s rejects with the reason and does nothing', async (_, call) => {
    const before = contentsOf(memory);
    stop.abort(reason);
    expect(await rejection(call(db, stop.signal))).toBe(reason);
    expect(contentsOf(memory)).toEqual(before);
    expect(await db.get('n')).toBe(1);
  });

  test('open rejects, and makes nothing', async () => {
    stop.abort(reason);
    const empty = new MemoryStore();
    expect(await rejection(openTestDatabase(empty, { signal: stop.signal }))).toBe(reason);
    expect(empty.objects().size).toBe(0);
  });
});

describe('aborted while the store does not answer', () => {
  const reads = calls.filter(
    ([name]) => !['set', 'delete', 'deleteRange', 'a request', 'checkpoint'].includes(name),
  );
  test.each(reads)('%s rejects with the reason, and the database goes on', async (_, call) => {
    const before = contentsOf(memory);
    gated.shut();
    const outcome = rejection(call(db, stop.signal));
    await gated.waitForPending(1);
    stop.abort(reason);
    // At once, not when the store answers at last.
    expect(await outcome).toBe(reason);
    await gated.open();
    expect(contentsOf(memory)).toEqual(before);
    await db.set('n', 2);
    expect(await db.get('n')).toBe(2);
  });
});

describe('a write', () => {
  test('aborted while it waits behind a slow one never happens; the slow one does', async () => {
    gated.shut();
    const slow = db.set('slow', 1);
    await gated.waitForPending(1);
    const queued = rejection(db.set('queued', 1, { signal: stop.signal }));
    await settled();
    stop.abort(reason);
    expect(await queued).toBe(reason);
    await gated.open();
    await slow;
    expect(await db.getMany(['slow', 'queued'])).toEqual([1, undefined]);
  });

  test('aborted once its record is sent is told how that went', async () => {
    gated.shut();
    const sent = db.set('sent', 1, { signal: stop.signal });
    await gated.waitForPending(1);
    stop.abort(reason);
    await settled();
    await gated.open();
    const { version } = await sent;
    expect(db.version).toBe(version);
    expect(await db.get('sent')).toBe(1);
  });

  test('aborted with others in its group does not take them along', async () => {
    gated.shut();
    const slow = db.set('slow', 1);
    await gated.waitForPending(1);
    const others = [1, 2, 3].map((i) => db.set(['other', i], i));
    const queued = rejection(db.set('queued', 1, { signal: stop.signal }));
    stop.abort(reason);
    await gated.open();
    await Promise.all([slow, ...others]);
    expect(await queued).toBe(reason);
    expect(await db.count({ prefix: 'other' })).toBe(3);
    expect(await db.has('queued')).toBe(false);
  });

  test('aborted between the body and the commit does not commit', async () => {
    const before = contentsOf(memory);
    const outcome = db.transact(
      (tx) => {
        tx.set('n', 2);
        stop.abort(reason);
      },
      { signal: stop.signal },
    );
    expect(await rejection(outcome)).toBe(reason);
    expect(contentsOf(memory)).toEqual(before);
  });

  test('aborted in its body may not write any more', async () => {
    let met: unknown;
    const outcome = db.transact(
      (tx) => {
        stop.abort(reason);
        try {
          tx.set('n', 2);
        } catch (error) {
          met = error;
          throw error;
        }
      },
      { signal: stop.signal },
    );
    expect(await rejection(outcome)).toBe(reason);
    expect(met).toBe(reason);
  });

  test('aborted while it backs off from conflicts ends', async () => {
    const rival = await openTestDatabase(memory);
    let runs = 0;
    const outcome = db.transact(
      async (tx) => {
        const n = (await tx.get<number>('n'))!;
        await rival.set('n', n + 1);
        if (++runs === 4) stop.abort(reason);
        tx.set('n', n + 100);
      },
      { signal: stop.signal },
    );
    expect(await rejection(outcome)).toBe(reason);
    expect(await db.get('n')).toBe(5);
  });
});

describe('an import', () => {
  const megabytes = (tx: { set(key: unknown[], value: string): void }): void => {
    for (let i = 0; i < 40; i++) tx.set(['import', i], 'x'.repeat(60_000));
  };

  test('aborted while its segments are on their way changes no state', async () => {
    gated.shut();
    const outcome = rejection(db.transact((tx) => megabytes(tx as never), { signal: stop.signal }));
    await gated.waitForPending(1);
    stop.abort(reason);
    await settled();
    await gated.open();
    await outcome;
    expect(String(await outcome)).toContain('Ctrl-C');
    expect(await db.count({ prefix: 'import' })).toBe(0);
    expect((await db.verify()).ok).toBe(true);
    await db.transact((tx) => megabytes(tx as never));
    expect(await db.count({ prefix: 'import' })).toBe(40);
  });

  test('whose segment the store refuses changes no state either', async () => {
    const faulty = new FaultyStore(memory);
    const refusing = await openTestDatabase(faulty, { maintenance: 'manual' });
    const before = contentsOf(memory);
    const error = new StoreError('DENIED', 'These credentials may not do this.');
    faulty.failBefore('put', { error, when: (name) => !isLog(name), times: Number.POSITIVE_INFINITY });
    await expect(refusing.transact((tx) => megabytes(tx as never))).rejects.toMatchObject({
      code: 'STORE_REFUSED',
    });
    expect(contentsOf(memory)).toEqual(before);
    faulty.clear();
    await refusing.transact((tx) => megabytes(tx as never));
  });
});

describe('a scan', () => {
  test('aborted in its middle stops there', async () => {
    const seen: unknown[] = [];
    const walk = (async () => {
      for await (const { key } of db.list({ prefix: 'k' }, { signal: stop.signal })) {
        seen.push(key);
        if (seen.length === 700) stop.abort(reason);
      }
    })();
    expect(await rejection(walk)).toBe(reason);
    expect(seen).toHaveLength(700);
  });

  test('left in its middle, without an abort, leaves nothing behind', async () => {
    for await (const { key } of db.list({ prefix: 'k' })) if (key[1] === 500) break;
    for await (const entry of db.log()) if (entry.version === 3) break;
    await db.set('n', 2);
  });

  test('of a snapshot is ended by its own signal and by the one it was made with', async () => {
    for (const [made, own] of [
      [stop.signal, undefined],
      [undefined, stop.signal],
    ]) {
      const snapshot = await db.snapshot({ signal: made });
      stop.abort(reason);
      expect(await rejection(collect(snapshot.list({}, { signal: own })))).toBe(reason);
    }
  });
});

describe('a watch', () => {
  test('aborted ends without an error, wherever it is', async () => {
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const change of db.watch({}, { signal: stop.signal, pollMs: 5 })) seen.push(change.value);
      return 'ended';
    })();
    await settled();
    await db.set('n', 2);
    while (seen.length === 0) await settled();
    stop.abort(reason);
    expect(await watching).toBe('ended');
    expect(seen).toEqual([2]);
  });

  test('aborted before it starts, or while the store does not answer, ends too', async () => {
    const before = AbortSignal.abort(reason);
    expect(await collect(db.watch({}, { signal: before, from: 2 }))).toEqual([]);
    gated.shut();
    const watching = collect(db.watch({}, { signal: stop.signal, from: 2 }));
    await gated.waitForPending(1);
    stop.abort(reason);
    await settled();
    await gated.open();
    await watching;
  });
});

describe('closing', () => {
  test('waits for what is on its way, and refuses what comes after', async () => {
    gated.shut();
    const sent = db.set('sent', 1);
    await gated.waitForPending(1);
    const closing = db.close();
    await expect(db.set('late', 1)).rejects.toMatchObject({ code: 'CLOSED' });
    await gated.open();
    await Promise.all([sent, closing]);
    const again = await openTestDatabase(memory, { readOnly: true });
    expect(await again.getMany(['sent', 'late'])).toEqual([1, undefined]);
  });
});

describe('a store that refuses reads', () => {
  test.each([
    ['DENIED', 'STORE_REFUSED'],
    ['UNAVAILABLE', 'UNAVAILABLE'],
  ] as const)('with %s is told in the engine’s words, for every kind of object', async (stored, code) => {
    for (const prefix of ['log/', 'seg/']) {
      const faulty = new FaultyStore(memory);
      const reader = await openTestDatabase(faulty, {
        cacheBytes: 0,
        clock: { now: Date.now, monotonic: () => performance.now(), sleep: patient, after: () => () => {} },
      });
      const error = new StoreError(stored, 'Scripted.');
      faulty.failBefore('get', {
        error,
        when: (name) => name.startsWith(prefix),
        times: Number.POSITIVE_INFINITY,
      });
      const failed = { name: 'HoldfastError', code };
      await expect(reader.get(['k', 1])).rejects.toMatchObject(failed);
      await expect(reader.transact((tx) => tx.get(['k', 1]))).rejects.toMatchObject(failed);
      await expect(collect(reader.list({ prefix: 'k' }))).rejects.toMatchObject(failed);
      await expect(reader.count({ prefix: 'k' })).rejects.toMatchObject(failed);
      faulty.clear();
      expect(await reader.has(['k', 1])).toBe(true);
    }
  });

  /** Pauses between tries pass at once, deadlines never come. */
  function patient(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 5_000) return Promise.resolve();
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
});
