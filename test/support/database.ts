/** Helpers for tests of the whole engine. */
import { type Database, type OpenOptions, openDatabase } from '@holdfast/mvcc';
import type { ObjectStore } from '@holdfast/object-store';
import { expect } from 'vitest';

export const TEST_KEY: Uint8Array = new Uint8Array(32).fill(7);

export function openTestDatabase(store: ObjectStore, options: Partial<OpenOptions> = {}): Promise<Database> {
  return openDatabase(store, { key: TEST_KEY, ...options });
}

/** Expects a HoldfastError (or StoreError) with this code, and returns it. */
export async function expectCode(
  work: Promise<unknown> | (() => Promise<unknown>),
  code: string,
): Promise<Error> {
  const error: unknown = await (typeof work === 'function' ? work() : work).then(
    (value) => new Error(`expected ${code}, found success: ${String(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code });
  return error as Error;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Sequential single writes, so that each is a record. */
export async function seed(db: Database, count: number, valueBytes = 10, prefix = 'seed'): Promise<void> {
  for (let i = 0; i < count; i++) await db.set([prefix, i], 'x'.repeat(valueBytes));
}
