import { recordName } from '@holdfast/core';
import { type ListedObject, type ListOptions, MemoryStore, StoreError } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { openDatabase } from './database.js';
import { StoreSlots } from './log/store-slots.js';

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

describe('what others leave in a bucket', () => {
  const empty = new Uint8Array(0);
  const litter = (prefix: string): string[] => [
    prefix,
    `${prefix}.DS_Store`,
    `${prefix}._x`,
    `${prefix}sub/`,
    `${prefix}Thumbs.db`,
  ];

  const leftover = (i: number): string => `probe/${i.toString(16).padStart(32, '0')}/race`;

  test('hides nothing, and is no obstacle', async () => {
    const store = new MemoryStore();
    for (const name of [...litter(''), ...litter('log/'), ...litter('seg/')]) await store.put(name, empty);
    for (let i = 0; i < 3000; i++) await store.put(leftover(i), new Uint8Array(1));
    const db = await openDatabase(store, { key });
    await db.set('a', 1);
    await db.flush();
    // Names that sort among the records, too.
    for (const name of ['log/0backup', 'log/1ffff', 'log/zzz', 'log/1fffffffffffff0'])
      await store.put(name, empty);
    const again = await openDatabase(store, { key });
    expect(await again.get('a')).toBe(1);
    expect((await again.verify()).problems).toEqual([]);
  });

  test('in any number before the records', async () => {
    const store = new MemoryStore();
    const db = await openDatabase(store, { key });
    await db.set('a', 1);
    for (let i = 0; i < 10_000; i++) await store.put(`log/0${String(i).padStart(5, '0')}`, empty);
    expect(await (await openDatabase(store, { key })).get('a')).toBe(1);
    for (const ordered of [true, false]) {
      const capabilities = { ...store.capabilities, orderedList: ordered };
      expect(
        await new StoreSlots(
          Object.assign(Object.create(store), { capabilities, list: store.list.bind(store) }),
        ).newest(),
      ).toBe(2);
    }
  });

  test('without end is an error', async () => {
    const endless = new MemoryStore();
    endless.list = async function* (): AsyncGenerator<ListedObject> {
      for (let i = 0; ; i++) yield { key: `log/0${String(i).padStart(12, '0')}x`, size: 0 };
    };
    await expect(new StoreSlots(endless).newest()).rejects.toMatchObject({ code: 'STORE_REFUSED' });
  });

  test('does not hide what else is there: another database, or segments without a log', async () => {
    for (const [name, code] of [
      ['zz-theirs.csv', 'PREFIX_IN_USE'],
      ['seg/00-00', 'CORRUPT'],
      ['photos/', 'PREFIX_IN_USE'],
      ['probe/theirs.csv', 'PREFIX_IN_USE'],
    ] as const) {
      const store = new MemoryStore();
      for (let i = 0; i < 50; i++) await store.put(leftover(i), empty);
      await store.put(name, new Uint8Array(1));
      await expect(openDatabase(store, { key })).rejects.toMatchObject({ code });
    }
  });
});

describe('a creation that came to nothing', () => {
  test('is told as what it is', async () => {
    const lost = new MemoryStore();
    lost.put = async () => {
      throw new StoreError('UNKNOWN_OUTCOME', 'no answer');
    };
    const opening = openDatabase(lost, { key, probe: 'skip' });
    await expect(opening).rejects.toMatchObject({ code: 'UNAVAILABLE', maybeCommitted: true });
    const blind = new MemoryStore();
    await openDatabase(blind, { key });
    blind.list = async function* () {};
    await expect(openDatabase(blind, { key, probe: 'skip' })).rejects.toMatchObject({ code: 'STORE_UNSAFE' });
  });
});

describe('the id of the expected database', () => {
  test('opens it, and no other; an empty prefix is a rollback', async () => {
    const store = new MemoryStore();
    const { id } = await openDatabase(store, { key });
    expect((await openDatabase(store, { key, id })).id).toEqual(id);
    const other = new MemoryStore();
    await openDatabase(other, { key });
    await expect(openDatabase(other, { key, id })).rejects.toMatchObject({ code: 'FORK' });
    const emptied = new MemoryStore();
    await expect(openDatabase(emptied, { key, id })).rejects.toMatchObject({ code: 'ROLLBACK' });
    expect(emptied.objects().size).toBe(0);
  });
});

describe('an older version', () => {
  test('is opened without a look at what is newer, and stays', async () => {
    const store = new MemoryStore();
    const db = await openDatabase(store, { key });
    for (let i = 1; i <= 5; i++) await db.set('n', i);
    await store.put(recordName(6), new Uint8Array(100));
    await expect(openDatabase(store, { key })).rejects.toMatchObject({ code: 'CORRUPT' });
    const old = await openDatabase(store, { key, readOnly: true, at: 4 });
    expect(await old.get('n')).toBe(3);
    await db.set('m', 1).catch(() => {});
    expect(await old.get('n')).toBe(3);
    expect(old.version).toBe(4);
    expect(await (await old.snapshot({ at: 3 })).get('n')).toBe(2);
    await expect(old.set('n', 1)).rejects.toMatchObject({ code: 'READ_ONLY' });
    const missing = openDatabase(store, { key, readOnly: true, at: 40 });
    await expect(missing).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('is for reading only', async () => {
    await expect(openDatabase(new MemoryStore(), { key, at: 1 })).rejects.toThrow(TypeError);
    for (const at of [0, -1, 1.5, Number.NaN])
      await expect(openDatabase(new MemoryStore(), { key, readOnly: true, at })).rejects.toThrow(RangeError);
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
