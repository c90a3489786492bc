import { MemoryStore, type StoredObject, StoreError } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { errorCode } from '../segment/segment-fixture.js';
import { getBounded, readChecked } from './checked-read.js';
import { corrupt, HoldfastError } from './errors.js';

const WHOLE = Uint8Array.of(1, 2, 3, 4);

/** Accepts the whole object only. */
function isWhole(bytes: Uint8Array): string {
  if (bytes.length !== WHOLE.length || bytes[3] !== WHOLE[3]) throw corrupt('it', 'it is not whole');
  return 'whole';
}

/** Answers one after the other; the last one for ever. */
function answers(...list: (Uint8Array | Error | undefined)[]): {
  read: (again: boolean) => Promise<Uint8Array | undefined>;
  asked: boolean[];
} {
  const asked: boolean[] = [];
  return {
    asked,
    read: async (again) => {
      asked.push(again);
      const answer = list[Math.min(asked.length, list.length) - 1];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

describe('a checked read', () => {
  test('of whole bytes, or of nothing, asks once', async () => {
    const whole = answers(WHOLE);
    expect(await readChecked(whole.read, isWhole)).toBe('whole');
    const nothing = answers(undefined);
    expect(await readChecked(nothing.read, isWhole)).toBeUndefined();
    expect([whole.asked, nothing.asked]).toEqual([[false], [false]]);
  });

  test('tries a cut, a bent, a swollen or a newer-looking download again, once', async () => {
    const newer = new HoldfastError('UNSUPPORTED_FORMAT', 'format 9');
    for (const first of [WHOLE.subarray(0, 3), Uint8Array.of(1, 2, 3, 5), corrupt('it', 'too long'), newer]) {
      const { read, asked } = answers(first, WHOLE);
      expect(await readChecked(read, isWhole)).toBe('whole');
      expect(asked).toEqual([false, true]);
    }
  });

  test('calls damaged what is damaged twice, and asks no third time', async () => {
    const { read, asked } = answers(WHOLE.subarray(1));
    expect(await errorCode(readChecked(read, isWhole))).toBe('CORRUPT');
    expect(asked).toEqual([false, true]);
  });

  test('does not take an object for missing that was damaged a moment ago', async () => {
    const { read } = answers(WHOLE.subarray(1), undefined);
    expect(await errorCode(readChecked(read, isWhole))).toBe('CORRUPT');
  });

  test('leaves what is not about bytes to its caller', async () => {
    const failures = [
      new StoreError('UNAVAILABLE', 'not now'),
      new HoldfastError('WRONG_KEY', 'another key'),
      new HoldfastError('BUDGET_EXCEEDED', 'enough'),
      new DOMException('left', 'AbortError'),
    ];
    for (const failure of failures) {
      const { read, asked } = answers(failure);
      await expect(readChecked(read, isWhole)).rejects.toBe(failure);
      const checked = readChecked(answers(WHOLE).read, () => Promise.reject(failure));
      await expect(checked).rejects.toBe(failure);
      expect(asked).toEqual([false]);
    }
    // Whether it is damaged is not known then.
    const { read } = answers(WHOLE.subarray(1), failures[0]);
    await expect(readChecked(read, isWhole)).rejects.toBe(failures[0]);
  });
});

describe('a bounded get', () => {
  test('says how much it takes, and calls more than that corrupt', async () => {
    const store = new MemoryStore();
    await store.put('a', WHOLE);
    const takes: unknown[] = [];
    const get = store.get.bind(store);
    store.get = (name, options) => {
      takes.push(options?.maxBytes);
      return get(name, options);
    };
    expect((await getBounded(store, 'a', 4))?.bytes).toEqual(WHOLE);
    expect((await getBounded(store, 'a', 2, { range: { offset: 1, length: 2 } }))?.bytes).toEqual(
      WHOLE.subarray(1, 3),
    );
    expect(await getBounded(store, 'b', 2)).toBeUndefined();
    expect(await errorCode(getBounded(store, 'a', 3))).toBe('CORRUPT');
    expect(takes).toEqual([4, 2, 2, 3]);

    store.get = (name) => get(name);
    expect(await errorCode(getBounded(store, 'a', 3))).toBe('CORRUPT');
    store.get = () => Promise.reject(new StoreError('TOO_LARGE', 'endless'));
    await expect(getBounded(store, 'a', 4)).rejects.toThrow('a is corrupt: expected at most 4 bytes');
    store.get = () => Promise.reject(new StoreError('DENIED', 'no'));
    await expect(getBounded(store, 'a', 4)).rejects.toMatchObject({ name: 'StoreError', code: 'DENIED' });
  });

  test('gives bytes whose slices are copies, whatever the adapter has', async () => {
    const buffer = Buffer.from(WHOLE);
    const object: StoredObject = { bytes: buffer, etag: '"1"', size: 4 };
    const store = new MemoryStore();
    store.get = async () => object;
    const found = await getBounded(store, 'a', 4);
    found!.bytes.slice().fill(9);
    expect(buffer[0]).toBe(1);
  });
});
