/**
 * A namespace is the database in keys relative to a prefix: every read and write, every option, with codecs or
 * schemas of its own.
 */
import type { Codec, Database, NamespaceOptions } from '@holdfast/mvcc';
import { MemoryStore, Traffic } from '@holdfast/object-store';
import { MISS } from 'holdfast';
import * as v from 'valibot';
import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { collect, expectCode, openTestDatabase } from './support/database.js';

let db: Database;
/** Neighbours that no call of the namespace may tell of, or change. */
const neighbours = [['n'], ['m', 1], ['o', 1], ['n '], [['n'], 1]] as const;

beforeEach(async () => {
  db = await openTestDatabase(new MemoryStore());
  for (const key of neighbours) await db.set(key, 'outside');
  for (const [key, value] of entries) await db.set(['n', ...key], value);
});

const entries = [
  [['a'], 1],
  [['a', 1], 2],
  [['a', 2], 3],
  [['b'], 4],
] as const;
const keys = entries.map(([key]) => key);

/** What reads: the namespace, a snapshot of it, a transaction in it. */
const readers: [string, <T>(use: (reader: Reader) => Promise<T>) => Promise<T>][] = [
  ['the database', (use) => use(db.namespace('n'))],
  ['a snapshot', async (use) => use(await db.namespace('n').snapshot())],
  ['a transaction', (use) => db.namespace('n').transact((tx) => use(tx))],
  ['a namespace of a namespace', (use) => use(db.namespace([]).namespace('n'))],
];
type Reader = Pick<
  ReturnType<typeof db.namespace<unknown>>,
  'get' | 'getEntry' | 'getMany' | 'has' | 'first' | 'list' | 'keys' | 'count'
>;

describe.each(readers)('a namespace of %s', (_, using) => {
  test('reads keys', async () => {
    await using(async (ns) => {
      expect(await ns.get('a')).toBe(1);
      expect(await ns.get(['a', 2])).toBe(3);
      expect(await ns.get('z')).toBeUndefined();
      expect(await ns.getEntry(['a', 1])).toMatchObject({ key: ['a', 1], value: 2 });
      expect(await ns.getEntry('z')).toBeUndefined();
      expect(await ns.getMany(['b', 'z', ['a', 1]])).toEqual([4, undefined, 2]);
      expect([await ns.has('b'), await ns.has('z')]).toEqual([true, false]);
    });
  });

  test('walks ranges, and never beyond its prefix', async () => {
    await using(async (ns) => {
      const walked = async (...args: Parameters<Reader['list']>) =>
        (await collect(ns.list(...args))).map(({ key }) => key);
      expect(await walked()).toEqual(keys);
      expect(await walked({})).toEqual(keys);
      expect(await walked({ gte: [] })).toEqual(keys);
      expect(await walked({ prefix: [] }, { reverse: true })).toEqual(keys.toReversed());
      expect(await walked({ prefix: 'a' })).toEqual([
        ['a', 1],
        ['a', 2],
      ]);
      expect(await walked({ gt: 'a', lt: 'b' })).toEqual([
        ['a', 1],
        ['a', 2],
      ]);
      expect(await walked({ gte: 'a', lte: ['a', 1] })).toEqual([['a'], ['a', 1]]);
      expect(await walked({ lte: 'zzz' })).toEqual(keys);
      expect(await walked({ gt: 'b' })).toEqual([]);
      expect(await walked({ limit: 2 })).toEqual(keys.slice(0, 2));
      expect(await walked({}, { limit: 1, reverse: true })).toEqual(keys.slice(-1));
      expect(await collect(ns.keys({ prefix: 'a' }))).toEqual([
        ['a', 1],
        ['a', 2],
      ]);
      expect(await collect(ns.keys().batches(3))).toEqual([keys.slice(0, 3), keys.slice(3)]);
      expect((await collect(ns.list().batches(2))).map((batch) => batch.map(({ value }) => value))).toEqual([
        [1, 2],
        [3, 4],
      ]);
      expect(await ns.count()).toBe(4);
      expect(await ns.count({ prefix: 'a' })).toBe(2);
      expect(await ns.first()).toMatchObject({ key: ['a'], value: 1 });
      expect(await ns.first({ prefix: 'a' }, { reverse: true })).toMatchObject({ key: ['a', 2] });
      expect(await ns.first({ gt: 'b' })).toBeUndefined();
    });
  });

  test('refuses what is no key of it, no range and no option', async () => {
    await using(async (ns) => {
      await expect(ns.get([])).rejects.toThrow(/one part at least/);
      await expect(ns.get(7 as never)).rejects.toThrow(/expected a key/);
      await expect(ns.getMany('a' as never)).rejects.toThrow(/expected an array of keys/);
      await expect(collect(ns.list({ from: 'a' } as never))).rejects.toThrow(/"from"/);
      await expect(collect(ns.list('a' as never))).rejects.toThrow(/found a string/);
      await expect(collect(ns.list({}, { limits: 1 } as never))).rejects.toThrow(/did you mean "limit"/);
    });
  });
});

