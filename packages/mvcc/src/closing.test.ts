/**
 * close() ends what the database has under way: what was begun is settled, later calls are CLOSED, and once it has
 * resolved nothing of the database touches the store again.
 */
import { MemoryStore, type ObjectStore } from '@holdfast/object-store';
import { FaultyStore, GatedStore, ManualClock, settled } from '@holdfast/object-store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { Lifetime } from './context/lifetime.js';
import { type Database, openDatabase } from './database.js';
import type { Transaction } from './transaction/transaction.js';

const OPTIONS = { key: 'plaintext', probe: 'skip' } as const;

let memory: MemoryStore;
let gated: GatedStore;
let clock: ManualClock;
let db: Database;
/** Calls that reached the bucket after `close()` had resolved. */
let late: string[];
let closed: boolean;

beforeEach(async () => {
  memory = new MemoryStore();
  late = [];
  closed = false;
  const watched: ObjectStore = {
    capabilities: memory.capabilities,
    get: (key, options) => watch(key, () => memory.get(key, options)),
    put: (key, bytes, options) => watch(key, () => memory.put(key, bytes, options)),
    delete: (keys, options) => memory.delete(keys, options),
    list: (prefix, options) => memory.list(prefix, options),
    close: async () => {
      closed = true;
    },
  };
  const watch = async <T>(key: string, call: () => Promise<T>): Promise<T> => {
    if (closed) late.push(key);
    const result = await call();
    if (closed) late.push(`${key} answered`);
    return result;
  };
  gated = new GatedStore(watched, { open: true });
  clock = new ManualClock();
  db = await openDatabase(gated, { ...OPTIONS, clock, commitTimeoutMs: 1_000 });
  await db.set('n', 1);
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? error,
  );

function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('what was called before close()', () => {
  test('is done: a write, and a transaction whose body still waits', async () => {
    const gate = latch();
    const body = db.transact(async (tx) => {
      await gate.opened;
      const n = await tx.get<number>('n');
      tx.set('m', n);
    });
    const write = db.set('a', 1);
    const closing = db.close();
    await write;
    gate.open();
    await Promise.all([body, closing]);
    const again = await openDatabase(memory, OPTIONS);
    expect(await again.getMany(['a', 'm'])).toEqual([1, 1]);
    expect(late).toEqual([]);
  });

  test('is waited for by the second close() too', async () => {
    gated.shut();
    let done = false;
    const write = db.set('a', 1).then(() => {
      done = true;
    });
    await gated.waitForPending(1);
    const first = db.close();
    const second = db.close().then(() => done);
    await settled();
    await gated.open();
    expect(await second).toBe(true);
    await Promise.all([first, write]);
  });

  test('may conflict, and is run again', async () => {
    const gate = latch();
    let runs = 0;
    const body = db.transact(async (tx) => {
      runs++;
      const n = (await tx.get<number>('n'))!;
      if (runs === 1) await gate.opened;
      tx.set('n', n + 1);
    });
    await settled();
    const rival = await openDatabase(memory, OPTIONS);
    await rival.set('n', 10);
    const closing = db.close();
    gate.open();
    await Promise.all([body, closing]);
    expect([runs, await rival.get('n')]).toEqual([2, 11]);
  });
});

test('a call after close() is CLOSED, from inside a body that was begun before it too', async () => {
  const gate = latch();
  let inner: unknown;
  const body = db.transact(async (tx) => {
    await gate.opened;
    inner = await codeOf(db.transact((other: Transaction) => other.set('inner', 1)));
    tx.set('outer', 1);
  });
  const closing = db.close();
  expect(await codeOf(db.set('late', 1))).toBe('CLOSED');
  gate.open();
  await Promise.all([body, closing]);
  expect(inner).toBe('CLOSED');
  expect(await codeOf(db.flush())).toBe('CLOSED');
  expect(await codeOf(db.maintain())).toBe('CLOSED');
  const again = await openDatabase(memory, OPTIONS);
  expect(await again.getMany(['inner', 'outer'])).toEqual([undefined, 1]);
});

describe('what takes longer than commitTimeoutMs after close()', () => {
  test('hears CLOSED where it has sent nothing: a body that never ends', async () => {
    const body = codeOf(db.transact(() => new Promise<void>(() => {})));
    await settled();
    const began = clock.monotonic();
    await clock.runUntil(db.close());
    expect(clock.monotonic() - began).toBe(1_000);
    expect(await body).toBe('CLOSED');
    expect(late).toEqual([]);
  });

  test('hears that its outcome is not known where its record was sent', async () => {
    const hanging = new FaultyStore(memory);
    const slow = await openDatabase(hanging, { ...OPTIONS, clock, commitTimeoutMs: 5_000 });
    await clock.advance(10);
    const gate = latch();
    const body = slow.transact(async (tx) => {
      await gate.opened;
      tx.set('a', 1);
    });
    hanging.hang('put', { times: Number.POSITIVE_INFINITY });
    const closing = slow.close();
    await clock.advance(4_000);
    gate.open();
    const failed = expect(body).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
    await clock.runUntil(closing);
    await failed;
    expect(clock.monotonic()).toBeLessThan(6_000);
  });
});

test('a commit that is cut off while it finds out who won can not tell either', async () => {
  const faulty = new FaultyStore(memory);
  const slow = await openDatabase(faulty, { ...OPTIONS, clock, commitTimeoutMs: 5_000 });
  await (await openDatabase(memory, OPTIONS)).set('rival', 1);
  const gate = latch();
  const body = slow.transact(async (tx) => {
    await gate.opened;
    tx.set('a', 1);
  });
  faulty.hang('get', { times: Number.POSITIVE_INFINITY });
  const closing = slow.close();
  await clock.advance(4_000);
  gate.open();
  const failed = expect(body).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', maybeCommitted: true });
  await clock.runUntil(closing);
  await failed;
});

test('what nobody waits for any more has left the store before close() resolves', async () => {
  await db.flush();
  gated.shut();
  // The first of two reads is answered from the second one's probe, whichever comes first.
  const stop = new AbortController();
  const read = codeOf(db.get('n', { signal: stop.signal }));
  await gated.waitForPending(1);
  stop.abort(new Error('left'));
  expect(await read).toMatchObject({ message: 'left' });
  await db.close();
  await gated.open();
  await settled();
  expect([closed, late]).toEqual([true, []]);
});

test('a flush in the background is settled, and none is begun', async () => {
  const large = (i: number) => db.set(['large', i], 'x'.repeat(500_000));
  for (let i = 0; i < 4; i++) await large(i);
  const last = large(4);
  const closing = db.close();
  await Promise.all([last, closing]);
  await settled();
  expect(late).toEqual([]);
  const segments = [...memory.objects().keys()].filter((key) => key.startsWith('seg/'));
  expect(segments).toEqual([]);
});

test('a database that has seen two histories is closed like any other', async () => {
  const other = new MemoryStore();
  for (const [key, bytes] of memory.objects()) await other.put(key, bytes);
  const branch = await openDatabase(other, OPTIONS);
  await branch.set('branch', 'b');
  await db.set('branch', 'a');
  await branch.set('branch', 'c');
  for (const [key, bytes] of other.objects()) await memory.put(key, bytes);
  expect(await codeOf(db.get('branch'))).toBe('FORK');
  await db.close();
  expect(await codeOf(db.set('a', 1))).toBe('FORK');
  expect(closed).toBe(true);
});

describe('a step of an iterator', () => {
  async function* count(leave: () => void): AsyncGenerator<number, void, undefined> {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      leave();
    }
  }

  test('that is under way when the database begins to close is settled, the next one is CLOSED', async () => {
    const lifetime = new Lifetime();
    let left = false;
    const steps = lifetime.iterate(
      count(() => {
        left = true;
      }),
    );
    expect(await steps.next()).toEqual({ done: false, value: 0 });
    const underWay = steps.next();
    lifetime.close();
    expect(await underWay).toEqual({ done: false, value: 1 });
    expect(await codeOf(steps.next())).toBe('CLOSED');
    expect(await codeOf(steps.next())).toBe('CLOSED');
    expect(left).toBe(true);
  });

  test('leaves the walk when its consumer does', async () => {
    const lifetime = new Lifetime();
    let left = false;
    for await (const i of lifetime.iterate(
      count(() => {
        left = true;
      }),
    ))
      if (i === 2) break;
    expect(left).toBe(true);
    await lifetime.idle();
  });
});
