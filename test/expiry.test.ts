/**
 * Entries that expire. Every read there is tells a living entry and not one that has expired, wherever they lie, and by
 * one moment: whatever the clocks do, nobody sees a key both ways.
 */
import { type Database, MISS, type OpenOptions } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { GatedStore, ManualClock } from '@holdfast/object-store/testing';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase } from './support/database.js';

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

let store: MemoryStore;
let clock: ManualClock;
let db: Database;
const openAt = (options: Partial<OpenOptions> = {}): Promise<Database> =>
  openTestDatabase(store, { clock, maintenance: 'manual', ...options });
const pass = (ms: number): void => clock.setWall(clock.now() + ms);

beforeEach(async () => {
  store = new MemoryStore();
  clock = new ManualClock(START_MS);
  db = await openAt();
});

type Reads = Pick<Database, 'get' | 'getEntry' | 'getMany' | 'has' | 'first' | 'list' | 'keys' | 'count'>;

/** What each read tells of the keys `gone` and `here` under `prefix`; all agree, or there are more than one. */
async function readings(of: Reads, prefix = 'x'): Promise<string[]> {
  const [gone, here] = [
    [prefix, 'gone'],
    [prefix, 'here'],
  ];
  const range = { prefix };
  const last = (key: unknown): unknown => (key as unknown[]).at(-1);
  const told = async (name: string, found: unknown[]): Promise<string> =>
    `${name}: ${JSON.stringify(found.filter((each) => each !== undefined))}`;
  const either = async (read: (key: string[]) => Promise<unknown>): Promise<unknown[]> => {
    const found = await Promise.all([read(gone), read(here)]);
    return ['gone', 'here'].filter((_, i) => found[i] !== undefined && found[i] !== false);
  };
  const { first } = of;
  const firstOf = async (reverse: boolean): Promise<unknown> =>
    last((await first.call(of, range, { reverse }))?.key ?? ['none']);
  const batches = async <T>(listing: { batches(): AsyncIterable<T[]> }): Promise<T[]> =>
    (await collect(listing.batches())).flat();
  return Promise.all([
    told('get', await either((key) => of.get(key))),
    told('getEntry', await either((key) => of.getEntry(key))),
    told('getMany', (await of.getMany([gone, here])) as unknown[]),
    told('has', await either((key) => of.has(key))),
    told('first', [await firstOf(false)]),
    told('last', [await firstOf(true)]),
    told(
      'list',
      (await collect(of.list(range))).map(({ value }) => value),
    ),
    told(
      'list back',
      (await collect(of.list(range, { reverse: true }))).map(({ value }) => value),
    ),
    told(
      'limit',
      (await collect(of.list(range, { limit: 1 }))).map(({ value }) => value),
    ),
    told(
      'list in batches',
      (await batches(of.list(range))).map(({ value }) => value),
    ),
    told('keys', (await collect(of.keys(range))).map(last)),
    told('keys in batches', (await batches(of.keys(range))).map(last)),
    told('count', [await of.count(range)]),
  ]);
}

const ONLY_HERE = [
  'get: ["here"]',
  'getEntry: ["here"]',
  'getMany: ["here"]',
  'has: ["here"]',
  'first: ["here"]',
  'last: ["here"]',
  'list: ["here"]',
  'list back: ["here"]',
  'limit: ["here"]',
  'list in batches: ["here"]',
  'keys: ["here"]',
  'keys in batches: ["here"]',
  'count: [1]',
];

/** Namespaces tell keys without their prefix: one of an empty one has them whole. */
const asReads = (of: unknown): Reads => of as Reads;

