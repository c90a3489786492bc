/**
 * Places that can't hold a database, or hold something else: each is refused with a typed error that says what to
 * do, and what was there stays as it was. Folders are real ones; the processes in them run the built packages.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ENVELOPE_BYTES } from '@holdfast/core';
import { type Clock, systemClock } from '@holdfast/object-store';
import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { type Database, type HoldfastError, type OpenOptions, open } from 'holdfast';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TEST_KEY } from './support/database.js';

let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'holdfast-places-'));
  folder = join(base, 'state');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function filesOf(root: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    const path = join(root, name);
    files.set(name, statSync(path).isFile() ? readFileSync(path, 'base64') : 'a folder');
  }
  return files;
}

async function make(): Promise<void> {
  const db = await open(`file:${folder}`, { key: TEST_KEY, maintenance: 'manual' });
  await db.set('first', 1);
  await db.flush();
  await db.set('tail', 1);
  await db.close();
}

/** Opens, reads and writes; the refusal, wherever it comes. The folder is then what it was. */
async function refusal(
  use: (() => Promise<unknown>) | Partial<OpenOptions>,
  root = base,
): Promise<HoldfastError> {
  const before = filesOf(root);
  const work: Promise<unknown> =
    typeof use === 'function' ? use() : open(`file:${folder}`, { key: TEST_KEY, ...use });
  const error: unknown = await work.then(
    (value) => new Error(`expected a refusal, found ${String(value)}`),
    (reason: unknown) => reason,
  );
  expect(filesOf(root)).toEqual(before);
  expect(error).toBeInstanceOf(Error);
  return error as HoldfastError;
}

function nameOf(prefix: string): string {
  const [newest] = readdirSync(join(folder, prefix)).sort();
  return join(folder, prefix, newest!);
}

describe('a key that is not the one', () => {
  const provider = { wrap: async (k: Uint8Array) => k, unwrap: async (k: Uint8Array) => k };
  test.each([
    ['another key', { key: new Uint8Array(32) }, /another root key/],
    ['no encryption', { key: 'plaintext' as const }, /encrypted: expected its key/],
    ['a key provider', { key: provider }, /give the 32 bytes/],
  ])('%s is refused', async (_, options, says) => {
    await make();
    expect(await refusal(options)).toMatchObject({ code: 'WRONG_KEY', message: expect.stringMatching(says) });
    const db = await open(`file:${folder}`, { key: TEST_KEY });
    expect(await db.get('first')).toBe(1);
  });

  test('a key, where there is no encryption', async () => {
    await (await open(`file:${folder}`, { key: 'plaintext' })).close();
    expect(await refusal({})).toMatchObject({
      code: 'WRONG_KEY',
      message: expect.stringContaining('not encrypted'),
    });
  });
});

describe('a folder', () => {
  test.each([
    ['create: false', { create: false }],
    ['readOnly', { readOnly: true }],
  ])('that is not there is not made with %s', async (_, options) => {
    expect(await refusal(options)).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('check the location'),
    });
    expect(existsSync(folder)).toBe(false);
  });

  test.each(['readme.txt', 'sub/file', 'log/notes'])('with a foreign file %s is left alone', async (name) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), 'mine');
    expect(await refusal({})).toMatchObject({
      code: 'PREFIX_IN_USE',
      message: expect.stringMatching(new RegExp(`found "${name}".*choose another prefix`)),
    });
  });

  test('that is a file is refused', async () => {
    writeFileSync(folder, 'a file');
    for (const options of [{}, { readOnly: true }, { create: false }]) {
      const { code, message } = await refusal(options);
      expect(['STORE_REFUSED', 'NOT_FOUND'], message).toContain(code);
    }
    expect(await refusal({})).toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('in the way'),
    });
  });
});

