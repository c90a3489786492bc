/** Listings and deletes. */
import { StoreError } from '../errors.js';
import { compareKeys } from '../key-order.js';
import type { ObjectStore } from '../object-store.js';
import type { Cases } from './context.js';
import { expectEqual, keysOf, text } from './expect.js';

/** In key order: "-" and "." are less than "/", digits and letters are more. */
const mixedKeys = [
  'a-b',
  'a.b',
  'a/b',
  'a/b-c/d',
  'a/b.c',
  'a/c/d',
  'a/c/e',
  'a0',
  'aa/b',
  'b/🦀',
  'b/\ufb01',
  'log/00',
  'log/01',
  'logs/00',
].sort(compareKeys);

async function fill(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += 20) {
    await Promise.all(keys.slice(i, i + 20).map((key) => store.put(key, text(key))));
  }
}

/** In the order the store promises. */
async function listed(store: ObjectStore, ...args: Parameters<ObjectStore['list']>): Promise<string[]> {
  const keys = await keysOf(store.list(...args));
  return store.capabilities.orderedList ? keys : keys.sort(compareKeys);
}

/** Whether the store takes a key; INVALID says that it does not. */
async function isTaken(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'INVALID') return false;
    throw error;
  }
}

export const listCases: Cases = {
  'an empty store lists nothing': async ({ store }) => {
    expectEqual('all', await keysOf(store.list('')), []);
    expectEqual('a prefix', await keysOf(store.list('some/prefix')), []);
  },
  'a listing gives keys and sizes': async ({ store }) => {
    await store.put('s/empty', new Uint8Array(0));
    await store.put('s/five', text('12345'));
    const found: unknown[] = [];
    for await (const { key, size } of store.list('s/')) found.push(key, size);
    if (!store.capabilities.orderedList && found[0] === 's/five') found.push(...found.splice(0, 2));
    expectEqual('objects', found, ['s/empty', 0, 's/five', 5]);
  },
  'every put, create and delete that has returned is seen by the next listing': async ({ store }) => {
    const create = store.capabilities.putIfAbsent ? ({ ifAbsent: true } as const) : {};
    for (let i = 0; i < 10; i++) {
      await store.put(`seen/${i}`, text('x'), i % 2 === 0 ? create : {});
      expectEqual(`after put ${i}`, (await keysOf(store.list('seen/'))).length, i + 1);
    }
    for (let i = 0; i < 10; i++) {
      await store.delete([`seen/${i}`]);
      expectEqual(`after delete ${i}`, (await keysOf(store.list('seen/'))).length, 9 - i);
    }
  },
  'keys come in the order of their UTF-8 bytes': async ({ store }) => {
    await fill(store, [...mixedKeys].reverse());
    expectEqual('keys', await listed(store, ''), mixedKeys);
  },
  'a prefix is the beginning of a key, not a folder': async ({ store }) => {
    await fill(store, mixedKeys);
    for (const prefix of [
      'a',
      'a/',
      'a/b',
      'a/b-',
      'a/c/',
      'log',
      'log/',
      'log/0',
      'log/00',
      'log/000',
      'z',
      'b/🦀',
    ]) {
      const expected = mixedKeys.filter((key) => key.startsWith(prefix));
      expectEqual(`keys with prefix ${prefix}`, await listed(store, prefix), expected);
    }
  },
  'after leaves out that key and all before it': async ({ store }) => {
    await fill(store, mixedKeys);
    for (const after of [
      ...mixedKeys,
      '',
      'a',
      'a/',
      'a/c',
      'a/c/dd',
      'a/b-c/',
      'a/z',
      'log/',
      'zzz',
      '🦀',
    ]) {
      for (const prefix of ['', 'a/', 'log']) {
        const expected = mixedKeys.filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0);
        expectEqual(`keys with ${prefix} after ${after}`, await listed(store, prefix, { after }), expected);
      }
    }
  },
  'limit ends the listing': async ({ store }) => {
    await fill(store, mixedKeys);
    for (const limit of [0, 1, 2, 5, mixedKeys.length, 1_000]) {
      const found = await listed(store, '', { limit });
      expectEqual(`number with limit ${limit}`, found.length, Math.min(limit, mixedKeys.length));
      if (store.capabilities.orderedList) expectEqual(`limit ${limit}`, found, mixedKeys.slice(0, limit));
    }
    if (!store.capabilities.orderedList) return;
    expectEqual('with after', await listed(store, 'a', { after: 'a/b', limit: 2 }), ['a/b-c/d', 'a/b.c']);
  },
  'a listing longer than a page is whole': async ({ store, listedKeys }) => {
    const keys = Array.from({ length: listedKeys }, (_, i) => `many/${String(i).padStart(6, '0')}`);
    await fill(store, keys);
    expectEqual('all', await listed(store, 'many/'), keys);
    if (store.capabilities.orderedList) {
      expectEqual('its end', await listed(store, 'many/', { after: keys.at(-4)! }), keys.slice(-3));
      expectEqual(
        'a limit past the page',
        await listed(store, 'many/', { limit: 1_001 }),
        keys.slice(0, 1_001),
      );
    }
    await store.delete([...keys, 'many/missing']);
    expectEqual('after the delete', await keysOf(store.list('many/')), []);
  },
  'names that others have made hide none of ours': async ({ store }) => {
    const ours = Array.from({ length: 25 }, (_, i) => `log/${String(i).padStart(8, '0')}`);
    await fill(store, ours);
    const foreign = [
      'log/',
      'log/.DS_Store',
      'log/0',
      'log/desktop.ini',
      'log/~',
      'log0/x',
      '.keep',
      'probe/x/race',
    ];
    const taken: string[] = [];
    for (const key of foreign) {
      // A name that the store can't hold is INVALID, and nobody else can have made it either.
      if (await isTaken(() => store.put(key, text('theirs')))) taken.push(key);
    }
    const expected = [...ours, ...taken].filter((key) => key.startsWith('log/')).sort(compareKeys);
    expectEqual('all of them', await listed(store, 'log/'), expected);
    for (const after of [undefined, ours[3]!, ours.at(-1)!]) {
      const found = (await listed(store, 'log/', { after })).filter((key) => ours.includes(key));
      expectEqual(
        `ours after ${after}`,
        found,
        after === undefined ? ours : ours.slice(ours.indexOf(after) + 1),
      );
    }
    await store.delete(ours);
    expectEqual('what is left', await listed(store, ''), taken.sort(compareKeys));
  },
  'a key with dots leads to no other object': async ({ store }) => {
    await fill(store, ['inside/a', 'outside']);
    for (const key of [
      'inside/../outside',
      'inside/./a',
      '../outside',
      './inside/a',
      'inside/b/../a',
      'inside/..',
    ]) {
      const kept = await isTaken(() => store.put(key, text('astray')));
      for (const other of ['inside/a', 'outside']) {
        expectEqual(`${other} after a put of ${key}`, (await store.get(other))?.bytes, text(other));
      }
      const found = kept ? (await store.get(key))?.bytes : undefined;
      if (kept) expectEqual(key, found, text('astray'));
      await isTaken(() => store.delete([key]));
      expectEqual('left', await listed(store, ''), ['inside/a', 'outside']);
    }
  },
  'a consumer may stop early, and list again': async ({ store }) => {
    await fill(store, mixedKeys);
    for await (const { key } of store.list('')) {
      if (store.capabilities.orderedList) expectEqual('first', key, mixedKeys[0]);
      break;
    }
    expectEqual('again', await listed(store, ''), mixedKeys);
  },
  'objects deleted while they are listed do no harm': async ({ store }) => {
    const keys = Array.from({ length: 40 }, (_, i) => `gone/${i + 10}`);
    await fill(store, keys);
    let count = 0;
    for await (const { key } of store.list('gone/')) {
      if (count++ === 0) await store.delete(keys.filter((other) => other !== key));
    }
    expectEqual('some were listed', count >= 1 && count <= keys.length, true);
    expectEqual('what is left', (await keysOf(store.list('gone/'))).length, 1);
  },
};

export const deleteCases: Cases = {
  'deletes take any number of keys, missing ones too': async ({ store }) => {
    await fill(store, ['d/1', 'd/2', 'd/3']);
    await store.delete([]);
    await store.delete(['d/missing']);
    await store.delete(['d/1', 'd/missing', 'd/3', 'd/1', 'missing/folder/key']);
    expectEqual('left', await keysOf(store.list('d/')), ['d/2']);
    expectEqual('get of a deleted one', await store.get('d/1'), undefined);
    await store.delete(['d/2']);
    await store.delete(['d/2']);
    expectEqual('left', await keysOf(store.list('d/')), []);
  },
  'a delete takes no key with the same beginning': async ({ store }) => {
    await fill(store, ['p/a', 'p/ab', 'p/a-b', 'p/c/d']);
    await store.delete(['p/a', 'p/c']);
    expectEqual('left', (await keysOf(store.list('p/'))).sort(compareKeys), ['p/a-b', 'p/ab', 'p/c/d']);
  },
};
