// A folder of files in which somebody else writes too: links, pipes, sockets, giants, foreign names.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  lstat,
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileStore } from '../file.js';
import type { GetOptions } from '../object-store.js';
import { seededRandom } from '../testing.js';
import { spanOf } from './span.js';
import { tempName } from './temp-names.js';

let base: string;
let root: string;
let store: FileStore;
const bytes = Uint8Array.of(1, 2, 3);
const MiB = 1024 * 1024;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'holdfast-planted-'));
  root = join(base, 'db');
  store = new FileStore(root, { durable: false });
});

afterEach(async () => {
  await store.close();
  await rm(base, { recursive: true, force: true });
});

async function keys(prefix: string, options: { after?: string; limit?: number } = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, options)) found.push(key);
  return found;
}

/** An old folder of the user's, outside the store, with files that are called like the store's. */
async function victimFolder(): Promise<string> {
  const victim = join(base, 'victim');
  await mkdir(victim);
  const old = tempName(seededRandom(1)).split('-');
  old[1] = '4194400';
  for (const name of ['thesis.txt', '1', '2', old.join('-')]) {
    await writeFile(join(victim, name), 'years of work');
    await utimes(join(victim, name), new Date(0), new Date(0));
  }
  return victim;
}

describe('a link in the place of a folder', () => {
  for (const folder of ['log', 'seg', 'man', 'probe', 'log/deeper']) {
    test(`${folder}: refused by every call, with what to do; nothing behind it is touched`, async () => {
      const victim = await victimFolder();
      await store.put(`${folder}/1`, bytes);
      await rename(join(root, folder), join(base, 'moved'));
      await symlink(victim, join(root, folder));
      const calls = [
        store.get(`${folder}/1`),
        store.get(`${folder}/new`),
        store.put(`${folder}/1`, bytes),
        store.put(`${folder}/1`, bytes, { ifAbsent: true }),
        store.put(`${folder}/new`, bytes, { ifAbsent: true }),
        store.put(`${folder}/below/new`, bytes),
        store.delete([`${folder}/1`]),
        store.delete(['other', `${folder}/below/2`]),
        keys(''),
        keys(`${folder}/`),
        keys(`${folder}/1`),
        keys(folder, { limit: 1 }),
      ];
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({
          reason: { code: 'INVALID', message: expect.stringMatching(/symbolic link.*remove it/) },
        });
      }
      for (const name of await readdir(victim))
        expect(await readFile(join(victim, name), 'utf8')).toBe('years of work');
      expect(await readdir(victim)).toHaveLength(4);
      // As the message says.
      await rm(join(root, folder));
      await rename(join(base, 'moved'), join(root, folder));
      expect((await store.get(`${folder}/1`))?.bytes).toEqual(bytes);
    });
  }

  test('.tmp: nothing goes through it, and no sweep; another folder serves', async () => {
    const victim = await victimFolder();
    await store.put('log/1', bytes);
    await rm(join(root, '.tmp'), { recursive: true });
    await symlink(victim, join(root, '.tmp'));
    for (const opened of [store, new FileStore(root)]) {
      expect(await opened.put('log/2', bytes)).toHaveProperty('etag');
      expect(await opened.put('log/2', bytes, { ifAbsent: true })).toEqual({ occupied: true });
      await opened.close();
    }
    expect(await readdir(victim)).toHaveLength(4);
    expect(await keys('')).toEqual(['log/1', 'log/2']);
    expect(await readdir(join(root, '.tmp-holdfast'))).toEqual([]);

    await rm(join(root, '.tmp-holdfast'), { recursive: true });
    await symlink(victim, join(root, '.tmp-holdfast'));
    for (const opened of [store, new FileStore(root)]) {
      await expect(opened.put('log/3', bytes)).rejects.toMatchObject({
        code: 'INVALID',
        message: expect.stringContaining('.tmp is a symbolic link'),
      });
      await opened.close();
    }
    expect(await readdir(victim)).toHaveLength(4);
    // They hold no objects, so they are in no reader's way.
    expect((await store.get('log/1'))?.bytes).toEqual(bytes);
    expect(await keys('')).toEqual(['log/1', 'log/2']);
  });

  test('a file that is called .tmp, and a foreign folder of that name, stay as they are', async () => {
    await mkdir(root);
    await writeFile(join(root, '.tmp'), 'notes');
    expect(await store.put('a', bytes)).toHaveProperty('etag');
    expect(await readFile(join(root, '.tmp'), 'utf8')).toBe('notes');
    await rm(join(root, '.tmp'));
    await mkdir(join(root, '.tmp', 'drafts'), { recursive: true });
    await new FileStore(root).put('b', bytes);
    expect(await readdir(join(root, '.tmp'))).toEqual(['drafts']);
  });

  test('one that leads nowhere, round in a circle, or to a file is no better', async () => {
    await store.put('a', bytes);
    await symlink(join(base, 'nowhere'), join(root, 'nowhere'));
    await symlink(join(root, 'circle'), join(root, 'circle'));
    await symlink(join(root, 'a'), join(root, 'file'));
    for (const name of ['nowhere', 'circle', 'file']) {
      const calls = [
        store.get(`${name}/1`),
        store.put(`${name}/1`, bytes),
        store.delete([`${name}/1`]),
        keys(`${name}/`),
        store.get(name),
        store.put(name, bytes),
        store.put(name, bytes, { ifAbsent: true }),
        store.delete([name]),
      ];
      for (const call of await Promise.allSettled(calls))
        expect(call).toMatchObject({ reason: { name: 'StoreError', code: 'INVALID' } });
      expect((await lstat(join(root, name))).isSymbolicLink()).toBe(true);
    }
    // They hide no object from a listing.
    expect(await keys('')).toEqual(['a']);
    expect(existsSync(join(base, 'nowhere'))).toBe(false);
  });

  test("the store's own folder, and the way to it, may be links: the user chose them", async () => {
    await mkdir(join(base, 'disk', 'real'), { recursive: true });
    await symlink(join(base, 'disk'), join(base, 'way'));
    await symlink(join(base, 'way', 'real'), root);
    const durable = new FileStore(root);
    expect(await durable.put('log/1', bytes, { ifAbsent: true })).toHaveProperty('etag');
    expect(await durable.put('log/1', bytes, { ifAbsent: true })).toEqual({ occupied: true });
    expect(await keys('')).toEqual(['log/1']);
    await durable.delete(['log/1']);
    expect(await store.get('log/1')).toBeUndefined();
    await rm(join(base, 'disk'), { recursive: true });
    expect(await store.get('log/1')).toBeUndefined();
    await expect(store.put('log/1', bytes)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('leads nowhere'),
    });
  });
});