describe.each(['in the tail', 'flushed', 'reopened', 'in a large transaction'])('%s', (where) => {
  beforeEach(async () => {
    await db.transact((tx) => {
      tx.set(['x', 'gone'], 'gone', { expireInMs: 1000 });
      tx.set(['x', 'here'], 'here', { expireInMs: 5000 });
      if (where === 'in a large transaction') tx.set(['y'], 'y'.repeat(1024 * 1024));
    });
    if (where === 'flushed' || where === 'reopened') await db.flush();
    if (where === 'reopened') db = await openAt();
  });

  test('every read tells both until one has expired, and then the other', async () => {
    pass(999);
    expect(await db.count({ prefix: 'x' })).toBe(2);
    expect((await db.getEntry(['x', 'gone']))?.expiresAt).toEqual(new Date(START_MS + 1000));
    expect(await readings(db)).not.toContain('count: [1]');
    pass(1);
    expect(await readings(db)).toEqual(ONLY_HERE);
    pass(4000);
    expect(await db.count()).toBe(where === 'in a large transaction' ? 1 : 0);
  });

  test('so does every read of a snapshot, a transaction and of their namespaces', async () => {
    pass(1000);
    const snapshot = await db.snapshot();
    expect(await readings(snapshot)).toEqual(ONLY_HERE);
    expect([undefined, MISS]).toContain(snapshot.peek(['x', 'gone']));
    expect(['here', MISS]).toContain(snapshot.peek(['x', 'here']));
    await snapshot.get(['x', 'gone']);
    expect(snapshot.peek(['x', 'gone'])).toBeUndefined();
    expect(await db.transact((tx) => readings(tx))).toEqual(ONLY_HERE);
    expect(await db.transact((tx) => tx.snapshotGet(['x', 'gone']))).toBeUndefined();
    // With a write of its own beside them.
    const beside = db.transact(async (tx) => {
      tx.set(['x', 'here'], 'here');
      return readings(tx);
    });
    expect(await beside).toEqual(ONLY_HERE);
    const namespace = db.namespace([]);
    expect(await readings(asReads(namespace))).toEqual(ONLY_HERE);
    expect(await readings(asReads(await namespace.snapshot()))).toEqual(ONLY_HERE);
    expect(await namespace.transact((tx) => readings(asReads(tx)))).toEqual(ONLY_HERE);
    expect((await namespace.snapshot()).peek(['x', 'gone'])).toBeUndefined();
  });

  test('a check takes what has expired as not there', async () => {
    const { versionstamp } = (await db.getEntry(['x', 'gone']))!;
    pass(1000);
    const key = ['x', 'gone'];
    expect(await db.atomic().check({ key, versionstamp }).set('a', 1).commit()).toEqual({ ok: false });
    expect(await db.atomic().check({ key, versionstamp: null }).set('a', 1).commit()).toMatchObject({
      ok: true,
    });
    expect(
      await db
        .atomic()
        .check({ key: ['x', 'here'], versionstamp: null })
        .commit(),
    ).toEqual({
      ok: false,
    });
  });

  test('a mutation keeps the expiry of what is alive, and finds nothing where it has expired', async () => {
    await db.transact((tx) => {
      tx.set('short', 10, { expireInMs: 100 });
      tx.set('long', 10, { expireInMs: 10_000 });
    });
    if (where !== 'in the tail') await db.flush();
    pass(100);
    await db.add('short', 1);
    await db.atomic().max('long', 20).commit();
    const [short, long] = [await db.getEntry('short'), await db.getEntry('long')];
    expect([short?.value, short?.expiresAt]).toEqual([1, undefined]);
    expect([long?.value, long?.expiresAt]).toEqual([20, new Date(START_MS + 10_000)]);
  });
});

