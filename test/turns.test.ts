/**
 * Turns by age in one database: whoever has lost goes before the young, and that is a courtesy. It ends by itself, and
 * holds up nobody who writes something else.
 */
import type { Database, Transaction, TransactOptions } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { openTestDatabase } from './support/database.js';
import { SlowStore } from './support/slow-store.js';

const ROUND_TRIP_MS = 50;
const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;

let clock: ManualClock;
let store: SlowStore;
let db: Database;
beforeEach(async () => {
  clock = new ManualClock();
  store = new SlowStore(new MemoryStore(), clock, 'log/');
  db = await openTestDatabase(store, { ...OPTIONS, clock });
  await db.set('n', 0);
  store.ms = ROUND_TRIP_MS;
});

/** How often each of `loops` has committed after `ms`. */
async function commitsOf(
  loops: number,
  ms: number,
  commit: (loop: number) => Promise<unknown>,
): Promise<number[]> {
  const commits = new Array<number>(loops).fill(0);
  const until = clock.monotonic() + ms;
  const run = async (loop: number): Promise<void> => {
    // Not all in one instant.
    await clock.sleep((loop * ROUND_TRIP_MS) / loops);
    while (clock.monotonic() < until) {
      await commit(loop);
      if (clock.monotonic() <= until) commits[loop]!++;
    }
  };
  await clock.runUntil(Promise.all(commits.map((_, loop) => run(loop))));
  return commits;
}

async function increment(tx: Transaction, waitMs: number | undefined): Promise<void> {
  const n = (await tx.get<number>('n'))!;
  if (waitMs !== undefined) await clock.sleep(waitMs);
  tx.set('n', n + 1);
}

const sum = (commits: readonly number[]): number => commits.reduce((all, count) => all + count, 0);

describe('loops that read, wait and write one key', () => {
  test.each([
    [2, 0],
    [4, 0],
    [64, 0],
    [4, 5],
    [4, 50],
    [16, 50],
    [2, 500],
    [4, 500],
  ])(
    '%i of them that wait %i ms commit in turn, one after the other without a gap',
    async (loops, waitMs) => {
      const rounds = Math.max(loops * 5, 20);
      const ms = rounds * (ROUND_TRIP_MS + waitMs);
      const commits = await commitsOf(loops, ms, () => db.transact((tx) => increment(tx, waitMs)));
      expect(Math.min(...commits) / Math.max(...commits)).toBeGreaterThanOrEqual(0.5);
      expect(sum(commits)).toBeGreaterThanOrEqual(rounds - 3);
      expect(await clock.runUntil(db.get('n'))).toBeGreaterThanOrEqual(sum(commits));
    },
  );

  test('without a wait all of them are in each record', async () => {
    const commits = await commitsOf(8, 20 * ROUND_TRIP_MS, () =>
      db.transact((tx) => increment(tx, undefined)),
    );
    expect(Math.min(...commits)).toBeGreaterThanOrEqual(18);
  });

  test.each<[string, TransactOptions]>([
    ['under snapshot isolation', { isolation: 'snapshot' }],
    ['with few retries', { maxRetries: 3 }],
  ])('the same %s', async (_, options) => {
    const commits = await commitsOf(8, 5_000, () => db.transact((tx) => increment(tx, 5), options));
    expect(Math.min(...commits) / Math.max(...commits)).toBeGreaterThanOrEqual(0.5);
  });

  test('the same with request ids', async () => {
    let id = 0;
    const commits = await commitsOf(8, 5_000, () =>
      db.transact((tx) => increment(tx, 5), { requestId: `request ${id++}` }),
    );
    expect(Math.min(...commits) / Math.max(...commits)).toBeGreaterThanOrEqual(0.5);
    expect(await clock.runUntil(db.get('n'))).toBe(id);
  });

  test('fast ones and a slow one share the key: none is left behind', async () => {
    const commits = await commitsOf(4, 10_000, (loop) =>
      db.transact((tx) => increment(tx, loop === 0 ? 200 : undefined)),
    );
    // As often as 200 ms and a record allow, after a run that was in vain.
    expect(commits[0]).toBeGreaterThanOrEqual(18);
    expect(Math.min(...commits.slice(1))).toBeGreaterThanOrEqual(60);
  });

  test('one that needs two keys, between loops on either, has its turn among them', async () => {
    const keys = [['a'], ['a'], ['b'], ['b'], ['a', 'b']];
    const commits = await commitsOf(keys.length, 10_000, (loop) =>
      db.transact(async (tx) => {
        for (const key of keys[loop]!) await tx.get(key);
        await clock.sleep(50);
        for (const key of keys[loop]!) tx.set(key, loop);
      }),
    );
    expect(Math.min(...commits) / Math.max(...commits)).toBeGreaterThanOrEqual(0.5);
  });

  test('blind adds to what a slow one reads go along with it', async () => {
    const commits = await commitsOf(4, 10_000, (loop) =>
      loop === 0 ? db.transact((tx) => increment(tx, 200)) : db.add('n', 1),
    );
    expect(commits[0]).toBeGreaterThanOrEqual(18);
    expect(Math.min(...commits.slice(1))).toBeGreaterThanOrEqual(36);
  });
});

