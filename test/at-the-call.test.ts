/**
 * What a call is given is taken as it is when it is made, and what it hands out is the caller's own: an object that is
 * used again, a buffer that is wiped, change nothing that was said before.
 */
import type { Database, Versionstamp } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { open } from 'holdfast';
import { beforeEach, describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase } from './support/database.js';

let store: MemoryStore;
let db: Database;
beforeEach(async () => {
  store = new MemoryStore();
  db = await openTestDatabase(store);
});

const state = async (): Promise<unknown[]> =>
  (await collect(db.list())).map(({ key, value }) => [key, value]);

/** Changes all that it is given, in place. */
function spoil(...things: unknown[]): void {
  for (const thing of things) {
    if (thing instanceof Uint8Array) thing.fill(0xee);
    else if (Array.isArray(thing)) thing.splice(0, thing.length, 'spoilt');
    else if (thing instanceof Date) thing.setTime(0);
    else if (typeof thing === 'object' && thing !== null)
      for (const name of Object.keys(thing)) (thing as Record<string, unknown>)[name] = ['spoilt'];
  }
}

const ids = [{}, { requestId: 'r' }, { requestId: { session: 's', number: 1 } }];

describe.each(ids)('with %o', (id) => {
  const options = () => structuredClone(id);

  test('set writes the key and the value of the call', async () => {
    const [key, value, o] = [['k', new Uint8Array([1])], { n: [1] }, options()];
    const setting = db.set(key, value, o);
    spoil(key[1], key, value.n, value, o);
    const first = await setting;
    expect(await state()).toEqual([[['k', new Uint8Array([1])], { n: [1] }]]);
    if ('requestId' in id)
      expect(await db.set(['k', new Uint8Array([1])], { n: [1] }, options())).toEqual(first);
  });

  test('set writes the bytes of the call', async () => {
    const value = new Uint8Array([1, 2, 3]);
    const setting = db.set('a', value, options());
    spoil(value);
    await setting;
    expect(await db.get('a')).toEqual(new Uint8Array([1, 2, 3]));
  });

  test('delete, deleteRange, add, max and min take the key and the range of the call', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await db.set([key], 5);
    const calls: [(key: string[], o: object) => Promise<unknown>, string][] = [
      [(key, o) => db.delete(key, o), 'a'],
      [(key, o) => db.add(key, 1, o), 'b'],
      [(key, o) => db.max(key, 9, o), 'c'],
      [(key, o) => db.min(key, 2, o), 'd'],
    ];
    for (const [i, [call, name]] of calls.entries()) {
      const key = [name];
      const o =
        'requestId' in id
          ? { requestId: typeof id.requestId === 'string' ? `r${i}` : { session: 's', number: i + 1 } }
          : {};
      const work = call(key, o);
      spoil(key, o);
      await work;
    }
    expect(await db.getMany(['a', 'b', 'c', 'd'])).toEqual([undefined, 6, 9, 2]);
    const range = { gte: ['b'], lte: ['c'] };
    const work = db.deleteRange(range, 'requestId' in id ? { requestId: 'range' } : {});
    spoil(range.gte, range.lte, range);
    await work;
    expect(await db.getMany(['b', 'c', 'd'])).toEqual([undefined, undefined, 2]);
  });

  test('transact takes the input, the digest and the id of the call', async () => {
    const [input, digest, o] = [{ n: [1] }, new Uint8Array([1]), options()];
    const all = { ...o, input, digest };
    const work = db.transact((tx) => {
      tx.set('a', 1);
      return 'first';
    }, all);
    spoil(input.n, input, digest, o, all);
    expect(await work).toBe('first');
    if (!('requestId' in id)) return;
    const again = { ...options(), input: { n: [1] }, digest: new Uint8Array([1]) };
    expect(await db.transact(() => 'second', again)).toBe('first');
  });
});

test('atomic() takes each of its parts as it is added', async () => {
  await db.set(['a'], 1);
  const { versionstamp } = (await db.getEntry(['a']))!;
  const check: { key: string[]; versionstamp: Versionstamp | null } = { key: ['a'], versionstamp };
  const [key, value] = [['b'], { n: [1] }];
  const atomic = db.atomic().check(check).set(key, value).delete(['a']);
  spoil(check.key, check, key, value.n, value);
  const work = atomic.commit();
  atomic.set('late', 1);
  expect(await work).toMatchObject({ ok: true });
  expect(await state()).toEqual([[['b'], { n: [1] }]]);
});

test('reads take the keys, the range and the options of the call', async () => {
  await db.transact((tx) => {
    for (const key of ['a', 'b', 'c']) tx.set([key], key);
  });
  const snapshot = await db.snapshot();
  for (const reader of [db, snapshot]) {
    const one = ['a'];
    const many = [['a'], ['b']];
    const range = { gte: ['a'], lte: ['b'] };
    const options: { limit?: number } = { limit: 5 };
    const reads = [
      reader.get(one),
      reader.getMany(many),
      reader.count(range, options),
      reader.first(range).then((entry) => entry?.value),
    ];
    const walks = [reader.list(range, options), reader.keys(range, options)];
    const diff = snapshot.diff(snapshot, range);
    spoil(one, ...many, many, range.gte, range.lte, range, options);
    expect(await Promise.all(reads)).toEqual(['a', ['a', 'b'], 2, 'a']);
    for (const walk of walks) expect(await collect(walk as AsyncIterable<unknown>)).toHaveLength(2);
    expect(await collect(diff)).toEqual([]);
  }
});

