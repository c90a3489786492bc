import { runInNewContext } from 'node:vm';
import { HoldfastError } from '@holdfast/core';
import { MemoryStore, StoreError } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { type LocationFactory, registerLocation } from './location-registry.js';
import { resolveLocation } from './locations.js';
import { open } from './open.js';

const key = new Uint8Array(32).fill(7);
const credentials = { accessKeyId: 'id', secretAccessKey: 'key' };

test('a location is a store, a text or a URL', async () => {
  const store = new MemoryStore();
  expect(await resolveLocation(store)).toBe(store);
  expect(await resolveLocation('memory:')).toBeInstanceOf(MemoryStore);
  expect(await resolveLocation(new URL('memory:'))).toBeInstanceOf(MemoryStore);
  const [text, url] = await Promise.all(
    ['file:/a%20b', new URL('file:/a%20b')].map((l) => resolveLocation(l)),
  );
  expect(text?.identity).toBe('file:///a%20b');
  expect(url?.identity).toBe(text?.identity);
});

test('a URL of another realm is a URL', async () => {
  const foreign = runInNewContext(
    'Object.defineProperty({ toString: () => "file:///dir" }, tag, { value: "URL" })',
    {
      tag: Symbol.toStringTag,
    },
  );
  expect(foreign).not.toBeInstanceOf(URL);
  expect((await resolveLocation(foreign)).identity).toBe('file:///dir');
});