describe('the writes of a namespace', () => {
  test('are those of the database, with its options', async () => {
    const ns = db.namespace<unknown>('n');
    const meter = new Traffic();
    const first = await ns.set('c', 1, { requestId: 'r', meter });
    expect(await ns.set('c', 1, { requestId: 'r' })).toEqual(first);
    await expectCode(ns.set('c', 2, { requestId: 'r' }), 'REQUEST_MISMATCH');
    expect(meter.requests.write).toBe(1);
    await ns.add('c', 2);
    await ns.max('c', 10);
    await ns.min('c', 7);
    expect(await ns.get('c', { maxStalenessMs: 1000 })).toBe(7);
    await ns.delete('c');
    await ns.deleteRange({ prefix: 'a' });
    expect((await collect(ns.keys())).flat()).toEqual(['a', 'b']);
    await expect(ns.deleteRange(undefined as never)).rejects.toThrow(/\{\} stands for all keys/);
    await ns.deleteRange({});
    expect(await ns.count()).toBe(0);
    expect(await db.getMany(neighbours)).toEqual(neighbours.map(() => 'outside'));
    await expectCode(
      ns.set('d', 1, { signal: AbortSignal.abort(Object.assign(new Error('x'), { code: 'STOP' })) }),
      'STOP',
    );
  });

  test('in a transaction are recorded at once, relative, and may be taken out of it', async () => {
    const ns = db.namespace<unknown>('n');
    const result = await ns.transact(
      async ({ tx, get, set, add, delete: remove, deleteRange, count, readVersion, now, snapshotGet }) => {
        expect(await get('a')).toBe(1);
        set('c', 1);
        add('c', 1);
        remove('b');
        deleteRange({ prefix: 'a' });
        tx.set(['elsewhere'], now);
        expect(await count()).toBe(2);
        expect(await snapshotGet(['a', 1])).toBeUndefined();
        return readVersion;
      },
      { requestId: 'once', input: 1 },
    );
    expect(await ns.transact(() => 'not again', { requestId: 'once', input: 1 })).toBe(result);
    expect(await collect(ns.keys())).toEqual([['a'], ['c']]);
    expect(await ns.get('c')).toBe(2);
    expect(await db.get('elsewhere')).toBeInstanceOf(Date);
    await expect(ns.transact('x' as never)).rejects.toThrow(/expected a function/);
  });

  test('in an atomic operation are relative too', async () => {
    const ns = db.namespace<number>('n');
    const { versionstamp } = (await ns.getEntry('a'))!;
    const atomic = ns.atomic().check({ key: 'a', versionstamp }, { key: 'new', versionstamp: null });
    expect(await atomic.set('new', 5).add('b', 1).delete(['a', 1]).commit()).toMatchObject({ ok: true });
    expect(
      await db.getMany([
        ['n', 'new'],
        ['n', 'b'],
        ['n', 'a', 1],
      ]),
    ).toEqual([5, 5, undefined]);
    expect(await atomic.commit()).toEqual({ ok: false });
  });
});

describe('a snapshot of a namespace', () => {
  test('peeks and differs in its keys', async () => {
    const ns = db.namespace<unknown>('n');
    const before = await ns.snapshot();
    expect(before.peek('a')).toBe(1);
    expect(before.peek('z')).toBeUndefined();
    expect(MISS).toBeTypeOf('symbol');
    await ns.set('a', 10);
    await db.set(['o', 1], 'outside');
    const after = await ns.snapshot();
    const differences = await collect(before.diff(after));
    expect(differences).toMatchObject([{ key: ['a'], value: 10, previous: 1 }]);
    expect(await collect(before.diff(await db.snapshot(), { prefix: 'a' }))).toEqual([]);
    expect((await ns.snapshot({ at: before.version })).version).toBe(before.version);
  });
});

test('a watch of a namespace tells its own changes, in its keys', async () => {
  const ns = db.namespace<unknown>('n');
  const stop = new AbortController();
  const { version } = db;
  await ns.set(['a', 1], 'new');
  await db.set(['o', 1], 'outside');
  await ns.delete('b');
  const told: unknown[] = [];
  for await (const { key, value, previous } of ns.watch({}, { from: version, signal: stop.signal })) {
    told.push([key, value, previous]);
    if (told.length === 2) stop.abort();
  }
  expect(told).toEqual([
    [['a', 1], 'new', 2],
    [['b'], undefined, 4],
  ]);
});

