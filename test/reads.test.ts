/** Reads that are newer than the rest: first, batches, peek, strong snapshots; and single writes of numbers. */
import { MemoryStore } from '@holdfast/object-store';
import { MISS } from 'holdfast';
import { describe, expect, test } from 'vitest';
import { collect, expectCode, openTestDatabase, seed } from './support/database.js';

describe('a snapshot', () => {
  test('is strong: it has what was acknowledged anywhere before it was taken', async () => {
    const store = new MemoryStore();
    const [db, other] = [await openTestDatabase(store), await openTestDatabase(store)];
    await other.set('a', 1);
    expect(await (await db.snapshot({ maxStalenessMs: Number.POSITIVE_INFINITY })).get('a')).toBeUndefined();
    const snapshot = await db.snapshot();
    expect(await snapshot.get('a')).toBe(1);
    await other.set('a', 2);
    await db.get('a');
    expect(await snapshot.get('a')).toBe(1);
  });

  test('peeks: what memory can tell, it tells at once', async () => {
    const store = new MemoryStore();
    const writer = await openTestDatabase(store);
    await writer.transact((tx) => {
      for (let i = 0; i < 2000; i++) tx.set(['k', i], { i, text: 'x'.repeat(400) });
      tx.set('large', new Uint8Array(300_000).fill(3));
    });
    await writer.set('in the tail', null);
    await writer.set(['k', 5], 'newer, in the tail');
    await writer.delete(['k', 6]);
    const db = await openTestDatabase(store);
    const snapshot = await db.snapshot();
    expect(snapshot.peek('in the tail')).toBeNull();
    expect(snapshot.peek(['k', 5])).toBe('newer, in the tail');
    expect(snapshot.peek('zzz: outside of every segment')).toBeUndefined();
    for (const key of [['k', 7], 'large']) {
      expect(snapshot.peek(key)).toBe(MISS);
      const found = await snapshot.get(key);
      expect(snapshot.peek(key)).toEqual(found);
    }
    expect(snapshot.peek(['k', 6])).toBeUndefined();
    expect(snapshot.peek(['k', 7, 'not there'])).toBeUndefined();
    (snapshot.peek(['k', 7]) as { i: number }).i = 0;
    expect(snapshot.peek(['k', 7])).toMatchObject({ i: 7 });
    expect(() => snapshot.peek(undefined as never)).toThrow(TypeError);
  });

  test('peeks what get would answer, or MISS, for every key', async () => {
    const store = new MemoryStore();
    const writer = await openTestDatabase(store, { maintenance: 'manual' });
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 40; i++)
        if ((i * 7 + round) % 3 === 0) await writer.set(['k', i], `${round}`);
        else if ((i + round) % 5 === 0) await writer.delete(['k', i]);
      if (round < 3) await writer.flush();
    }
    const snapshot = await (await openTestDatabase(store)).snapshot();
    for (let pass = 0; pass < 2; pass++)
      for (let i = 0; i < 42; i++) {
        const peeked = snapshot.peek(['k', i]);
        const found = await snapshot.get(['k', i]);
        if (peeked !== MISS || pass === 1) expect(peeked).toBe(found);
      }
  });
});

describe.each(['database', 'snapshot', 'transaction'] as const)('of a %s', (kind) => {
  const db = openTestDatabase(new MemoryStore()).then(async (made) => {
    await made.transact((tx) => {
      for (let i = 0; i < 1000; i++) tx.set(['k', i], `value ${i}`);
      for (let i = 0; i < 12; i++) tx.set(['large', i], new Uint8Array(200_000));
    });
    await made.delete(['k', 0]);
    await made.delete(['k', 999]);
    return made;
  });
  const using = async <T>(
    use: (reader: Pick<Awaited<typeof db>, 'first' | 'list' | 'keys'>) => Promise<T>,
  ) => {
    if (kind === 'database') return use(await db);
    if (kind === 'snapshot') return use((await (await db).snapshot()) as never);
    return (await db).transact((tx) => use(tx as never));
  };

  test('first is the first entry of a range, or the last', () =>
    using(async (reader) => {
      expect(await reader.first({ prefix: 'k' })).toMatchObject({ key: ['k', 1], value: 'value 1' });
      expect(await reader.first({ prefix: 'k' }, { reverse: true })).toMatchObject({ key: ['k', 998] });
      expect(await reader.first({ prefix: 'k', reverse: true })).toMatchObject({ key: ['k', 998] });
      expect(await reader.first()).toMatchObject({ key: ['k', 1] });
      expect(await reader.first({ gt: ['zzz'] })).toBeUndefined();
    }));

  test('batches are the same items, so many at a time', () =>
    using(async (reader) => {
      const all = await collect(reader.list({ prefix: 'k' }));
      for (const size of [1, 7, 256, 998, 5000]) {
        const batches = await collect(reader.list({ prefix: 'k' }).batches(size));
        expect(batches.flat()).toEqual(all);
        for (const batch of batches.slice(0, -1)) expect(batch).toHaveLength(size);
      }
      expect((await collect(reader.keys({ prefix: 'k' }).batches())).map((batch) => batch.length)).toEqual([
        256, 256, 256, 230,
      ]);
      const backwards = await collect(reader.list({ prefix: 'k' }, { reverse: true, limit: 10 }).batches(4));
      expect(backwards.map((batch) => batch.length)).toEqual([4, 4, 2]);
      expect(backwards.flat()).toEqual(all.slice(-10).reverse());
      expect(await collect(reader.list({ gt: 'zzz' }).batches())).toEqual([]);
      expect(await collect(reader.list({ limit: 0 }).batches())).toEqual([]);
    }));

  test('batches of large values are small', () =>
    using(async (reader) => {
      const batches = await collect(reader.list({ prefix: 'large' }).batches());
      expect(batches.map((batch) => batch.length)).toEqual([6, 6]);
    }));
});

test('add, max and min of the database are transactions of one write, with request ids', async () => {
  const store = new MemoryStore();
  const db = await openTestDatabase(store);
  await Promise.all(Array.from({ length: 20 }, () => db.add('n', 1)));
  expect(await db.get('n')).toBe(20);
  expect(db.stats().conflicts).toBe(0);
  const first = await db.add('n', 5, { requestId: 'r' });
  expect(await db.add('n', 5, { requestId: 'r' })).toEqual(first);
  await expectCode(db.add('n', 6, { requestId: 'r' }), 'REQUEST_MISMATCH');
  await expectCode(db.add('n', 5n, { requestId: 'r' }), 'REQUEST_MISMATCH');
  await expectCode(db.max('n', 5, { requestId: 'r' }), 'REQUEST_MISMATCH');
  await db.max('n', 30);
  await db.min('n', 28);
  await db.max('n', 3);
  await db.add(['big'], 2n ** 70n);
  expect(await db.getMany(['n', 'big'])).toEqual([28, 2n ** 70n]);
  await expect(db.add('n', Number.NaN)).rejects.toThrow(/found NaN/);
  await expect(db.add('n', 1n)).rejects.toThrow(/expected a bigint there/);
  await seed(db, 1);
});