describe('an expiry', () => {
  test('is taken by set, tx.set and atomic, of a database and of a namespace', async () => {
    const options = { expireInMs: 10 };
    const namespace = db.namespace('n');
    await db.set('a', 1, options);
    await db.transact((tx) => tx.set('b', 1, options));
    await db.atomic().set('c', 1, options).commit();
    await namespace.set('d', 1, { expireAt: new Date(START_MS + 10) });
    await namespace.transact((tx) => tx.set('e', 1, options));
    await namespace
      .atomic()
      .set('f', 1, { expireAt: START_MS + 10 })
      .commit();
    const entries = await collect(db.list());
    expect(entries.map(({ expiresAt }) => expiresAt?.getTime())).toEqual(Array(6).fill(START_MS + 10));
    expect((await namespace.getEntry('d'))?.expiresAt).toEqual(new Date(START_MS + 10));
    pass(10);
    expect(await db.count()).toBe(0);
  });

  test('is taken at the call', async () => {
    const expireAt = new Date(START_MS + 10);
    const options = { expireAt };
    const setting = db.set('a', 1, options);
    expireAt.setTime(START_MS - 10);
    options.expireAt = new Date(0);
    await setting;
    expect((await db.getEntry('a'))?.expiresAt).toEqual(new Date(START_MS + 10));
  });

  test('ends with the next write without one', async () => {
    await db.set('a', 1, { expireInMs: 10 });
    await db.set('a', 2);
    pass(10);
    const entry = await db.getEntry('a');
    expect(entry?.value).toBe(2);
    expect(entry).not.toHaveProperty('expiresAt');
  });

  test('that can’t be meant is refused, and nothing is written', async () => {
    const refused = [{ expireInMs: 0 }, { expireAt: new Date(Number.NaN) }, { expireInMs: 1, expireAt: 1 }];
    for (const options of refused) {
      await expect(db.set('a', 1, options)).rejects.toThrow(/^set: expire|^set: expected expireInMs/);
      await expect(db.transact((tx) => tx.set('a', 1, options))).rejects.toThrow('set: exp');
      expect(() => db.atomic().set('a', 1, options)).toThrow('set: exp');
    }
    const misspelt = { expiresInMs: 5 } as object;
    await expect(db.set('a', 1, misspelt)).rejects.toThrow('did you mean "expireInMs"');
    await expect(db.transact((tx) => tx.set('a', 1, misspelt))).rejects.toThrow('did you mean "expireInMs"');
    await expect(db.namespace('n').set('a', 1, misspelt)).rejects.toThrow('did you mean "expireInMs"');
    await expect(db.delete('a', { expireInMs: 5 } as object)).rejects.toThrow('unknown option "expireInMs"');
    expect(db.version).toBe(1);
  });

  test('in the past makes an entry that nobody sees, its own transaction neither', async () => {
    await db.transact(async (tx) => {
      tx.set('a', 41, { expireAt: START_MS });
      expect([await tx.get('a'), await tx.count(), await tx.has('a')]).toEqual([undefined, 0, false]);
      tx.set('b', 41, { expireAt: START_MS });
      tx.add('b', 1);
    });
    expect((await collect(db.list())).map(({ value, expiresAt }) => [value, expiresAt])).toEqual([
      [1, undefined],
    ]);
  });

  test('is a part of what a request id stands for, as it was given', async () => {
    const write = { requestId: 'r', expireInMs: 1000 };
    const first = await db.set('a', 1, write);
    pass(500);
    expect(await db.set('a', 1, write)).toEqual(first);
    expect((await db.getEntry('a'))?.expiresAt).toEqual(new Date(START_MS + 1000));
    await expectCode(db.set('a', 1, { requestId: 'r', expireInMs: 1001 }), 'REQUEST_MISMATCH');
    await expectCode(db.set('a', 1, { requestId: 'r', expireAt: 1000 }), 'REQUEST_MISMATCH');
    await expectCode(db.set('a', 1, { requestId: 'r' }), 'REQUEST_MISMATCH');
    pass(10 * HOUR_MS);
    expect(await db.set('a', 1, write)).toEqual(first);
    expect((await db.outcome('r')).status).toBe('committed');
  });
});

