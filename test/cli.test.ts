/** The `holdfast` command as users meet it: the built program, in a process of its own, on a folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../apps/cli/dist/main.js', import.meta.url));
const key = '11'.repeat(32);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  stdio: ('pipe' | number)[] = ['pipe', 'pipe', 'pipe'],
): ChildProcess {
  const clean = { PATH: process.env.PATH, HOME: process.env.HOME };
  return spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...clean, HOLDFAST_KEY: key, ...env },
    stdio,
  });
}

function end(child: ChildProcess, input?: string | Uint8Array): Promise<Result> {
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  return outcome(child);
}

function outcome(child: ChildProcess): Promise<Result> {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin?.on('error', () => {});
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const run = (
  args: readonly string[],
  env?: Record<string, string | undefined>,
  input?: string | Uint8Array,
) => end(start(args, env), input);

/** With one of the standard streams on a file or folder. */
async function runOn(stream: 0 | 1 | 2, path: string, ...args: string[]): Promise<Result> {
  const fd = openSync(path, stream === 0 ? 'r' : 'w');
  const stdio: ('pipe' | number)[] = ['pipe', 'pipe', 'pipe'];
  stdio[stream] = fd;
  try {
    const child = start(args, {}, stdio);
    child.stdin?.end();
    return await outcome(child);
  } finally {
    closeSync(fd);
  }
}

/** The exit code and standard output. */
async function answer(...args: string[]): Promise<[number | null, string]> {
  const { code, out } = await run(args);
  return [code, out];
}

const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

test('compact and maintain merge what lies in segments, and say what they did', async () => {
  const at = 'file:./merged';
  await run(['init', at]);
  const value = 'x'.repeat(300);
  for (const round of [1, 2]) {
    const rows = Array.from({ length: 4_000 }, (_, i) =>
      JSON.stringify({ key: ['k', i], value: value + round }),
    );
    writeFileSync(join(folder, 'merged.ndjson'), rows.join('\n'));
    expect((await run(['import', at, 'merged.ndjson', '--as', `${round}`])).code).toBe(0);
  }
  const [before] = lines((await run(['stats', at, '--json'])).out) as [{ segments: number }];
  expect(before.segments).toBeGreaterThan(1);
  const merged = await run(['compact', at, '--all', '--json']);
  expect([merged.code, lines(merged.out)]).toEqual([
    0,
    [
      expect.objectContaining({
        dropped: 0,
        levels: [expect.objectContaining({ level: 254, runs: 1, segments: 1 })],
        readAmplification: 1,
      }),
    ],
  ]);
  expect(await run(['compact', at])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Nothing to merge\./),
  });
  expect(await run(['maintain', at])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/\nNothing to merge\./),
  });
  const [maintained] = lines((await run(['maintain', at, '--json'])).out);
  expect(maintained).toMatchObject({ tiled: false, compacted: { jobs: 0 } });
  expect((await run(['verify', at, '--deep'])).code).toBe(0);
  expect((await answer('get', at, '["k",3999]'))[1]).toContain('x2');
});

describe('holdfast, from the first key to a backup', () => {
  const at = 'file:./tour';

  test('makes a key that only its owner reads, and never overwrites one', async () => {
    expect(await run(['keygen', '--out', 'key'])).toMatchObject({ code: 0, out: '' });
    const text = readFileSync(join(folder, 'key'), 'utf8');
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    expect(statSync(join(folder, 'key')).mode & 0o777).toBe(0o600);
    expect((await run(['keygen', '--out', 'key'])).code).toBe(2);
    expect(readFileSync(join(folder, 'key'), 'utf8')).toBe(text);
  });

  test('makes a database, writes, reads, deletes, and shows its past', async () => {
    const made = await run(['init', at, '--json']);
    expect([made.code, lines(made.out)]).toEqual([
      0,
      [expect.objectContaining({ created: true, version: 1 })],
    ]);
    expect(await run(['set', at, 'clicks', '41'])).toEqual({
      code: 0,
      out: '',
      err: 'Set clicks: version 2.\n',
    });
    const bytes = await run(['set', at, '["logo",1]', '-', '--bytes', '--json'], {}, Uint8Array.of(0, 255));
    expect(lines(bytes.out)).toEqual([
      { key: ['logo', 1], version: 3, versionstamp: `${'0'.repeat(13)}3000000` },
    ]);
    const [again, got, raw, absent, listed] = await Promise.all([
      run(['init', at]),
      answer('get', at, 'clicks'),
      run(['get', '["logo",1]', '--raw'], { HOLDFAST_LOCATION: at }),
      run(['get', at, 'nope', '--json']),
      answer('list', at),
    ]);
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('already, at version 3')]);
    expect(got).toEqual([0, '41\n']);
    expect(raw.out).toBe(Buffer.of(0, 255).toString());
    expect([absent.code, lines(absent.out), absent.err]).toEqual([
      1,
      [{ found: false, key: ['nope'], version: 3 }],
      '',
    ]);
    expect(listed).toEqual([0, 'clicks\t41\n["logo",1]\t{"$bytes":"AP8="}\n']);

    expect((await run(['delete', at, 'clicks'])).err).toBe('Deleted clicks: version 4.\n');
    const [there, then, changes, log, verified, stats] = await Promise.all([
      run(['delete', at, 'clicks', '--json']),
      answer('snapshot', at, '--at', '3', 'clicks'),
      answer('diff', at, '2', '--json'),
      answer('log', at, '--limit', '2', '--json'),
      answer('verify', at, '--deep', '--json'),
      answer('stats', at, '--objects', '--json'),
    ]);
    expect(lines(there.out)).toEqual([{ key: ['clicks'], deleted: false, version: 4 }]);
    expect(then).toEqual([0, '41\n']);
    expect(lines(changes[1])).toEqual([
      { key: ['clicks'], change: 'deleted', previous: 41, version: 4 },
      { key: ['logo', 1], change: 'added', value: { $bytes: 'AP8=' }, version: 3 },
    ]);
    expect(lines(log[1])).toMatchObject([{ version: 4 }, { version: 3 }]);
    expect(lines(verified[1])).toMatchObject([{ ok: true, records: 4, problems: [] }]);
    expect(lines(stats[1])).toMatchObject([
      { version: 4, objects: { log: { count: 4 } }, traffic: { requests: { read: 1, list: 1 } } },
    ]);
  });

  test('says in words what it says in JSON', async () => {
    const words = await Promise.all(
      [
        ['log', at, '--from', '2', '--to', '3'],
        ['diff', at, '2', '4'],
        ['verify', at],
        ['stats', at],
        ['snapshot', at, '--at', '2'],
      ].map((args) => run(args)),
    );
    expect(words.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    const [log, diff, verify, stats, snapshot] = words.map(({ out }) => out);
    expect(log).toMatch(/^VERSION +TIME .*\n2 .*\n3 .*\n$/);
    expect(diff).toBe('- clicks  41\n+ ["logo",1]  {"$bytes":"AP8="}\n');
    expect(verify).toMatch(/^ok: version 4; checked 4 records/);
    expect(stats).toMatch(/^version +4, of 20.*\noldest version kept +1\n/);
    expect(snapshot).toBe('clicks\t41\n');
  });

  test('probes a store without a key, and leaves nothing there', async () => {
    const { code, out } = await run(['probe', 'file:./probed', '--json'], { HOLDFAST_KEY: undefined });
    const [report] = lines(out) as [{ safe: boolean; checks: object[] }];
    expect([code, report.safe]).toEqual([0, true]);
    expect(report.checks).toContainEqual({
      name: 'a second create of that key',
      expected: 'occupied',
      found: 'occupied',
      ok: true,
    });
    expect((await answer('init', 'file:./probed'))[0]).toBe(0);
  });
});

