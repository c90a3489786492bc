/** The `holdfast` command as users meet it: the built program, in a process of its own, on a folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

function start(args: readonly string[], env: Record<string, string | undefined> = {}): ChildProcess {
  const clean = { PATH: process.env.PATH, HOME: process.env.HOME };
  return spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...clean, HOLDFAST_KEY: key, ...env },
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
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin!.on('error', () => {});
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