describe('a file that is not what was written', () => {
  test.each([0, 1, ENVELOPE_BYTES, 200, -1])(
    'the newest record cut to %d bytes is corrupt',
    async (length) => {
      await make();
      const path = nameOf('log');
      writeFileSync(path, readFileSync(path).subarray(0, length));
      expect(await refusal({})).toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('log/') });
    },
  );

  test('a segment cut short is corrupt, and the rest of the database is read', async () => {
    await make();
    const path = nameOf('seg');
    writeFileSync(path, readFileSync(path).subarray(0, -10));
    const db = await open(`file:${folder}`, { key: TEST_KEY });
    const error = await refusal(() => db.get('first'));
    expect(error).toMatchObject({
      code: 'CORRUPT',
      message: expect.stringMatching(/seg\/.*expected an object of \d+ bytes, found \d+/),
    });
    expect(await db.get('tail')).toBe(1);
    expect((await db.verify()).problems.join()).toContain('seg/');
  });

  test.each([
    ['log', 5, 'format 3'],
    ['log', 6, 'suite 3'],
    ['seg', -ENVELOPE_BYTES + 5, 'format 3'],
  ] as const)('an unknown format in %s/ (byte %d) is told from corruption', async (prefix, at, says) => {
    await make();
    const path = nameOf(prefix);
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : at] = 3;
    writeFileSync(path, bytes);
    const error = await refusal(async () => (await open(`file:${folder}`, { key: TEST_KEY })).get('first'));
    expect(error).toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining(says) });
    expect(error.message).toContain('Use a newer build');
  });
});

describe('a folder that refuses', () => {
  const run = promisify(execFile);
  const child = new URL('support/refusing-folders.mjs', import.meta.url).pathname;
  const isRoot = process.getuid?.() === 0;
  const plan = (task: string, uid?: number): string =>
    JSON.stringify({ task, folder, key: Buffer.from(TEST_KEY).toString('hex'), uid });
  const other = isRoot ? 65_534 : undefined;

  interface Filled {
    readonly refused: { code: string; message: string };
    readonly large: { code: string; message: string };
    readonly [what: string]: unknown;
  }

  function expectFilled(filled: Filled, says: string): void {
    expect(filled).toMatchObject({ first: 1, unchanged: true, stillUnchanged: true, ok: true });
    expect(filled.written).toBeGreaterThan(0);
    expect(filled.count).toBe(filled.written);
    for (const { code, message } of [filled.refused, filled.large]) {
      expect(code, message).toBe('STORE_REFUSED');
      expect(message).toContain(says);
      expect(message).toContain('Nothing was written');
    }
  }

  test('a full disk: the commit is refused, nothing is left behind, and with room again it goes on', async (context) => {
    // A file system of 1 MiB that this process and its children alone see: needs root, or user namespaces.
    const small = 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"';
    const args = ['--mount', ...(isRoot ? [] : ['--map-root-user'])];
    const command = [process.execPath, child, plan('fill')];
    const filled = await run('unshare', [...args, 'sh', '-c', small, 'sh', base, ...command]).then(
      ({ stdout }) => JSON.parse(stdout) as Filled,
      (error: Error & { stderr?: string }) => {
        if (error.stderr?.includes('Error')) throw error;
        return undefined;
      },
    );
    // Where no file system can be mounted, the next test fills what the system allows by another limit.
    if (filled) expectFilled(filled, 'The disk is full');
    else await context.annotate('no small file system could be mounted here; see the limit of file sizes');
  });

  test('a limit of file sizes: likewise', async () => {
    const command = [process.execPath, child, plan('fill')];
    // In blocks of 512 or 1024 bytes, by the shell.
    const { stdout } = await run('sh', ['-c', 'ulimit -f 300; exec "$@"', 'sh', ...command]);
    expectFilled(JSON.parse(stdout) as Filled, 'EFBIG');
  });

  test("another user's folder is read, and not written", async () => {
    await make();
    chmodSync(base, 0o755);
    const readOnly = (mode: number): void => {
      for (const name of ['', ...(readdirSync(folder, { recursive: true }) as string[])]) {
        const path = join(folder, name);
        if (statSync(path).isDirectory()) chmodSync(path, mode);
      }
    };
    readOnly(0o555);
    const before = filesOf(base);
    const { stdout } = await run(process.execPath, [child, plan('write', other)]);
    expect(filesOf(base)).toEqual(before);
    readOnly(0o755);
    const { refused, ...found } = JSON.parse(stdout) as { refused: Filled['refused'] };
    expect(found).toMatchObject({ first: 1, still: 1, count: 2 });
    expect(refused).toMatchObject({ code: 'STORE_REFUSED' });
    expect(refused.message).toContain('the right to read and write that folder');
  });

  test('a folder that may not even be read is not taken for an empty one', async () => {
    await make();
    chmodSync(base, 0o755);
    chmodSync(folder, 0o000);
    const { stdout } = await run(process.execPath, [child, plan('open', other)]);
    chmodSync(folder, 0o755);
    expect(JSON.parse(stdout).refused).toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('the right to read and write that folder'),
    });
  });
});