describe('what is no object', () => {
  const isWindows = process.platform === 'win32';

  test.skipIf(isWindows)(
    'pipes and sockets are refused by name at once, and no listing shows them',
    async () => {
      await store.put('log/2', bytes);
      execFileSync('mkfifo', [join(root, 'log', '1')]);
      const server = createServer().listen(join(root, 'log', '0'));
      try {
        await new Promise((resolve) => server.once('listening', resolve));
        for (const key of ['log/0', 'log/1']) {
          const calls = [
            store.get(key),
            store.get(key, { range: { offset: 0, length: 1 } }),
            store.put(key, bytes),
            store.put(key, bytes, { ifAbsent: true }),
            store.delete([key]),
          ];
          for (const call of await Promise.allSettled(calls))
            expect(call).toMatchObject({ reason: { name: 'StoreError', code: 'INVALID' } });
        }
        expect(await keys('')).toEqual(['log/2']);
        expect(await keys('log/', { limit: 1 })).toEqual(['log/2']);
        expect(await readdir(join(root, 'log'))).toEqual(['0', '1', '2']);
      } finally {
        server.close();
      }
    },
  );

  test('foreign files are objects, as in a bucket; folders, links to files and .tmp are none', async () => {
    await store.put('log/2', bytes);
    for (const name of ['.DS_Store', 'log/.DS_Store', 'log/1.bak', 'Thumbs.db', '.tmp/x'])
      writeFileSync(join(root, name), 'foreign');
    for (const name of ['log/marker', 'empty/deep', '.TMP']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, '.TMP', 'x'), 'foreign');
    symlinkSync(join(root, 'log', '2'), join(root, 'log', 'latest'));
    const listed = await keys('');
    expect(listed).toEqual(['.DS_Store', 'Thumbs.db', 'log/.DS_Store', 'log/1.bak', 'log/2']);
    for (const key of listed) expect(await store.get(key)).toBeDefined();
    expect(await store.get('log/marker')).toBeUndefined();
    await store.delete(listed);
    expect(await keys('')).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')(
    'names that are no UTF-8, or too long, are passed over',
    async () => {
      await store.put('log/2', bytes);
      const odd = (name: Buffer) => Buffer.concat([Buffer.from(`${join(root, 'log')}/`), name]);
      writeFileSync(odd(Buffer.from([0xff])), '');
      writeFileSync(odd(Buffer.from([0xfe])), '');
      writeFileSync(odd(Buffer.alloc(200, 0xff)), '');
      mkdirSync(odd(Buffer.alloc(201, 0xff)));
      await store.put('log/\ufffd', bytes);
      expect(await keys('')).toEqual(['log/2', 'log/\ufffd']);
      expect(await keys('log/\ufffd')).toEqual(['log/\ufffd']);
    },
  );

  test.skipIf(isWindows)('what lies below the longest path is passed over', async () => {
    await store.put('z', bytes);
    // Each half can be reached, both together can't.
    const half = join(...Array.from({ length: 12 }, (_, i) => String(i).padEnd(200, 'x')));
    for (const name of ['deep', 'deeper']) await mkdir(join(root, name, half), { recursive: true });
    await rename(join(root, 'deeper'), join(root, 'deep', half, 'deeper'));
    try {
      expect(await keys('')).toEqual(['z']);
      await expect(store.get(`deep/${half}/deeper/${half}/x`)).rejects.toMatchObject({ code: 'INVALID' });
      await expect(store.put(`deep/${half}/deeper/${half}/x`, bytes)).rejects.toMatchObject({
        code: 'INVALID',
      });
    } finally {
      await rename(join(root, 'deep', half, 'deeper'), join(root, 'deeper'));
    }
  });

  test('10,000 foreign names hide nothing and hang nothing', async () => {
    const log = join(root, 'log');
    await mkdir(log, { recursive: true });
    const plants = [
      (name: string) => symlinkSync('nothing', join(log, `!${name}`)),
      (name: string) => mkdirSync(join(log, `!${name}`)),
      (name: string) => writeFileSync(join(log, `"${name}`), ''),
    ];
    for (let i = 0; i < 10_000; i++) plants[i % 3]!(String(i).padStart(5, '0'));
    await store.put('log/1', bytes);
    await store.put('log/2', bytes);
    expect(await keys('log/', { limit: 1 })).toEqual(['log/"00002']);
    expect(await keys('log/', { after: 'log/"99999', limit: 1 })).toEqual(['log/1']);
    const all = await keys('log/');
    expect(all).toHaveLength(3_333 + 2);
    expect(all.slice(-2)).toEqual(['log/1', 'log/2']);
    expect((await store.get('log/2'))?.bytes).toEqual(bytes);
  }, 120_000);

  test('a message never lets a name speak to the terminal', async () => {
    await store.put('log/1', bytes);
    const name = 'log/\u001b[2J\u009b31m\u202e';
    await symlink('nowhere', join(root, name));
    const error: Error = await store.get(name).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error.message).toContain('[2J');
    expect(error.message).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe('unfinished files', () => {
  test("a sweep removes what has a name of a store's own, is a file, and is nobody's any more", async () => {
    const old = new Date(0);
    const plain = (random: number) => tempName(seededRandom(random));
    const temps = join(root, '.tmp');
    await mkdir(temps, { recursive: true });
    const kept = [
      'draft.txt',
      `${plain(1)}.bak`,
      `x${plain(2)}`,
      plain(3).toUpperCase(),
      plain(4).slice(0, -1),
      plain(5).replace('-', '_'),
    ];
    for (const name of [...kept, plain(6)]) {
      await writeFile(join(temps, name), '');
      await utimes(join(temps, name), old, old);
    }
    await mkdir(join(temps, plain(7)));
    await utimes(join(temps, plain(7)), old, old);
    await writeFile(join(base, 'outside'), 'outside');
    await utimes(join(base, 'outside'), old, old);
    await symlink(join(base, 'outside'), join(temps, plain(8)));
    await lutimes(join(temps, plain(8)), old, old);
    await store.put('a', bytes);
    await store.close();
    expect(await readdir(temps)).toEqual([...kept, plain(7), plain(8)].sort());
    expect(existsSync(join(base, 'outside'))).toBe(true);
  });
});

describe('a get takes no more than it is asked to', () => {
  /** @param size of a file without a byte on the disk. */
  async function sparse(key: string, size: number): Promise<void> {
    await store.put(key, new Uint8Array(0));
    await truncate(join(root, key), size);
  }

  /** How many bytes came, or which error did: never the bytes, which a failing test would print. */
  const taken = (key: string, options: GetOptions = {}) =>
    store.get(key, options).then(
      (found) => found?.bytes.length,
      (error) => error,
    );
  const tooLarge = expect.objectContaining({ name: 'StoreError', code: 'TOO_LARGE' });

  test('maxBytes bounds the answer, not the object', async () => {
    const size = 10 * MiB;
    await sparse('giant', size);
    expect(await taken('giant', { maxBytes: MiB })).toEqual(tooLarge);
    expect(await taken('giant', { maxBytes: size - 1 })).toEqual(
      expect.objectContaining({ code: 'TOO_LARGE', message: expect.stringContaining(String(size)) }),
    );
    expect(await taken('giant', { maxBytes: size })).toBe(size);
    const range = { offset: 5 * MiB, length: 10 };
    expect(await taken('giant', { range, maxBytes: 9 })).toEqual(tooLarge);
    expect(await taken('giant', { range, maxBytes: 10 })).toBe(10);
    expect((await store.get('giant', { range, maxBytes: 10 }))?.size).toBe(size);
    expect(await taken('giant', { range: { offset: size - 3, length: MiB }, maxBytes: 3 })).toBe(3);
    await store.put('empty', new Uint8Array(0));
    expect(await taken('empty', { maxBytes: 0 })).toBe(0);
    await store.put('three', bytes);
    for (const maxBytes of [3, 4, Number.POSITIVE_INFINITY])
      expect((await store.get('three', { maxBytes }))?.bytes).toEqual(bytes);
  });

  test.each([-1, Number.NaN])('maxBytes %d is no bound', async (maxBytes) => {
    await expect(store.get('missing', { maxBytes })).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('what no buffer can hold is TOO_LARGE without any bound, and its end can be read', async () => {
    const size = 8 * MiB * MiB;
    try {
      await sparse('giant', size);
    } catch (error) {
      // A file system with smaller files.
      if ((error as { code?: string }).code === 'EFBIG') return;
      throw error;
    }
    expect(await taken('giant')).toEqual(tooLarge);
    expect(await taken('giant', { range: { offset: 1, length: size } })).toEqual(tooLarge);
    const end = await store.get('giant', { range: { offset: -5, length: 5 } });
    expect([end?.bytes, end?.size]).toEqual([new Uint8Array(5), size]);
    const listed: unknown[] = [];
    for await (const object of store.list('')) listed.push(object);
    expect(listed).toEqual([{ key: 'giant', size }]);
  });

  test('sizes that no number is are TOO_LARGE, whatever part is asked for', () => {
    const size = 2n ** 60n + 1n;
    for (const options of [{}, { range: { offset: 0, length: 1 } }, { range: { offset: -1, length: 1 } }])
      expect(() => spanOf(size, options, 'log/1')).toThrow(
        expect.objectContaining({ name: 'StoreError', code: 'TOO_LARGE' }),
      );
    expect(spanOf(2n ** 53n - 1n, { range: { offset: -1, length: 1 } }, 'log/1')).toEqual({
      start: 2 ** 53 - 2,
      end: 2 ** 53 - 1,
      size: 2 ** 53 - 1,
    });
  });

  // The platform's own, a DOMException with a number for its code; and one of the system, as a server has of its client.
  const reasons = [undefined, Object.assign(new Error('the client has left'), { code: 'ENOENT' })];

  test('reads of more than one step are whole, and end with the signal', async () => {
    const large = new Uint8Array(70 * MiB).fill(7);
    large[large.length - 1] = 8;
    await store.put('large', large);
    const found = await store.get('large');
    expect(found?.bytes.length).toBe(large.length);
    expect(Buffer.compare(found!.bytes, large)).toBe(0);
    for (const reason of reasons) {
      const aborting = new AbortController();
      const reading = taken('large', { signal: aborting.signal });
      aborting.abort(reason);
      expect(await reading).toBe(aborting.signal.reason);
    }
  });

  test('a put that is aborted on its way ends with the reason as well', async () => {
    for (const reason of reasons) {
      const aborting = new AbortController();
      const put = store.put('large', new Uint8Array(20 * MiB), { signal: aborting.signal });
      aborting.abort(reason);
      await expect(put).rejects.toBe(aborting.signal.reason);
      expect(await taken('large')).toBeUndefined();
    }
  });
});