test('a codec for keys and one for values stand between, everywhere', async () => {
  const key: NamespaceOptions<unknown>['key'] = {
    encode: (id) => String(id).split('/'),
    decode: (parts) => parts.join('/'),
  };
  const value: Codec<Date, unknown> = {
    encode: (date) => date.getTime(),
    decode: (stored) => new Date(stored as number),
  };
  const ns = db.namespace<Date>('dates', { key, value });
  const day = new Date('2026-11-29T00:00:00Z');
  await ns.set('x/y', day);
  expect(await db.get(['dates', 'x', 'y'])).toBe(day.getTime());
  const read = async (reader: Reader): Promise<unknown[]> => [
    await reader.get('x/y'),
    (await reader.first())?.value,
    (await collect(reader.list({ prefix: 'x' })))[0]?.key,
    (await collect(reader.keys()))[0],
    (await reader.getMany(['x/y']))[0],
  ];
  const expected = [day, day, 'x/y', 'x/y', day];
  expect(await read(ns as never)).toEqual(expected);
  expect(await read((await ns.snapshot()) as never)).toEqual(expected);
  await ns.transact(async (tx) => expect(await read(tx as never)).toEqual(expected));
});

test('a namespace takes its prefix as it is at the call, and what it hands out is the caller’s own', async () => {
  const prefix = [new Uint8Array([1, 2]), 'x'];
  const ns = db.namespace<unknown>(prefix);
  (prefix[0] as Uint8Array)[0] = 9;
  prefix.pop();
  (ns.keyOf('a') as unknown[]).length = 0;
  await ns.set('a', 1);
  expect(await db.get([new Uint8Array([1, 2]), 'x', 'a'])).toBe(1);
});

const USER = { name: 'Ann', age: 7 };
const BAD = { name: 'Ann', age: 'seven' };

/** Schemas of libraries as they are installed: what they have besides `~standard` is not asked. */
const schemas = [
  ['zod', z.object({ name: z.string(), age: z.number() })],
  ['valibot', v.object({ name: v.string(), age: v.number() })],
] as const;

describe.each(schemas)('a schema of %s', (_, value) => {
  test('lets in what fits it, and nothing else, wherever a value is written', async () => {
    const users = db.namespace('users', { value });
    await users.set('ann', USER);
    expect(await users.get('ann')).toEqual(USER);
    expect(await db.get(['users', 'ann'])).toEqual(USER);
    await expect(users.set('bad', BAD as never)).rejects.toThrow(
      /does not fit this namespace's schema: age: /,
    );
    await expect(users.transact(({ set }) => set('bad', BAD as never))).rejects.toThrow(TypeError);
    expect(() => users.atomic().set('bad', BAD as never)).toThrow(TypeError);
    expect(await users.has('bad')).toBe(false);
    await users.transact(({ set }) => set('bob', { name: 'Bob', age: 8 }));
    await users.atomic().set('cid', { name: 'Cid', age: 9 }).commit();
    expect((await collect(users.list())).map(({ value }) => value.age)).toEqual([7, 8, 9]);
    expectTypeOf((await users.get('ann'))!).toEqualTypeOf<{ name: string; age: number }>();
  });
});

test('what a schema makes of a value is stored', async () => {
  const users = db.namespace('users', {
    value: z.object({ name: z.string().trim(), age: z.number().default(1) }),
  });
  await users.set('ann', { name: ' Ann ' });
  expect(await db.get(['users', 'ann'])).toEqual({ name: 'Ann', age: 1 });
  const lengths = db.namespace('lengths', {
    value: v.pipe(
      v.string(),
      v.transform((text) => text.length),
    ),
  });
  await lengths.set('a', 'four');
  expect(await lengths.get('a')).toBe(4);
});

test('a schema of Zod with a codec inside is a schema', async () => {
  const date = z.codec(z.iso.datetime(), z.date(), {
    decode: (text) => new Date(text),
    encode: (found) => found.toISOString(),
  });
  const ns = db.namespace('dates', { value: date });
  await ns.set('a', '2026-11-29T00:00:00Z');
  expect(await ns.get('a')).toEqual(new Date('2026-11-29T00:00:00Z'));
});

test('a schema may stand for keys', async () => {
  const ns = db.namespace<number>('k', { key: z.tuple([z.string(), z.number()]) as never });
  await ns.set(['a', 1], 1);
  expect(await collect(ns.keys())).toEqual([['a', 1]]);
  await expect(ns.set(['a', 'b'], 1)).rejects.toThrow(/The key does not fit this namespace's schema: 1: /);
});

test('a schema that validates asynchronously serves what may wait, and nothing in a transaction', async () => {
  const value = z.string().refine(async (text) => text !== 'taken');
  const ns = db.namespace('async', { value });
  await ns.set('a', 'free');
  await expect(ns.set('a', 'taken')).rejects.toThrow(TypeError);
  await expect(ns.transact(({ set }) => set('a', 'other'))).rejects.toThrow(
    /validates synchronously, found a promise/,
  );
  expect(() => ns.atomic().set('a', 'other')).toThrow(/synchronously/);
  expect(await ns.get('a')).toBe('free');
});

test.each([
  ['a number', 7],
  ['half a codec', { encode: () => 1 }],
  ['null', null],
  ['a schema of no validate', { '~standard': {} }],
])('%s as a codec is refused', (_, codec) => {
  expect(() => db.namespace('n', { value: codec as never })).toThrow(/expected a Standard Schema or a codec/);
  expect(() => db.namespace('n', { key: codec as never })).toThrow(/expected a Standard Schema or a codec/);
});
