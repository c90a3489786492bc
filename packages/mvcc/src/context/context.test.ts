import { MemoryStore, type StoredObject, StoreError, type StoreErrorCode } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../database.js';

/** Answers reads of segments with an error, once it is told to. */
class SegmentsFail extends MemoryStore {
  code: StoreErrorCode | undefined;
  asked = 0;

  override async get(...[key, options]: Parameters<MemoryStore['get']>): Promise<StoredObject | undefined> {
    if (this.code === undefined || !key.startsWith('seg/')) return super.get(key, options);
    this.asked++;
    throw new StoreError(this.code, 'as the test has it');
  }
}

describe('a segment that can not be read', () => {
  const answers: [StoreErrorCode, string, number][] = [
    // Not read once more: what goes beyond every bound is taken once.
    ['TOO_LARGE', 'CORRUPT', 1],
    ['DENIED', 'STORE_REFUSED', 1],
  ];
  test.each(answers)('for %s is %s to the caller', async (code, expected, asked) => {
    const store = new SegmentsFail();
    const key = new Uint8Array(32);
    const writer = await openDatabase(store, { key, maintenance: 'manual' });
    await writer.set('a', 1);
    await writer.flush();
    const reader = await openDatabase(store, { key });
    store.code = code;
    await expect(reader.get('a')).rejects.toMatchObject({ name: 'HoldfastError', code: expected });
    expect(store.asked).toBe(asked);
  });
});
