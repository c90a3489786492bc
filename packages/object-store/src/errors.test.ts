import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { StoreError } from './errors.js';
import { MemoryStore } from './memory-store.js';
import { withRetry } from './with-retry.js';

/** As an adapter has it that brings its own copy of this package. */
async function anotherCopy(): Promise<typeof StoreError> {
  vi.resetModules();
  return (await import('./errors.js')).StoreError;
}

test('a StoreError of another copy of this package is one of ours, and ours is one of its', async () => {
  const Other = await anotherCopy();
  expect(Other).not.toBe(StoreError);
  expect(new Other('DENIED', 'theirs') instanceof StoreError).toBe(true);
  expect(new StoreError('DENIED', 'ours') instanceof Other).toBe(true);
});

test('nothing else is a StoreError, whatever its code and name', () => {
  const alike = Object.assign(new Error('no'), { name: 'StoreError', code: 'UNAVAILABLE' });
  for (const other of [alike, { code: 'UNAVAILABLE' }, null, undefined, 'UNAVAILABLE', 7])
    expect(other instanceof StoreError).toBe(false);
});

test('what is derived from StoreError is told from it, and belongs to it', async () => {
  class Busy extends StoreError {}
  class Gone extends (await anotherCopy()) {}
  const busy = new Busy('UNAVAILABLE', 'busy');
  expect([busy instanceof Busy, busy instanceof StoreError]).toEqual([true, true]);
  expect(new StoreError('UNAVAILABLE', 'busy') instanceof Busy).toBe(false);
  expect([
    new Gone('INVALID', 'gone') instanceof StoreError,
    new Gone('INVALID', 'gone') instanceof Busy,
  ]).toEqual([true, false]);
});

test('an error of another copy is tried again like our own', async () => {
  const Other = await anotherCopy();
  const memory = new MemoryStore();
  let busy = 1;
  const store = withRetry(
    {
      capabilities: memory.capabilities,
      get: (key, o) => memory.get(key, o),
      put: async (key, bytes, o) => {
        if (busy-- > 0) throw new Other('UNAVAILABLE', '429 Too Many Requests');
        return memory.put(key, bytes, o);
      },
      delete: (keys, o) => memory.delete(keys, o),
      list: (prefix, o) => memory.list(prefix, o),
    },
    { backoffMs: 0 },
  );
  expect(await store.put('key', Uint8Array.of(1), { ifAbsent: true })).toHaveProperty('etag');
});

test('bytes of another realm are taken as bytes', async () => {
  const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
  expect(foreign instanceof Uint8Array).toBe(false);
  const store = new MemoryStore();
  await store.put('key', foreign);
  expect((await store.get('key'))?.bytes).toEqual(Uint8Array.of(1, 2, 3));
});

test('what a store has said can act on no terminal and no log', () => {
  const said = '\u001b[2J\u009b31m\r\n2026-01-01 all is well\u202e\u2028\ud800 ümlaut 日本語 🦀';
  expect(new StoreError('DENIED', said).message).toBe(
    '\\u{1b}[2J\\u{9b}31m\\u{d}\\u{a}2026-01-01 all is well\\u{202e}\\u{2028}\\u{d800} ümlaut 日本語 🦀',
  );
});