describe('a mistake', () => {
  beforeAll(async () => {
    expect((await run(['init', 'file:./mistakes'])).code).toBe(0);
    expect((await run(['init', 'file:./clear', '--plaintext'], { HOLDFAST_KEY: undefined })).code).toBe(0);
    writeFileSync(join(folder, 'short.key'), 'abc');
  });

  const at = 'file:./mistakes';
  test.concurrent.each<[string, string[], number, string, Record<string, string | undefined>?]>([
    ['no command', [], 2, 'Usage: holdfast'],
    ['an unknown command', ['gett', at], 2, "unknown command 'gett' (Did you mean get?)"],
    ['an unknown option', ['get', at, 'k', '--loud'], 2, "unknown option '--loud'"],
    ['no location', ['get', 'k'], 2, 'Expected a location first'],
    ['a location of an unknown kind', ['get', 'ftp://x', 'k'], 2, 'No such kind of location'],
    ['no key', ['get', at, 'k'], 2, 'Expected a key, found none', { HOLDFAST_KEY: undefined }],
    ['a short key', ['get', at, 'k', '--key-file', 'short.key'], 2, '64 hex digits'],
    ['a wrong key', ['get', at, 'k'], 3, 'does not open file:./mistakes', { HOLDFAST_KEY: '22'.repeat(32) }],
    ['no key for an encrypted database', ['get', at, 'k', '--plaintext'], 3, 'does not open'],
    ['a key for a plaintext database', ['get', 'file:./clear', 'k'], 3, 'not encrypted'],
    ['a missing database', ['get', 'file:./nothing', 'k'], 3, 'There is no database in file:./nothing'],
    ['a folder with other files', ['init', 'file:.'], 3, 'not empty'],
    ['a value that is not JSON', ['set', at, 'k', 'Ann'], 2, 'For text as it is use --text'],
    [
      'a version that is not there',
      ['snapshot', at, '--at', '99'],
      2,
      'Expected a version up to 1, found 99',
    ],
    ['a time before the beginning', ['snapshot', at, '--at', '2020-01-01'], 3, 'Nothing is retained'],
    ['a missing file', ['import', at, 'nofile'], 2, 'no such file'],
    [
      'a store that is not there',
      ['get', 'minio://127.0.0.1:1/b/p?tls=0', 'k'],
      4,
      'minio',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', MINIO_ROOT_USER: '' },
    ],
  ])('%s', async (_, args, expected, message, env) => {
    const json = args.length > 0 && args.indexOf('gett') < 0;
    const { code, out, err } = await run(json ? [...args, '--json'] : args, env);
    expect([code, out]).toEqual([expected, '']);
    if (json) {
      const { error } = JSON.parse(err) as { error: { message: string; exitCode: number } };
      expect(error.exitCode).toBe(expected);
      expect(error.message.toLowerCase()).toContain(message.toLowerCase());
    } else expect(err).toContain(message);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  test('in the bytes of the bucket is exit code 5, and verify names the object', async () => {
    expect((await run(['init', 'file:./bent'])).code).toBe(0);
    for (const n of ['1', '2']) expect((await run(['set', 'file:./bent', 'k', n])).code).toBe(0);
    const log = join(folder, 'bent', 'log');
    const flip = (name: string) => {
      const path = join(log, name);
      chmodSync(path, 0o600);
      const bytes = readFileSync(path);
      bytes[bytes.length - 5]! ^= 1;
      writeFileSync(path, bytes);
    };
    const [newest, middle] = readdirSync(log).sort();
    flip(middle!);
    const report = await run(['verify', 'file:./bent', '--json']);
    expect([report.code, lines(report.out)]).toMatchObject([
      1,
      [{ ok: false, problems: [expect.stringContaining(middle!), expect.anything()] }],
    ]);
    flip(newest!);
    expect(await run(['get', 'file:./bent', 'k'])).toMatchObject({ code: 5, out: '' });
  });
});

describe('a machine that will not read or write', () => {
  const at = 'file:./machine';
  beforeAll(async () => {
    expect((await run(['init', at])).code).toBe(0);
    expect((await run(['set', at, 'k', '1'])).code).toBe(0);
  });

  const full = '/dev/full';
  test.runIf(existsSync(full)).each<[string, string[]]>([
    ['list', ['list', at]],
    ['get --raw', ['get', at, 't', '--raw']],
    ['export', ['export', at]],
    ['--help', ['--help']],
    ['the help of a command', ['get', '--help']],
    ['--version', ['--version']],
  ])('a full disk under %s is said, with an exit code of its own', async (_, args) => {
    if (args.includes('--raw')) await run(['set', at, 't', 'x', '--text']);
    const { code, err } = await runOn(1, full, ...args);
    expect([code, err]).toEqual([
      74,
      expect.stringContaining("Can't write to standard output: the disk is full"),
    ]);
    expect(err).not.toMatch(/bug|^ {4}at /m);
  });

  test.runIf(existsSync(full))(
    'a full disk under the answer to a write: the write is said to be done',
    async () => {
      const { code, err } = await runOn(1, full, 'set', at, 'k', '2', '--json');
      const { error } = JSON.parse(err) as { error: { code: string; message: string } };
      expect([code, error.code, error.message]).toEqual([
        74,
        'IO',
        expect.stringMatching(/The change itself was made\.$/),
      ]);
      expect(await answer('get', at, 'k')).toEqual([0, '2\n']);
    },
  );

  test.runIf(existsSync(full))('a standard error that can not be written changes no exit code', async () => {
    expect(await runOn(2, full, 'get', at, 'nope')).toMatchObject({ code: 1 });
    expect(await runOn(2, full, 'get', 'file:./nothing', 'k')).toMatchObject({ code: 3 });
  });

  test.each([[['set', at, 'k', '-']], [['set', at, 'k', '-', '--bytes']], [['import', at, '-']]])(
    'a folder as standard input of %j is not an empty file',
    async (args) => {
      const { code, err } = await runOn(0, folder, ...args);
      expect([code, err]).toEqual([2, expect.stringContaining("Can't read standard input: it is a folder.")]);
    },
  );

  const broken = '/proc/self/mem';
  test
    .runIf(existsSync(broken))
    .each([
      [['import', at, broken]],
      [['set', at, 'k', '--file', broken]],
      [['get', at, 'k', '--key-file', broken]],
    ])('a file that fails when it is read: %j', async (args) => {
    const { code, err } = await run(args);
    expect([code, err]).toEqual([
      74,
      expect.stringMatching(/Can't read .*\/proc\/self\/mem: the device failed/),
    ]);
  });

  test.each<[string, string[]]>([
    ['get', ['get', at, 'k', '--key-file', '.']],
    ['set', ['set', at, 'k', '--file', 'no/file']],
    ['import', ['import', at, '.']],
    ['import --rejects', ['import', at, '-', '--rejects', 'no/file']],
    ['export', ['export', at, 'no/file']],
    ['export over a folder', ['export', at, '.', '--force']],
    ['keygen', ['keygen', '--out', 'no/file']],
  ])('a name that can not be meant for %s is bad usage', async (_, args) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).not.toMatch(/E[A-Z]{4,}|^ {4}at /m);
  });

  test('a standard input that is not UTF-8 is told, an argument too', async () => {
    const value = await run(['set', at, 'k', '-', '--text'], {}, Uint8Array.of(0xff));
    expect([value.code, value.err]).toEqual([2, expect.stringContaining('Expected UTF-8 text')]);
    const argument = await run(['set', at, 'a\ufffd', '1']);
    expect([argument.code, argument.err]).toEqual([
      2,
      expect.stringContaining('Expected arguments in UTF-8'),
    ]);
    // What was stored by other means can still be named, as it is printed.
    await run(['set', at, '["a\\ufffd"]', '1']);
    expect((await answer('list', at, '--keys-only'))[1]).toContain('["a\\ufffd"]\n');
  });

  test("a program whose own files can't be read says so", async () => {
    copyFileSync(program, join(folder, 'alone.mjs'));
    const alone = await outcome(spawn(process.execPath, [join(folder, 'alone.mjs'), 'list', at]));
    expect([alone.code, alone.err]).toEqual([
      74,
      expect.stringMatching(/^holdfast: Its own program can't be loaded: .*\n$/),
    ]);
  });

  test("an answer that nobody reads keeps the command's exit code", async () => {
    expect((await run(['init', 'file:./unread'])).code).toBe(0);
    for (const n of ['1', '2']) await run(['set', 'file:./unread', 'k', n]);
    const log = join(folder, 'unread', 'log');
    const path = join(log, readdirSync(log).sort()[1]!);
    chmodSync(path, 0o600);
    writeFileSync(path, 'not a record');
    const child = start(['verify', 'file:./unread', '--json']);
    child.stdout!.destroy();
    expect(await outcome(child)).toMatchObject({ code: 1, err: '' });
    // More than is held back: the reader is missed before the command has ended.
    const many = start(['import', 'file:./unread', '-', '--json']);
    many.stdout!.destroy();
    expect(await end(many, 'no JSON at all\n'.repeat(1000))).toMatchObject({ code: 1, err: '' });
  });
});

describe('a store that would drive the terminal', () => {
  // Clear, retitle, a bell, a new line, C1's CSI, a right-to-left override.
  const hostile = '\u001b[2J\u001b]0;owned\u0007\r\nAll good. Enter your key:\u009b31m\u202e';
  const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
  /** Line ends of ours apart. */
  const drives = (text: string) => controls.test(text.replace(/\t|\n(?=.|$)/g, ''));
  const oneLine = (text: string) => text.split('\n').length === 2;

  test.each([[[]], [['--json']]])('in its error messages %j', async (json) => {
    const body = `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>${hostile}</Message></Error>`;
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(403, { 'content-type': 'application/xml' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const args = ['get', `minio://127.0.0.1:${port}/b/p?tls=0`, 'x', ...json];
    const { code, err } = await run(args, env);
    const debug = await run(args, { ...env, HOLDFAST_DEBUG: '1' });
    server.close();
    expect([code, drives(err), oneLine(err)]).toEqual([4, false, true]);
    expect(drives(debug.err)).toBe(false);
  });

  test.each([[[]], [['--json']]])('in what an adapter throws %j', async (json) => {
    writeAdapter('hostile', `throw new TypeError(${JSON.stringify(hostile)});`);
    const args = ['get', 'hostile:x', 'k', '--adapter', './hostile.mjs', ...json];
    for (const env of [{}, { HOLDFAST_DEBUG: '1' }]) {
      const { code, err } = await run(args, env);
      expect([code, drives(err)]).toEqual([2, false]);
      expect(err).toContain('\\u001b[2J');
    }
    expect(oneLine((await run(args)).err)).toBe(true);
  });

  test('in the names of its objects', async () => {
    const name = '\u001b]0;owned\u0007\u009b2J\u202e';
    mkdirSync(join(folder, 'foreign', name), { recursive: true });
    writeFileSync(join(folder, 'foreign', name, 'x'), '');
    const [used, probed] = await Promise.all([
      run(['init', 'file:./foreign']),
      run(['init', 'file:./named']),
    ]);
    expect([used.code, drives(used.err), probed.code]).toEqual([3, false, 0]);
    mkdirSync(join(folder, 'named', name));
    writeFileSync(join(folder, 'named', name, 'x'), '');
    for (const json of [[], ['--json']]) {
      const { code, out } = await run(['stats', 'file:./named', '--objects', ...json]);
      expect([code, drives(out)]).toEqual([0, false]);
      expect(out).toContain('\\u009b2J');
    }
  });

  test('in keys and values, whatever command shows them', async () => {
    const at = 'file:./driven';
    const value = JSON.stringify(hostile);
    await run(['import', at, '-', '--create'], {}, `{"key":[${value}],"value":{${value}:${value}}}\n`);
    const typed = JSON.stringify([hostile]);
    const shown = await Promise.all(
      [
        ['list', at],
        ['list', at, '--json'],
        ['list', at, '--keys-only'],
        ['get', at, typed],
        ['diff', at, '1'],
        ['snapshot', at, '--at', '2'],
        ['export', at],
      ].map((args) => run(args)),
    );
    for (const { code, out, err } of shown)
      expect([code, drives(out), drives(err), oneLine(out)]).toEqual([0, false, false, true]);
    const gone = await run(['delete', at, typed]);
    const absent = await run(['get', at, typed]);
    for (const { err } of [gone, absent]) expect([drives(err), oneLine(err)]).toEqual([false, true]);
  });
});

describe.skipIf(process.platform === 'win32')('a key file that others can read', () => {
  test('is used, and warned of on standard error', async () => {
    const at = 'file:./loose';
    writeFileSync(join(folder, 'loose.key'), `${key}\n`);
    chmodSync(join(folder, 'loose.key'), 0o644);
    const plain = await run(['init', at, '--key-file', 'loose.key'], { HOLDFAST_KEY: undefined });
    expect([plain.code, plain.err]).toEqual([
      0,
      expect.stringMatching(/warning: .*mode 644.*chmod 600 loose\.key/),
    ]);
    const json = await run(['get', at, 'k', '--key-file', 'loose.key', '--json']);
    expect([json.code, lines(json.err)]).toEqual([
      1,
      [{ warning: { message: expect.stringContaining('chmod 600') } }],
    ]);
    chmodSync(join(folder, 'loose.key'), 0o600);
    expect((await run(['get', at, 'k', '--key-file', 'loose.key', '--json'])).err).toBe('');
  });
});

describe('delete-range', () => {
  const at = 'file:./ranges';
  beforeAll(async () => {
    const input = ['["a",1]', '["a",2]', '["b",1]', '"c"'].map((k) => `{"key":${k},"value":1}\n`).join('');
    expect((await run(['import', at, '-', '--create'], {}, input)).code).toBe(0);
  });

  test('deletes what is named, and says how many', async () => {
    expect((await run(['delete-range', at, '--prefix', 'a'])).err).toBe('Deleted 2 keys: version 3.\n');
    expect((await run(['delete-range', at, '--prefix', 'a'])).err).toBe(
      'No such keys (version 3). Nothing was changed.\n',
    );
    const json = await run(['delete-range', at, '--from', 'b', '--to', 'c', '--json']);
    expect(lines(json.out)).toEqual([{ deleted: 1, version: 4 }]);
    expect(await answer('list', at, '--keys-only')).toEqual([0, 'c\n']);
    expect(lines((await run(['delete-range', at, '--all', '--json'])).out)).toEqual([
      { deleted: 1, version: 5 },
    ]);
  });

  test.each([[[]], [['--all', '--prefix', 'a']]])(
    'of nothing that is named (%j) is bad usage',
    async (args) => {
      expect(await run(['delete-range', at, ...args])).toMatchObject({ code: 2, out: '' });
    },
  );
});

const dist = (path: string) => new URL(`../packages/${path}`, import.meta.url).href;

/** A module that adds `NAME:folder`, a folder whose store does `more` besides. */
function writeAdapter(name: string, more = ''): void {
  writeFileSync(
    join(folder, `${name}.mjs`),
    `import { FileStore } from ${JSON.stringify(dist('object-store/dist/file.js'))};
    import { StoreError } from ${JSON.stringify(dist('object-store/dist/index.js'))};
    import { writeFileSync } from 'node:fs';
    export const scheme = ${JSON.stringify(name)};
    export const factory = (url) => {
      const store = new FileStore(url.pathname);
      ${more}
      return store;
    };`,
  );
}

describe('an adapter', () => {
  test('adds a kind of location that every command takes', async () => {
    writeAdapter('kept');
    const at = ['kept:kept', '--adapter', './kept.mjs'];
    expect((await run(['init', ...at])).code).toBe(0);
    expect((await run(['set', ...at, 'k', '1'])).code).toBe(0);
    expect(await answer('list', ...at)).toEqual([0, 'k\t1\n']);
    expect((await answer('probe', ...at))[0]).toBe(0);
    expect((await answer('stats', ...at, '--objects'))[0]).toBe(0);
    const without = await run(['list', 'kept:kept']);
    expect(without.code).toBe(2);
  });

  test('may call registerLocation itself, of whatever copy of holdfast', async () => {
    writeFileSync(
      join(folder, 'itself.mjs'),
      `import { MemoryStore, registerLocation } from ${JSON.stringify(dist('holdfast/dist/index.js'))};
      registerLocation('itself', () => new MemoryStore());`,
    );
    expect((await run(['init', 'itself:', '--adapter', './itself.mjs'])).code).toBe(0);
  });

  test.each([
    ['./missing.mjs', 'there is no such file'],
    ['no-such-package', 'no such package is installed'],
    ['./none.mjs', 'adds no kind of location'],
    ['./broken.mjs', 'SyntaxError'],
  ])('%s is told of without a stack trace', async (name, message) => {
    writeFileSync(join(folder, 'none.mjs'), 'export const store = 1;');
    writeFileSync(join(folder, 'broken.mjs'), 'export const = 1;');
    const { code, err } = await run(['list', 'file:./x', '--adapter', name]);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    expect(err).not.toMatch(/^ {4}at /m);
  });
});

describe('a key that expires', () => {
  const at = 'file:./expiring';
  const expiries = async (location: string): Promise<(string | undefined)[]> => {
    const lines = (await run(['list', location, '--json'])).out.trim().split('\n');
    return lines.map((line) => (JSON.parse(line) as { expiresAt?: string }).expiresAt);
  };

  beforeAll(async () => {
    expect((await run(['init', at])).code).toBe(0);
  });

  test('keeps its time through export and import, list and import, and restore', async () => {
    expect((await run(['set', at, 'lease', '1', '--expire-in', '1h'])).code).toBe(0);
    expect((await run(['set', at, 'plain', '2'])).code).toBe(0);
    const [lease, plain] = await expiries(at);
    expect([new Date(lease!).getTime() > Date.now() + 3_000_000, plain]).toEqual([true, undefined]);
    for (const read of [
      ['export', at],
      ['list', at, '--json'],
    ]) {
      const target = `file:./copy-by-${read[0]}`;
      await run(['init', target]);
      const { out } = await run(read);
      expect((await run(['import', target, '-'], {}, out)).code).toBe(0);
      expect(await expiries(target), target).toEqual([lease, plain]);
    }
    expect((await run(['restore', at, 'file:./restored', '--yes'])).code).toBe(0);
    expect(await expiries('file:./restored')).toEqual([lease, plain]);
  });

  test('is not there when its time has come; a time without a unit is refused', async () => {
    await run(['set', at, 'short', '1', '--expire-in', '1ms']);
    const { code, err } = await run(['get', at, 'short']);
    expect([code, err]).toEqual([1, expect.stringContaining('short is not there')]);
    const refused = await run(['set', at, 'short', '1', '--expire-in', '5']);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('such as 500ms, 90s')]);
    const bad = await run(['import', at, '-'], {}, '{"key":["q"],"value":1,"expiresAt":"soon"}\n');
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('expected "expiresAt" to be a date')]);
  });
});

