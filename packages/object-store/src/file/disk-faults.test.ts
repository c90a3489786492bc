// What a disk or a file system answers when it fails. The system's own calls are made to fail here, after their effect
// or instead of it; nothing else can do that for any user on any machine.
import type * as fs from 'node:fs/promises';
import { link, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FileStore } from '../file.js';
import { seededRandom } from '../testing.js';
import { tempName } from './temp-names.js';

type Call = 'link' | 'rename' | 'mkdir' | 'sync folder' | 'sync file' | 'unlink' | 'close';

/** What fails next: asked before (`instead`) and after each call. `path` is the name that is made, or the folder. */
const disk = vi.hoisted(() => ({
  fails: (_call: Call, _path: string, _when: 'instead' | 'after'): string | undefined => undefined,
  calls: [] as string[],
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>();
  const run = async <T>(call: Call, path: string, effect: () => Promise<T>): Promise<T> => {
    disk.calls.push(`${call} ${path}`);
    const refuse = (when: 'instead' | 'after') => {
      const code = disk.fails(call, path, when);
      if (code) throw Object.assign(new Error(`${code}: ${call}`), { code });
    };
    refuse('instead');
    const result = await effect();
    refuse('after');
    return result;
  };
  return {
    ...real,
    link: (from: string, to: string) => run('link', to, () => real.link(from, to)),
    rename: (from: string, to: string) => run('rename', to, () => real.rename(from, to)),
    mkdir: (path: string) => run('mkdir', path, () => real.mkdir(path)),
    unlink: (path: string) => run('unlink', path, () => real.unlink(path)),
    open: async (path: string, ...rest: [number]) => {
      const handle = await real.open(path, ...rest);
      const isFolder = (await handle.stat()).isDirectory();
      const [sync, close] = [handle.sync.bind(handle), handle.close.bind(handle)];
      handle.sync = () => run(isFolder ? 'sync folder' : 'sync file', path, sync);
      handle.close = () => run('close', path, close);
      return handle;
    },
  };
});

let base: string;
let root: string;
const bytes = Uint8Array.of(1, 2, 3);
const other = Uint8Array.of(9);

beforeEach(async () => {
  disk.fails = () => undefined;
  base = await mkdtemp(join(tmpdir(), 'holdfast-disk-faults-'));
  root = join(base, 'db');
  disk.calls = [];
});

afterEach(async () => {
  disk.fails = () => undefined;
  await rm(base, { recursive: true, force: true });
});

/** `code` for these calls on paths that end so, until it is switched off. */
function failing(call: Call, pathEnd: string, code: string, when: 'instead' | 'after' = 'instead'): void {
  disk.fails = (found, path, now) =>
    found === call && path.endsWith(pathEnd) && now === when ? code : undefined;
}

const working = () => {
  disk.fails = () => undefined;
};

const temps = () => readdir(join(root, '.tmp'));

/** Places in the order of calls at which this folder was written to the disk. */
const syncsOf = (folder: string) => disk.calls.filter((call) => call === `sync folder ${folder}`).length;

describe('who has a name is decided by whose file it is', () => {
  test.each(['EEXIST', 'EIO', 'ETIMEDOUT', 'ENOENT'])(
    'a create that took effect and answered %s is ours',
    async (code) => {
      const store = new FileStore(root);
      failing('link', 'log/1', code, 'after');
      expect(await store.put('log/1', bytes, { ifAbsent: true })).toHaveProperty('etag');
      expect((await store.get('log/1'))?.bytes).toEqual(bytes);
      expect(await temps()).toEqual([]);
    },
  );

  test('a create that met another file is lost, also when ours has been linked elsewhere', async () => {
    const name = tempName(seededRandom(1));
    const store = new FileStore(root, { random: seededRandom(1) });
    await mkdir(join(base, 'backup'));
    disk.fails = (call, path, when) => {
      // Just before our link: a rival takes the name, and a backup links what is under .tmp/.
      if (call === 'link' && path.endsWith('log/1') && when === 'instead') rival();
      return undefined;
    };
    const { linkSync, writeFileSync } = await import('node:fs');
    const rival = () => {
      writeFileSync(join(root, 'log', '1'), other);
      linkSync(join(root, '.tmp', name), join(base, 'backup', 'a'));
      linkSync(join(root, '.tmp', name), join(base, 'backup', 'b'));
    };
    expect(await store.put('log/1', bytes, { ifAbsent: true })).toEqual({ occupied: true });
    expect((await store.get('log/1'))?.bytes).toEqual(other);
    expect((await stat(join(base, 'backup', 'a'))).nlink).toBe(2);
  });

  test.each(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])(
    'where a file system answers link with %s nobody wins, and the reason is named',
    async (code) => {
      failing('link', 'log/1', code);
      const puts = [1, 2, 3].map((n) =>
        new FileStore(root).put('log/1', Uint8Array.of(n), { ifAbsent: true }),
      );
      for (const put of await Promise.allSettled(puts)) {
        expect(put).toMatchObject({
          reason: { code: 'INVALID', message: expect.stringMatching(/hard link.*local folder/) },
        });
      }
      failing('link', '', code);
      await expect(new FileStore(root).put('log/1', bytes)).rejects.toMatchObject({ code: 'INVALID' });
      expect(await new FileStore(root).get('log/1')).toBeUndefined();
      expect(await temps()).toEqual([]);
    },
  );

  test('a create that failed for no clear reason is unknown, and whoever sends it again finds out', async () => {
    const store = new FileStore(root);
    failing('link', 'log/1', 'EIO');
    await expect(store.put('log/1', bytes, { ifAbsent: true })).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
    expect(await store.get('log/1')).toBeUndefined();
    // What has no name takes no space.
    expect(await temps()).toEqual([]);
    working();
    expect(await store.put('log/1', bytes, { ifAbsent: true })).toHaveProperty('etag');
  });

  test.each(['ENOENT', 'EIO'])(
    'an overwrite that took effect and answered %s is not sent again',
    async (code) => {
      const store = new FileStore(root);
      await store.put('again', other);
      failing('rename', 'again', code, 'after');
      const { etag } = await store.put('again', bytes);
      expect(await store.get('again')).toMatchObject({ bytes, etag });
      expect(disk.calls.filter((call) => call.startsWith('rename'))).toHaveLength(2);
      expect(await temps()).toEqual([]);
    },
  );
});

