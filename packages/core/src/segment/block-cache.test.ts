import { getEventListeners } from 'node:events';
import { StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { corrupt, HoldfastError } from '../object/errors.js';
import { BlockCache } from './block-cache.js';

const block = (length: number): Uint8Array => new Uint8Array(length);

describe('the block cache', () => {
  test('stays within its bound whatever is put in', () => {
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.array(fc.tuple(fc.nat(20), fc.nat(3000)), { maxLength: 60 }),
        (maxBytes, sets) => {
          const cache = new BlockCache(maxBytes);
          for (const [id, length] of sets) {
            cache.set(`k${id}`, block(length));
            expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
            if (cache.has(`k${id}`)) expect(cache.get<Uint8Array>(`k${id}`)!.length).toBe(length);
          }
        },
      ),
    );
  });

  test('forgets the least recently used first', () => {
    const cache = new BlockCache(3600);
    for (const id of ['a', 'b', 'c']) cache.set(id, block(1000));
    cache.get('a');
    cache.set('d', block(1000));
    expect(['a', 'b', 'c', 'd'].filter((id) => cache.has(id))).toEqual(['a', 'c', 'd']);
    cache.clear();
    expect(cache.bytes).toBe(0);
  });

  test('joins concurrent loads of one thing, even if nothing is kept', async () => {
    for (const maxBytes of [0, 1_000_000]) {
      const cache = new BlockCache(maxBytes);
      let loads = 0;
      const load = async (): Promise<Uint8Array> => {
        loads++;
        await Promise.resolve();
        return block(loads);
      };
      const found = await Promise.all([1, 2, 3].map(() => cache.load('k', load)));
      expect(found.map((b) => b.length)).toEqual([1, 1, 1]);
      await cache.load('k', load);
      expect(loads).toBe(maxBytes === 0 ? 2 : 1);
    }
  });

  test('sends one more out for all who joined, where the first failed at something of its own', async () => {
    const cache = new BlockCache(1000);
    const budget = new HoldfastError('BUDGET_EXCEEDED', 'over budget');
    let loads = 0;
    const load = async (): Promise<Uint8Array> => {
      await Promise.resolve();
      if (loads++ < 2) throw budget;
      return block(9);
    };
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => cache.load('k', load)));
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect(loads).toBe(3);
    expect(cache.has('k')).toBe(true);
  });

  test('tells all who joined what the store or the bytes have failed at, and remembers it for nobody', async () => {
    for (const failure of [new StoreError('UNAVAILABLE', 'away'), corrupt('k', 'it is bent')]) {
      const cache = new BlockCache(1000);
      let loads = 0;
      const load = (): Promise<Uint8Array> => {
        loads++;
        return Promise.reject(failure);
      };
      const all = await Promise.allSettled(Array.from({ length: 100 }, () => cache.load('k', load)));
      for (const outcome of all) expect(outcome).toEqual({ status: 'rejected', reason: failure });
      expect(loads).toBe(1);
      expect(await cache.load('k', async () => block(1))).toHaveLength(1);
    }
  });

  test('goes on with a load for as long as anybody waits, and ends it when nobody does', async () => {
    const cache = new BlockCache(1000);
    const signals: AbortSignal[] = [];
    let finish!: (value: Uint8Array) => void;
    const load = (signal: AbortSignal): Promise<Uint8Array> => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        finish = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    const [leader, follower] = [new AbortController(), new AbortController()];
    const led = cache.load('k', load, leader.signal);
    const followed = cache.load('k', load, follower.signal);
    leader.abort(new Error('the leader left'));
    await expect(led).rejects.toThrow('the leader left');
    expect(signals[0]!.aborted).toBe(false);
    follower.abort(new Error('the follower left'));
    await expect(followed).rejects.toThrow('the follower left');
    expect(signals[0]!.aborted).toBe(true);

    // Nobody joins what was given up.
    const [one, forEver] = [new AbortController(), cache.load('k', load)];
    const joined = cache.load('k', load, one.signal);
    one.abort(new Error('left'));
    await expect(joined).rejects.toThrow('left');
    finish(block(3));
    expect(await forEver).toHaveLength(3);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  test("does not send all who wait where a load ends by its leader's own signal", async () => {
    const cache = new BlockCache(1000);
    let loads = 0;
    const leader = new AbortController();
    const load = (own?: AbortSignal) => (): Promise<Uint8Array> => {
      loads++;
      return new Promise((resolve, reject) => {
        if (own) own.addEventListener('abort', () => reject(own.reason));
        else resolve(block(9));
      });
    };
    const led = cache.load('k', load(leader.signal), leader.signal);
    const rest = Array.from({ length: 100 }, () => cache.load('k', load()));
    leader.abort(new Error('left'));
    await expect(led).rejects.toThrow('left');
    await Promise.all(rest);
    expect(loads).toBe(2);
  });

  test('leaves no listener on a signal that outlives its loads', async () => {
    const cache = new BlockCache(1000);
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => cache.load(`k${i % 30}`, async () => block(9), signal)),
    );
    await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => cache.load(`f${i % 30}`, () => Promise.reject(i), signal)),
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  test('lets who joined leave by an abort of their own', async () => {
    const cache = new BlockCache(1000);
    let finish!: (value: Uint8Array) => void;
    const slow = cache.load('k', () => new Promise<Uint8Array>((resolve) => (finish = resolve)));
    const abort = new AbortController();
    const joined = cache.load('k', async () => block(1), abort.signal);
    abort.abort(new Error('left'));
    await expect(joined).rejects.toThrow('left');
    finish(block(5));
    expect(await slow).toHaveLength(5);
    await expect(cache.load('other', async () => block(1), abort.signal)).rejects.toThrow('left');
  });

  test('refuses a size that is none', () => {
    for (const bad of [-1, 0.5, Number.NaN]) expect(() => new BlockCache(bad)).toThrow(RangeError);
  });
});
