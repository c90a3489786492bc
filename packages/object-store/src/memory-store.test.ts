import { describe, expect, test } from 'vitest';
import { conformance } from './conformance.js';
import { MemoryStore } from './memory-store.js';

describe('MemoryStore keeps the contract', () => {
  for (const { name, run } of conformance(async () => ({
    store: new MemoryStore(),
    cleanup: async () => {},
  }))) {
    test(name, run);
  }
});

describe('MemoryStore', () => {
  test('shows its objects in key order, as copies', async () => {
    const store = new MemoryStore('tests');
    await store.put('b', Uint8Array.of(2));
    await store.put('a', Uint8Array.of(1));
    const objects = store.objects();
    expect([...objects.keys()]).toEqual(['a', 'b']);
    objects.get('a')!.fill(9);
    expect((await store.get('a'))?.bytes).toEqual(Uint8Array.of(1));
    expect(store.identity).toBe('memory:tests');
  });

  test('has an identity of its own', () => {
    expect(new MemoryStore().identity).not.toBe(new MemoryStore().identity);
  });

  test('copies the bytes of a Buffer, whose slice would share them', async () => {
    const store = new MemoryStore();
    const bytes = Buffer.from('value');
    await store.put('key', bytes);
    bytes.fill(0);
    expect(Buffer.from((await store.get('key'))!.bytes).toString()).toBe('value');
  });

  test('bytes that come back have a new ETag', async () => {
    const store = new MemoryStore();
    const first = await store.put('key', Uint8Array.of(1));
    await store.put('key', Uint8Array.of(2));
    const third = await store.put('key', Uint8Array.of(1));
    expect(third.etag).not.toBe(first.etag);
  });

  test('refuses both conditions at once', async () => {
    const both = new MemoryStore().put('key', Uint8Array.of(1), { ifAbsent: true, ifMatch: 'x' });
    await expect(both).rejects.toMatchObject({ code: 'INVALID' });
  });
});