describe('a transaction sees a key one way', () => {
  test.each([HOUR_MS, -HOUR_MS])('while its clock jumps by %i ms', async (jumpMs) => {
    await db.set('a', 10, { expireInMs: 1000 });
    await db.flush();
    await db.set('b', 10, { expireInMs: 1000 });
    if (jumpMs < 0) pass(1000);
    const seen = await db.transact(async (tx) => {
      const before = [await tx.get('a'), await tx.count()];
      pass(jumpMs);
      const after = [await tx.get('a'), await tx.count()];
      tx.add('a', 1);
      tx.add('b', 1);
      const mutated = [await tx.get('a'), await tx.get('b'), (await collect(tx.list()))[1]?.value];
      pass(jumpMs);
      return { now: tx.now.getTime(), before, after, mutated };
    });
    const alive = jumpMs > 0;
    expect(seen).toEqual({
      now: START_MS + (alive ? 0 : 1000),
      before: alive ? [10, 2] : [undefined, 0],
      after: alive ? [10, 2] : [undefined, 0],
      mutated: alive ? [11, 11, 11] : [1, 1, 1],
    });
    // What was written is what was seen, with the expiry that was.
    pass(-3 * jumpMs);
    const written = await collect((await openAt()).list());
    expect(written.map(({ value }) => value)).toEqual(alive ? [11, 11] : [1, 1]);
    expect(written.every(({ expiresAt }) => (expiresAt !== undefined) === alive)).toBe(true);
  });

  test('and mutations alone are resolved at its time too, not at that of the record', async () => {
    await db.set('a', 10, { expireInMs: 1000 });
    await db.transact((tx) => {
      tx.add('a', 1);
      pass(1000);
    });
    pass(-1);
    expect(await db.get('a')).toBe(11);
  });

  test('on two machines whose clocks differ by hours, each by its own', async () => {
    const ahead = new ManualClock(START_MS + 5 * HOUR_MS);
    const other = await openAt({ clock: ahead });
    await db.set('a', 10, { expireInMs: HOUR_MS });
    const read = (of: Database): Promise<unknown[]> =>
      of.transact(async (tx) => [await tx.get('a'), await tx.has('a'), await tx.count()]);
    expect(await read(db)).toEqual([10, true, 1]);
    expect(await read(other)).toEqual([undefined, false, 0]);
    expect(await read(db)).toEqual([10, true, 1]);
    // The one whose clock is behind meets what the other wrote, as it is.
    await other.add('a', 1);
    const entry = await db.getEntry('a');
    expect([entry?.value, entry?.expiresAt]).toEqual([1, undefined]);
  });

  test('of a request is that of its body, however long it took to look the request up', async () => {
    await db.transact((tx) => tx.set('n', 1), { requestId: 'q' });
    await db.flush();
    const gated = new GatedStore(store, { open: true });
    const cold = await openTestDatabase(gated, { clock, maintenance: 'manual', cacheBytes: 0 });
    gated.shut();
    const told = cold.transact((tx) => tx.now.getTime(), { requestId: 'r' });
    await gated.waitForPending(1);
    pass(HOUR_MS / 2);
    await gated.open();
    expect(await told).toBe(clock.now());
  });

  test('runs within one group are each at the time of their own run', async () => {
    await db.set('n', 0, { expireInMs: 1000 });
    const body = async (tx: { get(key: string): Promise<unknown>; set(key: string, n: number): void }) =>
      tx.set('n', (((await tx.get('n')) as number | undefined) ?? 100) + 1);
    await Promise.all([db.transact(body), db.transact(body), db.transact(body)]);
    expect(await db.get('n')).toBe(3);
  });
});

describe('a snapshot', () => {
  test('shows what was alive when it was taken, for as long as it is held', async () => {
    await db.set('a', 1, { expireInMs: 1000 });
    const snapshot = await db.snapshot();
    pass(HOUR_MS);
    expect([await snapshot.get('a'), await snapshot.count(), snapshot.peek('a')]).toEqual([1, 1, 1]);
    expect(await (await db.snapshot()).get('a')).toBeUndefined();
  });

  test('of an earlier version shows what was alive by that version’s clock', async () => {
    const { version } = await db.set('a', 1, { expireInMs: 1000 });
    pass(2000);
    const { version: later } = await db.set('b', 1);
    pass(HOUR_MS);
    for (const at of [version, new Date(START_MS + 1)]) {
      const then = await db.snapshot({ at });
      expect([await then.get('a'), await then.count()]).toEqual([1, 1]);
    }
    expect(await (await db.snapshot({ at: later })).get('a')).toBeUndefined();
    const opened = await openAt({ readOnly: true, at: version });
    expect([await opened.get('a'), await opened.count(), await (await opened.snapshot()).get('a')]).toEqual([
      1, 1, 1,
    ]);
    expect(await opened.transact(async (tx) => [await tx.get('a'), tx.now.getTime()])).toEqual([1, START_MS]);
  });

  test('differs from another by what was written, each side as its own moment shows it', async () => {
    await db.set('expires', 1, { expireInMs: 1000 });
    await db.set('rewritten', 1, { expireInMs: 1000 });
    await db.set('stays', 1);
    const before = await db.snapshot();
    pass(1000);
    await db.set('rewritten', 2);
    await db.set('short', 1, { expireAt: START_MS });
    const after = await db.snapshot();
    const told = async (from: typeof before, to: typeof after): Promise<unknown> =>
      (await collect(from.diff(to))).map(({ key, previous, value }) => [key[0], previous, value]);
    // What only expired was not written, and is not told.
    expect(await told(before, after)).toEqual([['rewritten', 1, 2]]);
    expect(await told(after, before)).toEqual([['rewritten', 2, 1]]);
  });
});

