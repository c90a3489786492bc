import { existsSync, writeFileSync } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { conformance } from '../conformance.js';
import { StoreError } from '../errors.js';
import { FileStore } from '../file.js';
import { seededRandom } from '../testing.js';
import { failed, failedVisibly } from './failures.js';
import { isAbandoned, tempName } from './temp-names.js';

let base: string;
let store: FileStore;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'holdfast-file-store-'));
  store = new FileStore(join(base, 'db'), { durable: false });
});

afterEach(async () => {
  await store.close();
  await rm(base, { recursive: true, force: true });
});

const bytes = Uint8Array.of(1, 2, 3);

async function keys(prefix: string, options: { after?: string; limit?: number } = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, options)) found.push(key);
  return found;
}

describe('FileStore keeps the contract', () => {
  const open = async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'));
    const opened = new FileStore(directory, { durable: false });
    const cleanup = async () => {
      await opened.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { store: opened, cleanup };
  };
  for (const { name, run } of conformance(open)) test(name, run);
});

describe('FileStore', () => {
  test('leaves nothing behind by reading', async () => {
    expect(await store.get('log/1')).toBeUndefined();
    expect(await keys('')).toEqual([]);
    await store.delete(['log/1']);
    expect(await readdir(base)).toEqual([]);
  });

  test('writes durably into folders that are not there yet', async () => {
    const durable = new FileStore(join(base, 'deep', 'er', 'db'));
    expect(await durable.put('log/a/b', bytes, { ifAbsent: true })).toHaveProperty('etag');
    expect(await durable.put('log/a/b', bytes, { ifAbsent: true })).toEqual({ occupied: true });
    await durable.put('log/a/b', Uint8Array.of(9));
    expect((await durable.get('log/a/b'))?.bytes).toEqual(Uint8Array.of(9));
    await durable.delete(['log/a/b', 'log/c/d']);
    expect(await durable.get('log/a/b')).toBeUndefined();
    await durable.close();
  });

  test('leaves no temporary file after creates, lost creates, overwrites and aborts', async () => {
    await store.put('a', bytes);
    await store.put('a', bytes);
    await Promise.all(Array.from({ length: 20 }, () => store.put('b', bytes, { ifAbsent: true })));
    const aborting = new AbortController();
    const put = store.put('c', new Uint8Array(1_000_000), { signal: aborting.signal });
    aborting.abort();
    await put.catch(() => undefined);
    expect(await readdir(join(base, 'db', '.tmp'))).toEqual([]);
  });

  test.each([
    ['', 'is empty'],
    ['/a', 'begins'],
    ['a/', 'ends'],
    ['a//b', '//'],
    ['.', '".'],
    ['../a', '".'],
    ['a/../../b', '".'],
    ['a/./b', '".'],
    ['.tmp/a', 'unfinished'],
    ['.tmp', 'unfinished'],
    ['.TMP/a', 'unfinished'],
    ['.tmp-holdfast/a', 'unfinished'],
    ['a\0b', 'NUL'],
    ['a\ud800b', 'Unicode'],
    ['x'.repeat(256), '255'],
    ['ü'.repeat(128), '255'],
  ])('refuses the key %j', async (key, why) => {
    const calls = [store.get(key), store.put(key, bytes), store.delete(['fine', key])];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ reason: { code: 'INVALID', message: expect.stringContaining(why) } });
    }
    expect(await readdir(base)).toEqual([]);
  });

  test('lists nothing outside its folder, nor what is unfinished', async () => {
    await store.put('a', bytes);
    await writeFile(join(base, 'db', '.tmp', 'half'), 'half');
    await writeFile(join(base, 'outside'), 'outside');
    for (const prefix of ['../', '../o', '.tmp/', '.tmp/h', '/', 'a/../'])
      expect(await keys(prefix)).toEqual([]);
    expect(await keys('.')).toEqual([]);
    expect(await keys('')).toEqual(['a']);
  });

  test('follows no symbolic links and mistakes no folder for an object', async () => {
    await store.put('folder/object', bytes);
    await writeFile(join(base, 'secret'), 'secret');
    await symlink(join(base, 'secret'), join(base, 'db', 'link'));
    await expect(store.get('link')).rejects.toMatchObject({ code: 'INVALID' });
    expect(await keys('')).toEqual(['folder/object']);
    expect(await store.get('folder')).toBeUndefined();
    await expect(store.put('folder', bytes)).rejects.toMatchObject({ code: 'INVALID' });
    await expect(store.put('folder', bytes, { ifAbsent: true })).rejects.toMatchObject({ code: 'INVALID' });
    await expect(store.put('folder/object/below', bytes)).rejects.toMatchObject({ code: 'INVALID' });
    expect(await store.get('folder/object/below')).toBeUndefined();
    expect((await store.get('folder/object'))?.bytes).toEqual(bytes);
  });

  test('says what to do when its folder is a file', async () => {
    await writeFile(join(base, 'db'), 'a file');
    await expect(store.put('a', bytes)).rejects.toMatchObject({ code: 'INVALID' });
    await expect(keys('')).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('makes its folders again when somebody removed them', async () => {
    await store.put('log/1', bytes);
    await rm(join(base, 'db'), { recursive: true });
    expect(await store.put('log/2', bytes, { ifAbsent: true })).toHaveProperty('etag');
    expect(await keys('')).toEqual(['log/2']);
  });

  test.skipIf(process.getuid?.() === 0)('names the missing right', async () => {
    await store.put('a', bytes);
    await chmod(join(base, 'db'), 0o500);
    await expect(store.put('b', bytes)).rejects.toMatchObject({ code: 'DENIED' });
    await chmod(join(base, 'db'), 0o700);
  });

  test('a read that has begun keeps what it began with', async () => {
    const old = new Uint8Array(3_000_000).fill(1);
    await store.put('a', old);
    const reading = store.get('a');
    await store.put('a', new Uint8Array(10));
    const found = await reading;
    expect([old.length, 10]).toContain(found?.bytes.length);
    expect(found?.size).toBe(found?.bytes.length);
  });

  test('lists the beginning, the middle and all of a large folder', async () => {
    await mkdir(join(base, 'db', 'log'), { recursive: true });
    const names = Array.from({ length: 400 }, (_, i) => String(i).padStart(14, '0'));
    for (const name of names) writeFileSync(join(base, 'db', 'log', name), '');
    expect(await keys('log/', { limit: 1 })).toEqual([`log/${names[0]}`]);
    expect(await keys('log/', { after: `log/${names[390]}`, limit: 3 })).toEqual(
      names.slice(391, 394).map((name) => `log/${name}`),
    );
    expect(await keys('log/0000000000039')).toHaveLength(10);
    expect(await keys('')).toEqual(names.map((name) => `log/${name}`));
  });

  test('takes a link that was made, but whose answer was lost, for made', async () => {
    // What an NFS server does that repeats the request: the name is there already, and it is our own file.
    const random = seededRandom(1);
    const name = tempName(seededRandom(1));
    await mkdir(join(base, 'db', '.tmp'), { recursive: true });
    const racing = new FileStore(join(base, 'db'), { durable: false, random });
    const large = new Uint8Array(20_000_000);
    const put = racing.put('object', large, { ifAbsent: true });
    while (!existsSync(join(base, 'db', '.tmp', name))) await new Promise((resolve) => setImmediate(resolve));
    await link(join(base, 'db', '.tmp', name), join(base, 'db', 'object'));
    expect(await put).toHaveProperty('etag');
    await racing.close();
  });
});