describe('restore', () => {
  const at = 'file:./hurt';
  /** Versions 1 to 6; of 6 the record is damaged, that of 5 is missing. */
  beforeAll(async () => {
    expect((await run(['init', at])).code).toBe(0);
    for (const n of ['1', '2', '3', '4', '5']) await run(['set', at, `["k",${n}]`, n]);
    const log = join(folder, 'hurt', 'log');
    const [newest, second] = readdirSync(log).sort();
    chmodSync(join(log, newest!), 0o600);
    const bytes = readFileSync(join(log, newest!));
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(join(log, newest!), bytes);
    rmSync(join(log, second!));
  });

  const listed = '["k",1]\t1\n["k",2]\t2\n["k",3]\t3\n';
  const objects = (name: string) => readdirSync(join(folder, name), { recursive: true });

  test('is what a damaged database is told of, and does nothing without being asked to', async () => {
    const { code, err } = await run(['get', at, 'k']);
    expect([code, err]).toEqual([5, expect.stringContaining('`holdfast restore file:./hurt TARGET`')]);
    for (const json of [[], ['--json']]) {
      const asked = await run(['restore', at, 'file:./unasked', ...json]);
      expect([asked.code, asked.err]).toEqual([2, expect.stringContaining('--yes')]);
    }
    expect(existsSync(join(folder, 'unasked'))).toBe(false);
  });

  test('says what is lost, copies what is whole, and changes nothing where it reads', async () => {
    const before = objects('hurt');
    const { code, out, err } = await run(['restore', at, 'file:./healed', '--yes']);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^Restored 3 entries of version 4 into file:\.\/healed/),
    ]);
    expect(err).toMatch(
      /Lost are versions 5 to 6:\n {2}6: .*log\/.*corrupt.*\n {2}5: Its record is missing\.\n/,
    );
    expect(err).toMatch(/request ids and sessions are not\. .* acts again\.\n$/);
    expect(await answer('list', 'file:./healed')).toEqual([0, listed]);
    expect((await answer('verify', 'file:./healed', '--deep'))[0]).toBe(0);
    expect(objects('hurt')).toEqual(before);
  });

  test('takes a version, another key, and answers in JSON', async () => {
    const told = await run(['restore', at, 'file:./clear4', '--target-plaintext', '--yes', '--json']);
    expect([told.code, lines(told.out), told.err]).toMatchObject([
      0,
      [{ version: 4, newest: 6, lost: [{ version: 6 }, { version: 5 }], entries: 3, targetVersion: 2 }],
      '',
    ]);
    expect((await run(['list', 'file:./clear4', '--plaintext'])).out).toBe(listed);
    await run(['keygen', '--out', 'other.key']);
    const args = ['restore', at, 'file:./older', '--at', '2', '--target-key-file', 'other.key', '--yes'];
    expect((await run(args)).err).toContain('Whatever was written after it is not in the copy.');
    expect(await answer('list', 'file:./older', '--key-file', 'other.key')).toEqual([0, '["k",1]\t1\n']);
  });

  test('of a database that is whole loses nothing', async () => {
    const { err } = await run(['restore', 'file:./healed', 'file:./again', '--yes']);
    expect(err).toContain('the newest, can be read whole. Nothing is lost.');
  });

  test.each<[string, string[], number, string, Record<string, string>?]>([
    ['a target that is no location', [at, 'there'], 2, 'For a folder write file:there'],
    ['no target', [at], 2, 'TARGET is missing'],
    ['the source as target', [at, at], 2, 'other than LOCATION'],
    [
      'two keys for the target',
      [at, 'file:./n', '--target-plaintext', '--target-key-file', 'k'],
      2,
      'found both',
    ],
    [
      'a target that holds a database',
      [at, 'file:./clear4', '--target-plaintext'],
      3,
      'found a database at version 2',
    ],
    ['a target with a database of another key', [at, 'file:./clear4'], 3, 'that this key does not open'],
    ['a target that holds something else', [at, 'file:.'], 3, 'not empty'],
    ['a version that is lost', [at, 'file:./n', '--at', '5'], 5, 'Nothing was returned'],
    ['no database', ['file:./nothing', 'file:./n'], 3, 'There is no database in file:./nothing'],
    ['a wrong key', [at, 'file:./n'], 3, 'does not open file:./hurt', { HOLDFAST_KEY: '22'.repeat(32) }],
  ])('refuses %s', async (_, args, expected, message, env) => {
    const { code, err } = await run(['restore', ...args, '--yes'], env);
    expect([code, err]).toEqual([expected, expect.stringContaining(message)]);
    expect(existsSync(join(folder, 'n'))).toBe(false);
  });

  test('of a database of which nothing is whole says so', async () => {
    expect((await run(['init', 'file:./gone'])).code).toBe(0);
    const log = join(folder, 'gone', 'log');
    for (const name of readdirSync(log)) {
      chmodSync(join(log, name), 0o600);
      writeFileSync(join(log, name), 'x');
    }
    const { code, err } = await run(['restore', 'file:./gone', 'file:./n', '--yes']);
    expect([code, err]).toEqual([5, expect.stringMatching(/No version .* Nothing was restored\./)]);
  });

  test('that a store or Ctrl-C ends says what the target has', async () => {
    const input = Array.from(
      { length: 6 },
      (_, i) => `{"key":${i},"value":"${'x'.repeat(1_500_000)}"}\n`,
    ).join('');
    expect(
      (await run(['import', 'file:./large', '-', '--create'], {}, input.replace(/"key":(\d)/g, '"key":[$1]')))
        .code,
    ).toBe(0);
    // Record 3 is that of the second batch.
    const third = "key.startsWith('log/') && parseInt(key.slice(5), 16) === 0xffffffffffffc";
    writeAdapter(
      'refusing',
      `const put = store.put.bind(store);
      store.put = async (key, ...rest) => {
        if (${third}) throw new StoreError('DENIED', 'no more');
        return put(key, ...rest);
      };`,
    );
    writeAdapter(
      'slow',
      `const put = store.put.bind(store);
      store.put = (key, bytes, options) => {
        if (!(${third})) return put(key, bytes, options);
        writeFileSync('slow.reached', '');
        return new Promise((resolve) => process.once('SIGINT', () => resolve(put(key, bytes, options))));
      };`,
    );
    const refused = await run([
      'restore',
      'file:./large',
      'refusing:half',
      '--adapter',
      './refusing.mjs',
      '--yes',
    ]);
    expect([refused.code, refused.err]).toEqual([
      4,
      expect.stringMatching(
        /no more.* refusing:half is not complete: it has 2 entries\. Delete what is there/,
      ),
    ]);
    const child = start(['restore', 'file:./large', 'slow:part', '--adapter', './slow.mjs', '--yes']);
    let isOver = false;
    const ended = end(child).finally(() => {
      isOver = true;
    });
    while (!isOver && !existsSync(join(folder, 'slow.reached')))
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    const slow = await ended;
    expect([slow.code, slow.err]).toEqual([
      130,
      expect.stringMatching(
        /Interrupted\. slow:part is not complete: it has 4 entries\. Delete what is there/,
      ),
    ]);
    for (const target of ['file:./part', 'file:./half'])
      expect((await run(['restore', 'file:./large', target, '--yes'])).code).toBe(3);
  });
});

