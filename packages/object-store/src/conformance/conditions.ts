/** Conditional puts: what commits rest on. */
import { StoreError } from '../errors.js';
import type { ObjectStore, PutOptions } from '../object-store.js';
import type { Cases } from './context.js';
import { ConformanceError, expectEqual, expectObject, text } from './expect.js';

/** Sends all puts at once; gives what the winners wrote, and what was written with an outcome nobody knows. */
async function race(
  store: ObjectStore,
  key: string,
  racers: number,
  options: PutOptions,
): Promise<{ winners: string[]; unknown: string[] }> {
  const winners: string[] = [];
  const unknown: string[] = [];
  const puts = Array.from({ length: racers }, async (_, i) => {
    const value = `racer ${i} of ${key}`;
    try {
      const result = await store.put(key, text(value), options);
      if (result.occupied) return;
      winners.push(value);
    } catch (error) {
      // Nothing happened, or nobody knows: both may be, and neither may be a winner in secret (see below).
      if (error instanceof StoreError && error.code === 'UNAVAILABLE') return;
      if (!(error instanceof StoreError) || error.code !== 'UNKNOWN_OUTCOME') throw error;
      unknown.push(value);
    }
  });
  const failures = (await Promise.allSettled(puts)).filter((put) => put.status === 'rejected');
  if (failures[0]) throw new ConformanceError('a loser of a race', '{ occupied: true }', failures[0].reason);
  return { winners, unknown };
}

async function expectOneWinner(
  store: ObjectStore,
  key: string,
  { winners, unknown }: { winners: string[]; unknown: string[] },
): Promise<void> {
  const kept = new TextDecoder().decode((await store.get(key))?.bytes ?? text('nothing'));
  if (winners.length === 0 && unknown.includes(kept)) return;
  expectEqual(`winners of the race for ${key}`, winners, [kept]);
}

export const createCases: Cases = {
  'a create makes a new object': async ({ store }) => {
    const { etag, occupied } = await store.put('key', text('first'), { ifAbsent: true });
    expectEqual('occupied', occupied, undefined);
    expectEqual('etag', etag, (await expectObject(store, 'key', text('first'))).etag);
  },
  'a create of an existing key answers occupied and changes nothing': async ({ store }) => {
    const first = await store.put('key', text('first'), { ifAbsent: true });
    for (const value of ['second', 'first', '']) {
      const result = await store.put('key', text(value), { ifAbsent: true });
      expectEqual(`a create of ${JSON.stringify(value)}`, [result.occupied, result.etag], [true, undefined]);
    }
    expectEqual('etag', (await expectObject(store, 'key', text('first'))).etag, first.etag);
  },
  'a deleted key can be created again': async ({ store }) => {
    await store.put('key', text('first'), { ifAbsent: true });
    await expectObject(store, 'key', text('first'));
    await store.delete(['key']);
    expectEqual('get after the delete', await store.get('key'), undefined);
    expectEqual('occupied', (await store.put('key', text('second'), { ifAbsent: true })).occupied, undefined);
    await expectObject(store, 'key', text('second'));
  },
  'of racing creates exactly one wins, and its bytes stay': async ({ store, racers, rounds }) => {
    for (let round = 0; round < rounds; round++) {
      const key = `race/${round}`;
      await expectOneWinner(store, key, await race(store, key, racers, { ifAbsent: true }));
    }
  },
  'creates of different keys do not hinder each other': async ({ store }) => {
    const keys = Array.from({ length: 30 }, (_, i) => `parallel/${i}`);
    const results = await Promise.all(keys.map((key) => store.put(key, text(key), { ifAbsent: true })));
    expectEqual(
      'occupied',
      results.map((result) => result.occupied),
      keys.map(() => undefined),
    );
    for (const key of keys) await expectObject(store, key, text(key));
  },
};

export const swapCases: Cases = {
  'a swap with the right ETag replaces the object': async ({ store }) => {
    const first = await store.put('key', text('first'));
    const second = await store.put('key', text('second'), { ifMatch: first.etag });
    expectEqual('occupied', second.occupied, undefined);
    const found = await expectObject(store, 'key', text('second'));
    expectEqual('etag', found.etag, second.etag);
    // The one that a get gives is as good.
    const third = await store.put('key', text('third'), { ifMatch: found.etag });
    expectEqual('occupied', third.occupied, undefined);
  },
  'a swap with a stale ETag answers occupied and changes nothing': async ({ store }) => {
    const first = await store.put('key', text('first'));
    await store.put('key', text('second'));
    const result = await store.put('key', text('third'), { ifMatch: first.etag });
    expectEqual('answer', [result.occupied, result.etag], [true, undefined]);
    await expectObject(store, 'key', text('second'));
  },
  'a swap of a missing object answers occupied and makes nothing': async ({ store }) => {
    const { etag } = await store.put('other', text('other'));
    expectEqual('never there', (await store.put('key', text('x'), { ifMatch: etag })).occupied, true);
    expectEqual('get', await store.get('key'), undefined);
    await store.delete(['other']);
    expectEqual('deleted', (await store.put('other', text('x'), { ifMatch: etag })).occupied, true);
    expectEqual('get', await store.get('other'), undefined);
  },
  'of racing swaps with one ETag exactly one wins': async ({ store, racers, rounds }) => {
    for (let round = 0; round < rounds; round++) {
      const key = `swap/${round}`;
      const { etag } = await store.put(key, text('start'));
      await expectOneWinner(store, key, await race(store, key, racers, { ifMatch: etag }));
    }
  },
};
