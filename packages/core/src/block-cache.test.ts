import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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

  test('lets who joined a failed load try alone', async () => {
    const cache = new BlockCache(1000);
    const failing = cache.load('k', () => Promise.reject(new Error('over budget')));
    const joined = cache.load('k', async () => block(9));
    await expect(failing).rejects.toThrow('over budget');
    expect(await joined).toHaveLength(9);
    expect(cache.has('k')).toBe(true);
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