const SCRIPT = '/usr/bin/script';
describe.runIf(process.platform === 'linux' && existsSync(SCRIPT))('on a terminal', () => {
  /** What the terminal gets. */
  async function onTerminal(command: string, input = ''): Promise<Result> {
    const child = spawn(SCRIPT, ['-qec', `${process.execPath} ${program} ${command}`, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOLDFAST_KEY: key, TERM: 'dumb' },
    });
    child.stdin.write(input);
    return outcome(child);
  }

  test('a value as it is drives nothing, and bytes are refused', async () => {
    const at = 'file:./shown';
    expect((await run(['init', at])).code).toBe(0);
    await run(['set', at, 'text', '"a\\tb\\u001b[2J\\u009b31m\\u202e"']);
    await run(['set', at, 'bytes', '1b', '--bytes-hex']);
    const text = await onTerminal(`get ${at} text --raw`);
    expect([text.code, text.out]).toEqual([0, 'a\tb\\u001b[2J\\u009b31m\\u202e']);
    const bytes = await onTerminal(`get ${at} bytes --raw`);
    expect([bytes.code, bytes.out]).toEqual([2, expect.stringContaining('> FILE')]);
    expect((await run(['get', at, 'text', '--raw'])).out).toBe('a\tb\u001b[2J\u009b31m\u202e');
  });

  test('restore asks', async () => {
    expect((await run(['init', 'file:./whole'])).code).toBe(0);
    await run(['set', 'file:./whole', '["k",1]', '1']);
    const no = await onTerminal('restore file:./whole file:./asked', 'no\n');
    expect([no.code, no.out]).toEqual([2, expect.stringContaining('Not confirmed. Nothing was changed.')]);
    expect(existsSync(join(folder, 'asked'))).toBe(false);
    const yes = await onTerminal('restore file:./whole file:./asked', 'yes\n');
    expect([yes.code, yes.out]).toEqual([0, expect.stringContaining('Type yes: ')]);
    expect(await answer('list', 'file:./asked', '--limit', '1')).toEqual([0, '["k",1]\t1\n']);
  });
});

