import { getEventListeners } from 'node:events';
import { StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { corrupt, HoldfastError } from '../object/errors.js';
import { BlockCache, META_SLOT } from './block-cache.js';

const block = (length: number): Uint8Array => new Uint8Array(length);
const ROOT = Uint8Array.of(1, 2, 3);
/** The chunk that loads are of. */
const K = 7;

describe('the block cache', () => {
  test('stays within its bound whatever is put in, and holds for each chunk what was put there last', () => {
    fc.assert(
      fc.property(
        fc.nat(9000),
        fc.array(fc.tuple(fc.nat(2), fc.integer({ min: META_SLOT, max: 12 }), fc.nat(3000), fc.boolean()), {
          maxLength: 120,
        }),
        (maxBytes, steps) => {
          const cache = new BlockCache(maxBytes);
          const model = new Map<string, Uint8Array>();
          for (const [id, slot, length, isPut] of steps) {
            const slots = cache.segment(Uint8Array.of(id));
            const name = `${id}/${slot}`;
            if (isPut) {
              model.set(name, block(length));
              slots.set(slot, model.get(name)!);
              expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
            }
            const found = cache.segment(Uint8Array.of(id)).get(slot);
            if (found) expect(found).toBe(model.get(name));
            else if (isPut) expect(maxBytes).toBeLessThan(2 * (length + 160) + 3160);
          }
          cache.clear();
          expect(cache.bytes).toBe(0);
          for (const id of [0, 1, 2]) expect(cache.segment(Uint8Array.of(id)).get(META_SLOT)).toBeUndefined();
        },
      ),
    );
  });

  test('lets go of what was not used since it came, and of the older first', () => {
    const cache = new BlockCache(3600);
    const slots = cache.segment(ROOT);
    for (const slot of [0, 1, 2]) slots.set(slot, block(1000));
    slots.get(0);
    slots.set(3, block(1000));
    expect([0, 1, 2, 3].filter((slot) => slots.has(slot))).toEqual([0, 2, 3]);
    cache.clear();
    expect(cache.bytes).toBe(0);
  });

  test('keeps metas from blocks, and blocks from more metas than half of it', () => {
    const cache = new BlockCache(10_000);
    const metaOf = (id: number): boolean => cache.segment(Uint8Array.of(id)).has(META_SLOT);
    for (let id = 0; id < 4; id++) cache.segment(Uint8Array.of(id)).set(META_SLOT, block(1000));
    for (let slot = 0; slot < 100; slot++) cache.segment(ROOT).set(slot, block(1000));
    expect([0, 1, 2, 3].map(metaOf)).toEqual([true, true, true, true]);
    for (let id = 4; id < 100; id++) cache.segment(Uint8Array.of(id)).set(META_SLOT, block(1000));
    expect(Array.from({ length: 100 }, (_, slot) => slot).filter((i) => cache.segment(ROOT).has(i))).toEqual([
      96, 97, 98, 99,
    ]);
  });

  test('forgets a segment of which nothing is left, and readers that come back find one another again', () => {
    const cache = new BlockCache(3000);
    const first = cache.segment(ROOT);
    first.set(1, block(2500));
    cache.segment(Uint8Array.of(9)).set(1, block(2500));
    expect([first.ended, first.has(1)]).toEqual([true, false]);
    first.set(1, block(10));
    expect(first.has(1)).toBe(false);
    const second = cache.segment(ROOT);
    expect(second).not.toBe(first);
    second.set(1, block(10));
    expect(cache.segment(ROOT)).toBe(second);
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
      const found = await Promise.all([1, 2, 3].map(() => cache.segment(ROOT).load(K, load)));
      expect(found.map((b) => b.length)).toEqual([1, 1, 1]);
      await cache.segment(ROOT).load(K, load);
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
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, () => cache.segment(ROOT).load(K, load)),
    );
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect(loads).toBe(3);
    expect(cache.segment(ROOT).has(K)).toBe(true);
  });

  test('tells all who joined what the store or the bytes have failed at, and remembers it for nobody', async () => {
    for (const failure of [new StoreError('UNAVAILABLE', 'away'), corrupt('k', 'it is bent')]) {
      const cache = new BlockCache(1000);
      let loads = 0;
      const load = (): Promise<Uint8Array> => {
        loads++;
        return Promise.reject(failure);
      };
      const all = await Promise.allSettled(
        Array.from({ length: 100 }, () => cache.segment(ROOT).load(K, load)),
      );
      for (const outcome of all) expect(outcome).toEqual({ status: 'rejected', reason: failure });
      expect(loads).toBe(1);
      expect(await cache.segment(ROOT).load(K, async () => block(1))).toHaveLength(1);
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
    const led = cache.segment(ROOT).load(K, load, leader.signal);
    const followed = cache.segment(ROOT).load(K, load, follower.signal);
    leader.abort(new Error('the leader left'));
    await expect(led).rejects.toThrow('the leader left');
    expect(signals[0]!.aborted).toBe(false);
    follower.abort(new Error('the follower left'));
    await expect(followed).rejects.toThrow('the follower left');
    expect(signals[0]!.aborted).toBe(true);

    // Nobody joins what was given up.
    const [one, forEver] = [new AbortController(), cache.segment(ROOT).load(K, load)];
    const joined = cache.segment(ROOT).load(K, load, one.signal);
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
    const led = cache.segment(ROOT).load(K, load(leader.signal), leader.signal);
    const rest = Array.from({ length: 100 }, () => cache.segment(ROOT).load(K, load()));
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
      Array.from({ length: 60 }, (_, i) => cache.segment(ROOT).load(i % 30, async () => block(9), signal)),
    );
    await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) =>
        cache.segment(ROOT).load(100 + (i % 30), () => Promise.reject(i), signal),
      ),
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  test('lets who joined leave by an abort of their own', async () => {
    const cache = new BlockCache(1000);
    let finish!: (value: Uint8Array) => void;
    const slow = cache.segment(ROOT).load(K, () => new Promise<Uint8Array>((resolve) => (finish = resolve)));
    const abort = new AbortController();
    const joined = cache.segment(ROOT).load(K, async () => block(1), abort.signal);
    abort.abort(new Error('left'));
    await expect(joined).rejects.toThrow('left');
    finish(block(5));
    expect(await slow).toHaveLength(5);
    await expect(cache.segment(ROOT).load(8, async () => block(1), abort.signal)).rejects.toThrow('left');
  });

  test('refuses a size that is none', () => {
    for (const bad of [-1, 0.5, Number.NaN]) expect(() => new BlockCache(bad)).toThrow(RangeError);
  });
});
