import { type ListedObject, type ListOptions, MemoryStore } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { openDatabase } from './database.js';

const key = new Uint8Array(32).fill(7);

/** A store where something happens between two listings: after the first that finds nothing. */
class InterruptedStore extends MemoryStore {
  meanwhile: (() => Promise<void>) | undefined;

  override async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    let found = 0;
    for await (const object of super.list(prefix, options)) {
      found++;
      yield object;
    }
    const { meanwhile } = this;
    if (found > 0 || !meanwhile) return;
    this.meanwhile = undefined;
    await meanwhile();
  }
}

describe('creating a database', () => {
  test('whoever finds it made in the middle of making it opens the other one', async () => {
    const store = new InterruptedStore();
    let first: Uint8Array | undefined;
    store.meanwhile = async () => {
      const other = await openDatabase(store, { key });
      first = other.id;
      await other.set('who', 'the other one');
      await other.flush();
    };
    const db = await openDatabase(store, { key });
    expect(db.id).toEqual(first);
    expect(await db.get('who')).toBe('the other one');
  });

  test('with create: false too, where the database came into being just now', async () => {
    const store = new InterruptedStore();
    store.meanwhile = async () => {
      await openDatabase(store, { key });
    };
    const db = await openDatabase(store, { key, create: false });
    expect(db.version).toBe(1);
  });

  test('a prefix with foreign objects, or with segments and no record, is refused', async () => {
    const foreign = new MemoryStore();
    await foreign.put('photos/1.jpg', new Uint8Array(3));
    await expect(openDatabase(foreign, { key })).rejects.toMatchObject({ code: 'PREFIX_IN_USE' });
    const hidden = new MemoryStore();
    await hidden.put('seg/00-00', new Uint8Array(3));
    await expect(openDatabase(hidden, { key })).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('what can not be had yet', () => {
  test.each([
    ['a freshness tier', { freshness: { tier: 'L2' } }],
    ['freshness without a tier', { freshness: {} }],
    ['a sequencer', { sequencer: {} }],
  ])('%s is refused, and nothing is made', async (_, options) => {
    const store = new MemoryStore();
    await expect(openDatabase(store, { key, ...options } as never)).rejects.toThrow(TypeError);
    expect(store.objects().size).toBe(0);
    const db = await openDatabase(store, { key, freshness: { tier: 'L0' } });
    const { version } = db;
    await expect(db.transact((tx) => tx.set('a', 1), options as never)).rejects.toThrow(TypeError);
    expect(db.version).toBe(version);
  });
});