describe('an S3 server', () => {
  let server: S3DevServer;
  const variables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'];
  const environment = new Map(variables.map((name) => [name, process.env[name]]));
  beforeAll(async () => {
    server = await startS3DevServer({ buckets: ['bucket'] });
    for (const name of variables) delete process.env[name];
    // No question to a machine's metadata service, no file of this machine's user.
    process.env.AWS_EC2_METADATA_DISABLED = 'true';
    process.env.AWS_SHARED_CREDENTIALS_FILE = process.env.AWS_CONFIG_FILE = join(
      tmpdir(),
      'holdfast-no-such-file',
    );
  });
  afterAll(async () => {
    for (const [name, value] of environment) if (value !== undefined) process.env[name] = value;
    await server.close();
  });

  /** Pauses between tries pass at once; deadlines are real. */
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    sleep: (ms, signal) => (ms > 5_000 ? systemClock.sleep(ms, signal) : Promise.resolve()),
    after: systemClock.after,
  };
  const openAt = (bucket: string, options: object = {}, endpoint = server.url): Promise<Database> =>
    open(`s3://${bucket}/p?endpoint=${endpoint}&region=us-east-1`, {
      key: TEST_KEY,
      clock,
      credentials: server.credentials,
      ...options,
    });

  test.each([
    [
      'no credentials',
      { credentials: undefined },
      'bucket',
      'STORE_REFUSED',
      /[Cc]redentials.*AWS_ACCESS_KEY_ID/,
    ],
    [
      'a wrong secret',
      { credentials: { accessKeyId: 'holdfast', secretAccessKey: 'wrong' } },
      'bucket',
      'STORE_REFUSED',
      /Credentials are missing, wrong or expired/,
    ],
    ['a bucket that is not there', {}, 'nothing', 'STORE_REFUSED', /Create the bucket first/],
  ])('with %s is refused', async (_, options, bucket, code, says) => {
    const error = await openAt(bucket, options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
  });

  test('that nobody runs is unavailable', async () => {
    const gone = await startS3DevServer({ buckets: ['bucket'] });
    await gone.close();
    expect(await openAt('bucket', {}, gone.url).catch((reason: unknown) => reason)).toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('try again'),
    });
  });

  test('that ignores conditions is refused at creation, and nothing stays in the bucket', async () => {
    const careless = await startS3DevServer({ buckets: ['bucket'], quirks: { conditions: 'ignore' } });
    try {
      const error = await openAt('bucket', {}, careless.url).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: 'STORE_UNSAFE',
        message: expect.stringContaining('honours conditional writes'),
      });
      expect([...careless.bucket('bucket').keys()]).toEqual([]);
      const made = await openAt('bucket', { probe: 'skip' }, careless.url);
      expect(made.version).toBe(1);
      // Opened as usual, its first write is refused.
      const again = await openAt('bucket', {}, careless.url);
      expect(await again.set('a', 1).catch((reason: unknown) => reason)).toMatchObject({
        code: 'STORE_UNSAFE',
      });
      expect(await again.get('a')).toBe(undefined);
      expect(again.version).toBe(1);
    } finally {
      await careless.close();
    }
  });

  test("npm's s3rver, which ignores conditions, is refused", async () => {
    const { default: S3rver } = (await import('s3rver' as string)) as {
      default: new (options: object) => { run(): Promise<{ port: number }>; close(): Promise<void> };
    };
    const s3rver = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: base,
      configureBuckets: [{ name: 'bucket' }],
    });
    const { port } = await s3rver.run();
    try {
      const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
      const error = await openAt('bucket', { credentials }, `http://127.0.0.1:${port}`).catch(
        (reason) => reason,
      );
      expect(error).toMatchObject({ code: 'STORE_UNSAFE' });
      expect((error as Error).message).toMatch(/expected .*found .*honours conditional writes/s);
      const left = (readdirSync(base, { recursive: true }) as string[]).filter((name) =>
        name.includes('log'),
      );
      expect(left).toEqual([]);
    } finally {
      await s3rver.close();
    }
  });
});