describe('import and export', () => {
  /** About 5 MiB: three transactions. */
  const count = 25_000;
  const pad = 'x'.repeat(170);
  const entry = (i: number) => `{"key":["item",${i}],"value":{"n":${i},"pad":"${pad}"}}`;
  beforeAll(() => {
    writeFileSync(
      join(folder, 'big.ndjson'),
      `${Array.from({ length: count }, (_, i) => entry(i)).join('\n')}\n`,
    );
  });

  test('carry every kind of value, from one database to another through a pipe', async () => {
    const values = [
      '{"$bytes":"AP8="}',
      '{"$bigint":"-170141183460469231731687303715884105729"}',
      '{"$date":"2026-11-22T15:00:00.000Z"}',
      '{"$map":[[1,{"$set":[{"$undefined":true}]}]]}',
      '{"$number":"NaN"}',
      '{"$number":"-0"}',
      '{"$regexp":["a","g"]}',
      '{"$typed":["Float64Array","AAAAAAAA8D8="]}',
      '{"$object":{"$bytes":1}}',
      '"\\u009b\\u202e"',
      'null',
    ];
    const input = values.map((value, i) => `{"key":["v",${i}],"value":${value}}\n`).join('');
    const first = await run(['import', 'file:./kinds', '-', '--create', '--json'], {}, input);
    expect([first.code, lines(first.out)]).toEqual([
      0,
      [expect.objectContaining({ written: values.length, badLines: 0 })],
    ]);
    const exported = await answer('export', 'file:./kinds');
    expect(exported).toEqual([0, input]);
    await run(['import', 'file:./copy', '-', '--create'], {}, exported[1]);
    expect(await answer('export', 'file:./copy', '-')).toEqual([0, input]);
    const file = await run(['export', 'file:./copy', 'copy.ndjson', '--json']);
    expect(lines(file.out)).toEqual([
      { file: 'copy.ndjson', entries: values.length, bytes: Buffer.byteLength(input), version: 2 },
    ]);
    expect(readFileSync(join(folder, 'copy.ndjson'), 'utf8')).toBe(input);
    expect((await run(['export', 'file:./copy', 'copy.ndjson'])).code).toBe(2);
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  test('a stream is written from a file or a pipe, read back, restored, and refused by export', async () => {
    const bytes = Buffer.alloc(9_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = i % 251;
    writeFileSync(join(folder, 'film.bin'), bytes);
    const at = 'file:./streams';
    await run(['init', at]);
    const set = await run(['set', at, 'film', '--stream', 'film.bin', '--expire-in', '7d', '--json']);
    expect([set.code, lines(set.out)]).toEqual([0, [expect.objectContaining({ key: ['film'], version: 2 })]]);
    expect((await run(['set', at, 'piped', '--stream', '-'], {}, 'text')).code).toBe(0);
    expect(await answer('get', at, 'film')).toEqual([0, '{"$stream":9000000}\n']);
    expect(await answer('get', at, 'piped', '--raw')).toEqual([0, 'text']);
    expect(await answer('snapshot', at, '--at', '3', 'piped', '--raw')).toEqual([0, 'text']);
    const got = await runOn(1, join(folder, 'got.bin'), 'get', at, 'film', '--raw');
    expect(got.code).toBe(0);
    expect(Buffer.compare(readFileSync(join(folder, 'got.bin')), bytes)).toBe(0);

    const exported = await run(['export', at, 'streams.ndjson']);
    expect([exported.code, exported.err]).toEqual([
      2,
      expect.stringContaining('film holds a stream of 8.6 MiB'),
    ]);
    expect(existsSync(join(folder, 'streams.ndjson'))).toBe(false);
    const line = '{"key":"film","value":{"$stream":3}}';
    const imported = await run(['import', at, '-'], {}, line);
    expect([imported.code, imported.err]).toEqual([1, expect.stringContaining('set KEY --stream FILE')]);
    expect((await run(['set', at, 'film', '1', '--stream', 'film.bin'])).code).toBe(2);
    expect((await run(['set', at, 'film', '--stream', 'no.bin'])).code).not.toBe(0);

    expect((await run(['restore', at, 'file:./streams2', '--yes'])).code).toBe(0);
    await runOn(1, join(folder, 'got.bin'), 'get', 'file:./streams2', 'film', '--raw');
    expect(Buffer.compare(readFileSync(join(folder, 'got.bin')), bytes)).toBe(0);
    expect((await run(['verify', 'file:./streams2', '--deep'])).code).toBe(0);
  });

  test('bad lines are told by number and kept, and all others imported', async () => {
    const long = `{"key":"${'k'.repeat(9000)}","value":1}`;
    writeFileSync(
      join(folder, 'bad.ndjson'),
      `{"key":"a","value":1}\nnope\n\n{"key":"b"}\n${long}\n{"key":"z","value":2}`,
    );
    const args = ['import', 'file:./bad', 'bad.ndjson', '--create', '--rejects', 'rejects'];
    const { code, err } = await run(args);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^line 2: .*\nline 4: .*no "value"\nline 5: .*at most 8192/),
    ]);
    expect(readFileSync(join(folder, 'rejects'), 'utf8')).toBe(`nope\n{"key":"b"}\n${long}\n`);
    const again = await run(['import', 'file:./bad', 'bad.ndjson', '--json']);
    expect([again.code, lines(again.out)]).toMatchObject([1, [{ written: 0, alreadyThere: 2, badLines: 3 }]]);
    const strict = await run(['import', 'file:./strict', 'bad.ndjson', '--create', '--strict', '--json']);
    expect([strict.code, lines(strict.out)]).toMatchObject([
      1,
      [{ written: 1, badLines: 1, stoppedAtBadLine: true }],
    ]);
    expect(await answer('list', 'file:./bad')).toEqual([0, 'a\t1\nz\t2\n']);
    expect(await answer('list', 'file:./strict')).toEqual([0, 'a\t1\n']);
  });

  test('an empty file, and a CSV file', async () => {
    const empty = await run(['import', 'file:./csv', '-', '--create', '--json'], {}, '');
    expect([empty.code, lines(empty.out)]).toEqual([
      0,
      [expect.objectContaining({ written: 0, badLines: 0 })],
    ]);
    writeFileSync(join(folder, 'users.csv'), 'id,name,age\n1,"Ann ""A""",17\n2,Bob\n3,"C\nD",x\n');
    const csv = ['import', 'file:./csv', 'users.csv', '--key-column', 'id', '--prefix', 'users', '--infer'];
    expect(await run(csv)).toMatchObject({
      code: 1,
      err: expect.stringContaining('line 3: expected 3 cells, found 2'),
    });
    expect(await answer('list', 'file:./csv', '--prefix', 'users')).toEqual([
      0,
      '["users",1]\t{"name":"Ann \\"A\\"","age":17}\n["users",3]\t{"name":"C\\nD","age":"x"}\n',
    ]);
  });

  /** Resolves when the database has got so many records. */
  async function records(name: string, wanted: number): Promise<void> {
    for (;;) {
      try {
        if (readdirSync(join(folder, name, 'log')).length >= wanted) return;
      } catch {
        // The folder is yet to come.
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  test('a file is one transaction, its bad lines are left out, and it is not written twice', async () => {
    const rows = Array.from(
      { length: 4_000 },
      (_, i) => `{"key":[${(i * 37) % 4_000}],"value":"${'v'.repeat(700)}"}`,
    );
    rows[1_000] = 'no row';
    rows[2_000] = `{"key":["${'k'.repeat(9_000)}"],"value":1}`;
    writeFileSync(join(folder, 'whole.ndjson'), `${rows.join('\n')}\n`);
    const args = ['import', 'file:./one-transaction', 'whole.ndjson', '--create', '--json'];
    const first = await run(args);
    expect([first.code, ...lines(first.out)]).toMatchObject([
      1,
      { written: 3_998, alreadyThere: 0, badLines: 2, bad: [{ line: 1_001 }, { line: 2_001 }], batches: 1 },
    ]);
    const keys = lines((await run(['export', 'file:./one-transaction'])).out).map(
      (row) => (row as { key: number[] }).key[0]!,
    );
    expect(keys.filter((key, i) => i > 0 && keys[i - 1]! >= key)).toEqual([]);
    expect(keys).toHaveLength(3_998);
    const again = await run(args);
    expect([again.code, ...lines(again.out)]).toMatchObject([
      1,
      { written: 0, alreadyThere: 3_998, badLines: 2, bad: [{ line: 1_001 }], batches: 0, version: 2 },
    ]);
    const strict = await run([
      'import',
      'file:./one-transaction-strict',
      'whole.ndjson',
      '--create',
      '--strict',
      '--json',
    ]);
    expect(strict.code).toBe(1);
    expect(lines(strict.out)).toMatchObject([{ written: 1_000, badLines: 1, stoppedAtBadLine: true }]);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'an import that %s ended goes on where it stopped',
    async (signal) => {
      const name = `ended-${signal}`;
      const child = start(['import', `file:./${name}`, '-', '--create']);
      // Not all of it, and no end: whatever the machine is busy with, the import can't finish before the signal.
      child.stdin!.write(readFileSync(join(folder, 'big.ndjson')).subarray(0, 3_500_000));
      const ended = outcome(child);
      await records(name, 2);
      child.kill(signal);
      const { code, err } = await ended;
      if (signal === 'SIGINT') {
        expect(code).toBe(130);
        expect(err).toMatch(
          /^holdfast import: Interrupted\. [\d,]+ entries, up to line [\d,]+, are in the database \(version 2\)\./,
        );
      }
      const [report] = lines((await run(['import', `file:./${name}`, 'big.ndjson', '--json'])).out) as [
        { written: number; alreadyThere: number },
      ];
      expect(report.written + report.alreadyThere).toBe(count);
      expect(report.alreadyThere).toBeGreaterThan(0);
      expect(report.written).toBeGreaterThan(0);
      if (signal === 'SIGKILL') return;
      const { out } = await run(['export', `file:./${name}`]);
      const expected = readFileSync(join(folder, 'big.ndjson'), 'utf8');
      expect(out === expected).toBe(true);
    },
  );

  test('export stops quietly when its reader has had enough', async () => {
    const child = start(['export', 'file:./ended-SIGINT']);
    let err = '';
    child.stderr!.on('data', (bytes: Buffer) => {
      err += bytes.toString();
    });
    const code = new Promise((resolve) => child.on('close', resolve));
    const [first] = await new Promise<[Buffer]>((resolve) =>
      child.stdout!.once('data', (bytes: Buffer) => resolve([bytes])),
    );
    child.stdout!.destroy();
    expect(first.toString().split('\n')[0]).toBe(entry(0));
    expect([await code, err]).toEqual([0, '']);
  });
});