test('a watch takes its range as it is at the call', async () => {
  const stop = new AbortController();
  const range = { prefix: ['a'] };
  const watch = db.watch(range, { signal: stop.signal, from: db.version });
  spoil(range.prefix, range);
  await db.set(['b', 1], 1);
  await db.set(['a', 1], 1);
  expect((await watch.next()).value).toMatchObject({ key: ['a', 1] });
  stop.abort();
});

test('a transaction takes what its writes are given, and hands out what is the body’s own', async () => {
  await db.set(['bytes'], new Uint8Array([1, 2]));
  await db.transact(async (tx) => {
    const [key, value, range] = [['k'], { n: [1] }, { prefix: ['gone'] }];
    tx.set(['gone', 1], 1);
    tx.set(key, value);
    tx.deleteRange(range);
    spoil(key, value.n, value, range.prefix, range);
    spoil(await tx.get(['bytes']), (await tx.getEntry(['bytes']))!.key, await tx.get(['k']), tx.now);
    for await (const { key, value } of tx.list()) spoil(key, value);
    expect(await tx.get(['k'])).toEqual({ n: [1] });
  });
  expect(await state()).toEqual([
    [['bytes'], new Uint8Array([1, 2])],
    [['k'], { n: [1] }],
  ]);
});

test('what is handed out may be changed, and nothing else changes', async () => {
  const version = (await db.set(['a'], { bytes: new Uint8Array([1]), list: [1] })).version;
  await db.set([new Uint8Array([7])], new Uint8Array([8]));
  await db.checkpoint('c');
  const snapshot = await db.snapshot();
  const kept = [db.id, snapshot.hash, snapshot.manifestRoot].map((bytes) => bytes.slice());
  const read = async (): Promise<unknown[]> => [
    await db.get(['a']),
    await snapshot.get(['a']),
    snapshot.peek(['a']),
    (await db.getMany([[new Uint8Array([7])]]))[0],
    ...(await state()),
    ...(await collect(db.log())).map(({ hash, parent, writerId, manifestRoot, time }) => [
      hash,
      parent,
      writerId,
      manifestRoot,
      time,
    ]),
    ...(await db.checkpoints()),
  ];
  const before = structuredClone(await read());
  spoil(db.id, snapshot.hash, snapshot.manifestRoot, snapshot.time);
  for (const thing of await read()) {
    if (Array.isArray(thing)) spoil(...thing);
    spoil(thing);
  }
  for await (const { key, value } of db.list().batches()) spoil(key, value);
  for await (const { key, value } of snapshot.diff(await db.snapshot({ at: version - 1 }))) spoil(key, value);
  expect(await read()).toEqual(before);
  expect([db.id, snapshot.hash, snapshot.manifestRoot]).toEqual(kept);
  await db.set('b', 2);
  expect(await (await openTestDatabase(store)).get('b')).toBe(2);
});

test('the result of a repeated request is a copy', async () => {
  const call = () => db.transact((tx) => tx.set('a', 1) ?? { n: [1] }, { requestId: 'r' });
  spoil(await call());
  spoil(await call());
  const outcome = await db.outcome('r');
  if (outcome.status === 'committed') spoil(outcome.result);
  expect(await call()).toEqual({ n: [1] });
});

describe('open', () => {
  test('takes the key and the id of the call: the caller may wipe them', async () => {
    store = new MemoryStore();
    const key = new Uint8Array(32).fill(9);
    const options = { key, id: undefined as Uint8Array | undefined };
    const opening = open(store, options);
    spoil(key, options);
    db = await opening;
    await db.set('a', 1);
    const id = db.id;
    const again = open(store, { key: new Uint8Array(32).fill(9), id });
    spoil(id);
    expect(await (await again).get('a')).toBe(1);
  });

  test('of a store takes them at the call too', async () => {
    const key = new Uint8Array(32).fill(9);
    const opening = openTestDatabase(new MemoryStore(), { key });
    spoil(key);
    await (await opening).set('a', 1);
    const { id } = await opening;
    store = new MemoryStore();
    const fresh = new Uint8Array(32).fill(9);
    const made = openTestDatabase(store, { key: fresh });
    spoil(fresh);
    await (await made).set('a', 1);
    await expectCode(openTestDatabase(store, { key: new Uint8Array(32).fill(9), id }), 'FORK');
    expect(await (await openTestDatabase(store, { key: new Uint8Array(32).fill(9) })).get('a')).toBe(1);
  });

  test('takes a key and an id in hex', async () => {
    store = new MemoryStore();
    db = await open(store, { key: '0F'.repeat(32) });
    await db.set('a', 1);
    const id = Buffer.from(db.id).toString('hex');
    expect(await (await open(store, { key: new Uint8Array(32).fill(15), id })).get('a')).toBe(1);
    await expectCode(open(store, { key: '0e'.repeat(32) }), 'WRONG_KEY');
    await expectCode(open(store, { key: '0f'.repeat(32), id: '00'.repeat(16) }), 'FORK');
  });
});