test('a watch tells what is written as it is written, and what was alive before', async () => {
  await db.set('a', 1, { expireInMs: 1000 });
  const { version } = await db.set('a', 2, { expireInMs: 1000 });
  pass(1000);
  await db.set('a', 3);
  const changes: unknown[] = [];
  for await (const change of db.watch({}, { from: 1 })) {
    changes.push([change.previous, change.value, change.expiresAt?.getTime()]);
    if (change.version > version) break;
  }
  expect(changes).toEqual([
    [undefined, 1, START_MS + 1000],
    [1, 2, START_MS + 1000],
    [undefined, 3, undefined],
  ]);
});

test('a range delete reaches what has expired: no slower clock sees it again', async () => {
  await db.set(['x', 1], 1, { expireInMs: 1000 });
  pass(1000);
  await db.deleteRange({ prefix: 'x' });
  pass(-1000);
  expect(await db.count()).toBe(0);
});

test('checkpoints and requests do not expire', async () => {
  await db.checkpoint('c');
  await db.set('a', 1, { requestId: 'r' });
  pass(1000 * 24 * HOUR_MS);
  expect((await db.checkpoints()).map(({ name }) => name)).toEqual(['c']);
  expect((await db.outcome('r')).status).toBe('committed');
});

test('whatever is written, whenever, reads are those of a map with times', async () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ do: fc.constant('set'), key, n: fc.nat(9), in: fc.option(fc.integer({ min: 1, max: 30 })) }),
    fc.record({ do: fc.constantFrom('add', 'max', 'min'), key, n: fc.nat(9) }),
    fc.record({ do: fc.constant('delete'), key }),
    fc.record({ do: fc.constant('pass'), ms: fc.integer({ min: -15, max: 25 }) }),
    fc.record({ do: fc.constantFrom('flush', 'reopen') }),
  );
  type Step = { do: string; key?: string; n?: number; in?: number | null; ms?: number };
  const play = async (steps: readonly Step[]): Promise<void> => {
    store = new MemoryStore();
    clock = new ManualClock(START_MS);
    db = await openAt();
    const model = new Map<string, { n: number; until: number }>();
    const found = (k: string): { n: number; until: number } | undefined => {
      const entry = model.get(k);
      return entry && entry.until > clock.now() ? entry : undefined;
    };
    for (const { do: what, key: k = '', n = 0, in: ms = null, ms: passes = 0 } of steps as Step[]) {
      if (what === 'pass') pass(passes);
      else if (what === 'flush') await db.flush();
      else if (what === 'reopen') db = await openAt();
      else if (what === 'delete') {
        await db.delete(k);
        model.delete(k);
      } else if (what === 'set') {
        await db.set(k, n, ms === null ? {} : { expireInMs: ms });
        model.set(k, { n, until: ms === null ? Number.POSITIVE_INFINITY : clock.now() + ms });
      } else {
        const kind = what as 'add' | 'max' | 'min';
        await db[kind](k, n);
        const base = found(k);
        const result = !base ? n : kind === 'add' ? base.n + n : Math[kind](base.n, n);
        model.set(k, { n: result, until: base?.until ?? Number.POSITIVE_INFINITY });
      }
      const expected = ['a', 'b', 'c'].flatMap((name) => {
        const entry = found(name);
        return entry ? [[name, entry.n, Number.isFinite(entry.until) ? entry.until : undefined]] : [];
      });
      const listed = (await collect(db.list())).map((e) => [e.key[0], e.value, e.expiresAt?.getTime()]);
      expect(listed).toEqual(expected);
      expect(await db.count()).toBe(expected.length);
      expect(await db.getMany(['a', 'b', 'c'])).toEqual(['a', 'b', 'c'].map((name) => found(name)?.n));
    }
  };
  await fc.assert(fc.asyncProperty(fc.array(step as fc.Arbitrary<Step>, { maxLength: 25 }), play), {
    numRuns: 60,
  });
});