/** A transaction that has lost once; `body` is what runs from then on, after it has read `n`. */
function elder(
  body: (tx: Transaction) => Promise<unknown>,
  options?: TransactOptions,
): { call: Promise<unknown>; runs: () => number; began: Promise<void> } {
  let runs = 0;
  let begin!: () => void;
  const began = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const call = db.transact(async (tx) => {
    await tx.get('n');
    if (++runs === 1) await db.set('n', 'young');
    else {
      begin();
      await body(tx);
    }
    tx.set('elder', true);
  }, options);
  call.catch(() => {});
  return { call, runs: () => runs, began };
}
const never = (): Promise<never> => new Promise(() => {});

/** How long it takes, by the clock. */
async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = clock.monotonic();
  await clock.runUntil(work());
  return clock.monotonic() - start;
}

describe('an elder whose body never ends', () => {
  test('holds up who writes what it read, blindly too, for a bounded time, and once', async () => {
    await clock.runUntil(elder(never).began);
    const ms = await msOf(() => db.set('n', 1));
    expect(ms).toBeGreaterThan(ROUND_TRIP_MS);
    expect(ms).toBeLessThan(3_000);
    expect(await msOf(() => db.set('n', 2))).toBe(ROUND_TRIP_MS);
    expect(clock.sleepers).toBe(0);
  });

  test('does not hold up who writes something else, or reads', async () => {
    await clock.runUntil(elder(never).began);
    expect(await msOf(() => db.set('other', 1))).toBe(ROUND_TRIP_MS);
    expect(await msOf(() => db.transact(async (tx) => tx.set('other', await tx.get('n'))))).toBe(
      ROUND_TRIP_MS,
    );
  });

  test('holds up nobody once it was aborted', async () => {
    const stop = new AbortController();
    const { began } = elder(never, { signal: stop.signal });
    await clock.runUntil(began);
    const write = db.set('n', 1);
    await settled();
    stop.abort(new Error('enough'));
    expect(await msOf(() => write)).toBe(ROUND_TRIP_MS);
    expect(clock.sleepers).toBe(0);
  });

  test('holds up a commit for no longer than commitTimeoutMs allows', async () => {
    db = await clock.runUntil(openTestDatabase(store, { ...OPTIONS, clock, commitTimeoutMs: 400 }));
    await clock.runUntil(elder(never).began);
    expect(await msOf(() => db.set('n', 1))).toBeLessThanOrEqual(400);
  });

  test('or that has failed holds up nobody', async () => {
    const { call } = elder(() => Promise.reject(new Error('its own')));
    await expect(clock.runUntil(call)).rejects.toThrow('its own');
    expect(await msOf(() => db.set('n', 1))).toBe(ROUND_TRIP_MS);
    expect(clock.sleepers).toBe(0);
  });

  test('does not hold up close()', async () => {
    const { call, began } = elder(never);
    await clock.runUntil(began);
    const write = db.set('n', 1);
    await settled();
    const closed = db.close();
    expect(await msOf(() => write)).toBe(ROUND_TRIP_MS);
    await clock.runUntil(closed);
    await expect(call).rejects.toMatchObject({ code: 'CLOSED' });
    expect(clock.sleepers).toBe(0);
  });
});

test('who is put off can leave at any moment, and nothing of it is written', async () => {
  await clock.runUntil(elder(never).began);
  const stop = new AbortController();
  const reason = new Error('enough');
  const write = db.set('n', 'put off', { signal: stop.signal });
  await settled();
  stop.abort(reason);
  await expect(write).rejects.toBe(reason);
  await clock.advance(20_000);
  expect(await clock.runUntil(db.get('n'))).toBe('young');
});

test('who waits for its turn can leave at any moment', async () => {
  const first = elder(never);
  await clock.runUntil(first.began);
  const stop = new AbortController();
  const waiting = db.transact((tx) => increment(tx, 0), { signal: stop.signal });
  await clock.advance(500);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

test('a transaction inside the body of an elder that writes what that reads does not wait for ever', async () => {
  const { call, runs } = elder(() => (runs() === 2 ? db.set('n', 'inner') : Promise.resolve()));
  await clock.runUntil(call);
  expect(runs()).toBe(3);
  expect(await clock.runUntil(db.get('elder'))).toBe(true);
  expect(clock.sleepers).toBe(0);
});

test('a body that only reads has its turn too', async () => {
  let ended = false;
  const writes = (async () => {
    for (let n = 0; !ended; n++) await db.set('n', n);
  })();
  const reading = db.transact(async (tx) => {
    const before = await tx.get('n');
    await clock.sleep(300);
    return [before, await tx.get('n')];
  });
  const [before, after] = await clock.runUntil(reading);
  ended = true;
  expect(after).toEqual(before);
  await clock.runUntil(writes);
  // It has left.
  expect(clock.sleepers).toBe(0);
});