describe('unfinished files', () => {
  const hour = 3_600_000;

  test('of a running writer are left alone for an hour', () => {
    const mine = tempName(seededRandom(1));
    expect(isAbandoned(mine, 0)).toBe(false);
    expect(isAbandoned(mine, hour - 1)).toBe(false);
    expect(isAbandoned(mine, hour + 1)).toBe(true);
  });

  test('of a dead writer, or of an earlier process with a living pid, are swept', () => {
    const [scope, pid, start, random] = tempName(seededRandom(1)).split('-') as [
      string,
      string,
      string,
      string,
    ];
    expect(isAbandoned(`${scope}-4194400-${start}-${random}`, 0)).toBe(true);
    if (start !== '0') expect(isAbandoned(`${scope}-${pid}-1-${random}`, 0)).toBe(true);
  });

  test('of another machine, where pids mean others, are left alone for an hour', () => {
    const [, , start, random] = tempName(seededRandom(1)).split('-');
    expect(isAbandoned(`${'0'.repeat(16)}-4194400-${start}-${random}`, 0)).toBe(false);
    expect(isAbandoned(`${'0'.repeat(16)}-4194400-${start}-${random}`, hour + 1)).toBe(true);
    expect(isAbandoned('a stranger', 0)).toBe(false);
    expect(isAbandoned('a stranger', 1_000 * hour)).toBe(false);
  });

  test('are swept by the first put', async () => {
    const temps = join(base, 'db', '.tmp');
    await mkdir(temps, { recursive: true });
    const [old, young] = [tempName(seededRandom(1)), tempName(seededRandom(2))];
    await writeFile(join(temps, old), '');
    await utimes(join(temps, old), new Date(0), new Date(0));
    await writeFile(join(temps, young), '');
    await keys('');
    expect(await readdir(temps)).toHaveLength(2);
    await store.put('a', bytes);
    await store.close();
    expect(await readdir(temps)).toEqual([young]);
  });
});

describe('errors of the system', () => {
  const system = (code: string) => Object.assign(new Error(code), { code });

  test.each([
    ['ENOSPC', 'INVALID', 'Nothing was written'],
    ['EDQUOT', 'INVALID', 'quota'],
    ['EROFS', 'INVALID', 'read-only'],
    ['EACCES', 'DENIED', 'right'],
    ['EPERM', 'DENIED', 'right'],
    ['ENAMETOOLONG', 'INVALID', 'shorter'],
    ['ELOOP', 'INVALID', 'link'],
    ['EXDEV', 'INVALID', 'one file system'],
    ['ENXIO', 'INVALID', 'no plain file'],
    ['ENOTDIR', 'INVALID', 'in the way'],
    ['EISDIR', 'INVALID', 'in the way'],
    ['EMFILE', 'UNAVAILABLE', 'ulimit'],
    ['ENOENT', 'UNAVAILABLE', 'Try again'],
    ['EIO', 'UNAVAILABLE', 'disk'],
  ])('%s is %s', (code, meaning, advice) => {
    const error = failed(system(code), 'Writing') as StoreError;
    expect(error).toBeInstanceOf(StoreError);
    expect([error.code, error.message]).toEqual([meaning, expect.stringContaining(advice)]);
  });

  test.each([new DOMException('aborted', 'AbortError'), new RangeError('none of the system'), undefined])(
    'what is none of the system stays what it is: %s',
    (error) => expect(failed(error, 'Writing')).toBe(error),
  );

  test('EIO of the call that makes a write visible leaves it open; a full disk does not', () => {
    expect(failedVisibly(system('EIO'), 'Creating')).toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    expect(failedVisibly(system('ENOSPC'), 'Creating')).toMatchObject({ code: 'INVALID' });
  });
});