describe('what has failed to reach the disk is not acknowledged', () => {
  const create = (store: FileStore, key = 'log/1') => store.put(key, bytes, { ifAbsent: true });

  test.each(['', 'log', '.tmp'])(
    'by the next put, after the fsync that made folder "%s" stay has failed',
    async (folder) => {
      const store = new FileStore(root);
      const parent = folder === '' ? base : root;
      failing('sync folder', parent, 'EIO');
      await expect(create(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      // Again, by this process and by another one that finds the folder made.
      await expect(create(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(create(new FileStore(root))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await store.get('log/1')).toBeUndefined();
      working();
      const before = syncsOf(parent);
      expect(await create(store)).toHaveProperty('etag');
      expect(syncsOf(parent)).toBeGreaterThan(before);
    },
  );

  test('a folder that somebody else has made meanwhile is another one', async () => {
    const store = new FileStore(root);
    await create(store);
    await rm(join(root, 'log'), { recursive: true });
    await mkdir(join(root, 'log'));
    const before = syncsOf(root);
    await create(store);
    expect(syncsOf(root)).toBe(before + 1);
    await create(store, 'log/2');
    expect(syncsOf(root)).toBe(before + 1);
  });

  test.each(['EACCES', 'EINVAL', 'EROFS'])(
    'a folder that was given may lie in one that answers fsync with %s; one that we made may not',
    async (code) => {
      failing('sync folder', base, code);
      const store = new FileStore(root);
      await expect(create(store)).rejects.toHaveProperty('code');
      await expect(create(store)).rejects.toHaveProperty('code');
      expect(await create(new FileStore(root))).toHaveProperty('etag');
      failing('sync folder', base, 'EIO');
      await expect(create(new FileStore(root), 'log/2')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    },
  );

  test.each([
    { how: 'create', options: { ifAbsent: true as const } },
    { how: 'overwrite', options: {} },
  ])(
    'by reading back a $how whose folder was not written: neither here nor elsewhere',
    async ({ options }) => {
      const store = new FileStore(root);
      await store.put('log/0', bytes);
      failing('sync folder', 'log', 'EIO');
      await expect(store.put('log/1', bytes, options)).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
      for (const reader of [store, new FileStore(root)]) {
        await expect(reader.get('log/1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        await expect(create(reader)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      }
      // What was finished before is read as ever.
      expect((await store.get('log/0'))?.bytes).toEqual(bytes);
      working();
      const before = syncsOf(join(root, 'log'));
      expect((await store.get('log/1'))?.bytes).toEqual(bytes);
      expect(await create(store)).toEqual({ occupied: true });
      // Once is enough.
      expect(syncsOf(join(root, 'log'))).toBe(before + 1);
    },
  );

  test('an object whose writer was killed before its fsync is written to the disk by who meets it', async () => {
    const [dead, stranger] = [tempName(seededRandom(1)).split('-'), 'notes.txt'];
    dead[1] = '4194400';
    await mkdir(join(base, 'db'));
    await mkdir(join(root, '.tmp'));
    await mkdir(join(root, 'log'));
    await writeFile(join(root, '.tmp', dead.join('-')), bytes);
    await link(join(root, '.tmp', dead.join('-')), join(root, 'log', '1'));
    await writeFile(join(root, '.tmp', stranger), 'kept');
    const reader = new FileStore(root);
    expect((await reader.get('log/1'))?.bytes).toEqual(bytes);
    await reader.get('log/1');
    expect(syncsOf(join(root, 'log'))).toBe(1);

    // A sweep takes away the sign that it may not be on the disk only when it has brought it there.
    failing('sync folder', 'log', 'EIO');
    const writer = new FileStore(root);
    await writer.put('seg/1', bytes);
    await writer.close();
    expect(await temps()).toHaveLength(2);
    working();
    const before = syncsOf(join(root, 'log'));
    const next = new FileStore(root);
    await next.put('seg/2', bytes);
    await next.close();
    expect(await temps()).toEqual([stranger]);
    expect(syncsOf(join(root, 'log'))).toBe(before + 1);
  });

  test('links that are made elsewhere cost no fsync', async () => {
    const store = new FileStore(root);
    await create(store);
    await link(join(root, 'log', '1'), join(base, 'backup'));
    const before = syncsOf(join(root, 'log'));
    expect((await new FileStore(root).get('log/1'))?.bytes).toEqual(bytes);
    expect(syncsOf(join(root, 'log'))).toBe(before);
  });

  test('a delete whose fsync failed is unknown, and its repetition tries again, though nothing is left', async () => {
    const store = new FileStore(root);
    await create(store);
    failing('sync folder', 'log', 'EIO');
    await expect(store.delete(['log/1'])).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    await expect(store.delete(['log/1'])).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    working();
    await store.delete(['log/1', 'missing/1']);
    expect(await store.get('log/1')).toBeUndefined();
  });

  test.each(['ENOSPC', 'EIO'])('bytes whose own fsync fails with %s never get a name', async (code) => {
    const store = new FileStore(root);
    disk.fails = (call) => (call === 'sync file' ? code : undefined);
    await expect(create(store)).rejects.toHaveProperty('name', 'StoreError');
    expect(disk.calls.some((call) => call.startsWith('link'))).toBe(false);
    expect(await temps()).toEqual([]);
    working();
    expect(await create(store)).toHaveProperty('etag');
  });

  test('what closing a file says changes no answer', async () => {
    const store = new FileStore(root);
    disk.fails = (call) => (call === 'close' ? 'EIO' : undefined);
    expect(await create(store)).toHaveProperty('etag');
    expect((await store.get('log/1'))?.bytes).toEqual(bytes);
    expect(await temps()).toEqual([]);
  });

  test('a store that need not be durable writes no folder', async () => {
    const store = new FileStore(root, { durable: false });
    await create(store);
    await store.put('again', bytes);
    await store.delete(['again']);
    expect(disk.calls.filter((call) => call.startsWith('sync')).map((call) => basename(call))).toEqual([]);
  });
});