test.each([
  [{ get: () => {} }, 'expected an ObjectStore'],
  [undefined, 'found undefined'],
  [null, 'found null'],
  ['./state', 'For a folder write file:./state'],
  ['gs://bucket', "found gs:. To add it, call registerLocation('gs',"],
  ['C:\\state', 'found c:'],
  ['memory:shared', 'pass a MemoryStore'],
  ['memory:?x=1', 'no parameters'],
  ['memory:#x', 'no parameters'],
  ['file:///dir?tenant=1', '"tenant"'],
  ['s3://bucket/p?tenant=1', 'tenant'],
  ['minio://host/bucket?tenant=1', 'tenant'],
  ['oss://bucket/p?tenant=1', 'tenant'],
])('%s is refused with words that help', async (location, words) => {
  const error = await resolveLocation(location as string, { credentials }).catch((reason) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toContain(words);
});

test('an option that nobody knows is refused', async () => {
  await expect(resolveLocation('memory:', { credential: {} } as object)).rejects.toThrow(
    'unknown option "credential"',
  );
});

describe('no prefix leads out of its bucket', () => {
  registerLocation('way-out', () => new MemoryStore());
  const names = [
    '..',
    '.',
    '../x',
    '%2e%2e',
    '%2E.',
    'x/../..',
    '..\\x',
    '%2e%2e%5cx',
    'a%2f..',
    '.\t.',
    '..\n',
    '.. ',
  ];
  test.each(names.map((name) => [JSON.stringify(name), name]))('%s', async (_, name) => {
    for (const before of ['s3://bucket/', 'minio://host/bucket/', 'oss://bucket/', 'way-out://bucket/'])
      await expect(resolveLocation(`${before}tenants/${name}`, { credentials }), before).rejects.toThrow(
        TypeError,
      );
  });

  test('and what is no way out is taken', async () => {
    const store = await resolveLocation('s3://bucket/a..b/..c/%252e%252e?endpoint=http://host/x', {
      credentials,
    });
    expect(store.identity).toContain('bucket/a..b/..c/%2e%2e');
  });
});

describe('a scheme that is added', () => {
  test('is opened by its factory, which gets the URL and the options', async () => {
    const stores = new Map<string, MemoryStore>();
    const given: unknown[] = [];
    registerLocation('shelf', async (url, options) => {
      given.push(options);
      const store = stores.get(url.href) ?? new MemoryStore();
      stores.set(url.href, store);
      return store;
    });
    const db = await open('shelf://a/b?c=d', { key, credentials });
    await db.set('a', 1);
    expect([...stores.keys()]).toEqual(['shelf://a/b?c=d']);
    expect(given).toEqual([{ credentials, signal: undefined }]);
    expect(await (await open(new URL('SHELF://a/b?c=d'), { key })).get('a')).toBe(1);
    await expect(resolveLocation('gs://b')).rejects.toThrow(/oss:\/\/bucket\/prefix, (.+:, )?shelf:/);
  });

  test.each(['', 'a', 'A1', 'gs:', '1a', 'a b', 'ä-', 7])('is not called %s', (scheme) => {
    expect(() => registerLocation(scheme as string, () => new MemoryStore())).toThrow(/without its colon/);
  });

  test.each(['memory', 'file', 's3', 'minio', 'oss'])('is not the built-in %s', (scheme) => {
    expect(() => registerLocation(scheme, () => new MemoryStore())).toThrow('is built in');
  });

  test('has one factory, whoever asks', async () => {
    const factory: LocationFactory = () => new MemoryStore();
    registerLocation('once', factory);
    registerLocation('once', factory);
    expect(() => registerLocation('once', () => new MemoryStore())).toThrow('another factory already');
    expect(() => registerLocation('none', {} as LocationFactory)).toThrow('expected a function');
  });

  test('is known to another copy of this package too', async () => {
    // A query makes it another module, with its own state.
    const copy = (await import('./location-registry.js?copy' as string)) as {
      registerLocation: typeof registerLocation;
    };
    expect(copy.registerLocation).not.toBe(registerLocation);
    copy.registerLocation('elsewhere', () => new MemoryStore());
    expect(await resolveLocation('elsewhere:')).toBeInstanceOf(MemoryStore);
  });

  test('holds no password, and is a URL', async () => {
    registerLocation('strict', () => new MemoryStore());
    for (const text of ['strict://user:secret@host/', 'strict://[']) {
      const error = await resolveLocation(text).catch((reason) => reason);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).not.toContain('secret');
    }
  });

  test('whose factory fails, or makes no store, is an error in words', async () => {
    registerLocation('broken', (url) => {
      if (url.pathname === 'type') throw new TypeError('mine');
      if (url.pathname === 'nothing') return undefined as never;
      throw new Error('no route to shelf');
    });
    await expect(resolveLocation('broken:type')).rejects.toThrow(TypeError);
    await expect(resolveLocation('broken:nothing')).rejects.toThrow('returned no ObjectStore');
    await expect(resolveLocation('broken:x')).rejects.toBeInstanceOf(StoreError);
    const error = await open('broken:x', { key }).catch((reason) => reason);
    expect(error).toBeInstanceOf(HoldfastError);
    expect(error).toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('no route to shelf'),
    });
  });

  test('whose factory hangs ends with the signal, and a store that comes later is closed', async () => {
    let make: (store: MemoryStore) => void = () => {};
    registerLocation('hanging', () => new Promise((resolve) => (make = resolve)));
    const controller = new AbortController();
    const opening = open('hanging:', { key, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
    let closed = 0;
    make(Object.assign(new MemoryStore(), { close: async () => void closed++ }));
    await new Promise(setImmediate);
    expect(closed).toBe(1);
  });
});

describe('open', () => {
  const closings = (): MemoryStore & { closed: number } => {
    const store = Object.assign(new MemoryStore(), { closed: 0, close: async () => void store.closed++ });
    return store;
  };

  test('closes the store that it made when the database does not open, and leaves a given one alone', async () => {
    const made = closings();
    registerLocation('closing', () => made);
    await expect(open('closing:', { key, create: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(made.closed).toBe(1);
    const given = closings();
    await expect(open(given, { key, create: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(given.closed).toBe(0);
  });

  test('takes the key as it is at the call', async () => {
    const store = new MemoryStore();
    const mine = Uint8Array.from(key);
    const opening = open(store, { key: mine });
    mine.fill(0);
    await (await opening).close();
    expect((await open(store, { key })).version).toBe(1);
  });

  test.each([undefined, null, 'key'])('without options (%s) says what it expects', async (options) => {
    await expect(open('memory:', options as never)).rejects.toThrow('expected options with a key');
  });
});
