// FileStore between real processes: they run the built package, as users do (`npm test` builds first).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@holdfast/object-store/file';
import { open } from 'holdfast';
import { afterEach, beforeEach, expect, test } from 'vitest';

const built = new URL('../packages/object-store/dist/file.js', import.meta.url).href;
const engine = new URL('../packages/holdfast/dist/index.js', import.meta.url).href;

/** Waits for a line on stdin, so that all start at once; then creates every key and prints which ones it won. */
const racer = `
  const [built, directory, name, count] = process.argv.slice(1);
  const { FileStore } = await import(built);
  const store = new FileStore(directory);
  process.stdout.write('ready\\n');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const won = [];
  for (let i = 0; i < Number(count); i += 10) {
    await Promise.all(Array.from({ length: 10 }, async (_, j) => {
      const key = 'log/' + String(i + j).padStart(4, '0');
      const result = await store.put(key, new TextEncoder().encode(name + ' ' + key), { ifAbsent: true });
      if (!result.occupied) won.push(key);
    }));
  }
  await store.close();
  process.stdout.write(JSON.stringify(won) + '\\n', () => process.exit(0));
`;

/** Creates and overwrites objects of one repeated byte until it is killed. */
const writer = `
  const [built, directory, name] = process.argv.slice(1);
  const { FileStore } = await import(built);
  const store = new FileStore(directory);
  process.stdout.write('ready\\n');
  for (let i = 0; ; i++) {
    const bytes = new Uint8Array(100_000).fill(i % 251);
    await Promise.all([
      store.put('new/' + name + '-' + i, bytes, { ifAbsent: true }),
      store.put('again/' + (i % 3), bytes),
    ]);
    process.stdout.write('.');
  }
`;

/** Backs up everything by hard links, again and again, as `cp -al` and rsnapshot do; keeps the last few copies. */
const backup = `
  const [, directory, copies] = process.argv.slice(1);
  const { linkSync, mkdirSync, readdirSync, rmSync } = await import('node:fs');
  const { join } = await import('node:path');
  let unfinished = 0;
  const copy = (from, to) => {
    mkdirSync(to);
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      try {
        if (entry.isDirectory()) copy(join(from, entry.name), join(to, entry.name));
        else {
          linkSync(join(from, entry.name), join(to, entry.name));
          if (from.endsWith('.tmp')) unfinished++;
        }
      } catch (error) {
        if (error.code !== 'ENOENT') throw error; // Gone since.
      }
    }
  };
  process.stdout.write('ready\\n');
  let stopping = false;
  process.stdin.once('data', () => { stopping = true; });
  for (let i = 0; !stopping; i++) {
    copy(directory, join(copies, 'all' + i));
    // What is being written is what matters most: many looks at it for one at the rest.
    for (let j = 0; j < 200; j++) copy(join(directory, '.tmp'), join(copies, 'tmp' + i + '-' + j));
    if (i >= 2) rmSync(join(copies, 'all' + (i - 2)), { recursive: true });
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write(String(unfinished) + '\\n', () => process.exit(0));
`;

/** Counts up in a database, one transaction after the other, and prints how many were acknowledged. */
const counter = `
  const [, directory, engine, name, count] = process.argv.slice(1);
  const { open } = await import(engine);
  const db = await open('file:' + directory, { key: new Uint8Array(32).fill(7) });
  process.stdout.write('ready\\n');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  for (let i = 0; i < Number(count); i++) {
    await db.transact(async (tx) => {
      tx.set(['count'], ((await tx.get(['count'])) ?? 0) + 1);
      tx.set(['by', name, i], true);
    });
  }
  await db.close();
  process.stdout.write('done\\n', () => process.exit(0));
`;

/** Writes one stream without end, and says how far it has come, until it is killed. */
const streamer = `
  const [, directory, engine] = process.argv.slice(1);
  const { open } = await import(engine);
  const db = await open('file:' + directory, { key: new Uint8Array(32).fill(7) });
  await db.setStream('film', [new Uint8Array(20_000_000).fill(1)]);
  process.stdout.write('ready\\n');
  await db.setStream('film', (async function* () {
    for (;;) {
      yield new Uint8Array(1_000_000).fill(2);
      process.stdout.write('.');
    }
  })());
`;

let directory: string;
let copies: string;
let children: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-processes-'));
  copies = await mkdtemp(join(tmpdir(), 'holdfast-copies-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of [directory, copies]) await rm(folder, { recursive: true, force: true });
});

function start(script: string, ...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, built, directory, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { child, output: () => output };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    for (const child of children) {
      if (child.exitCode) throw new Error(`A child ended with ${child.exitCode} before its time.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

type Child = ReturnType<typeof start>;

async function allReady(started: readonly Child[]): Promise<void> {
  await until(() => started.every(({ output }) => output().startsWith('ready')));
}

/** @returns once all have ended by themselves. */
async function letGo(started: readonly Child[]): Promise<void> {
  const ends = started.map(({ child }) => once(child, 'exit'));
  for (const { child } of started) child.stdin!.write('go\n');
  for (const [code] of await Promise.all(ends)) expect(code).toBe(0);
}

/** Lets four processes race to create 200 objects: what each says it has won, and what is kept, must agree. */
async function race(): Promise<void> {
  const racers = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...start(racer, name, '200') }));
  await allReady(racers);
  await letGo(racers);

  const winners = new Map<string, string[]>();
  for (const { name, output } of racers) {
    for (const key of JSON.parse(output().split('\n')[1]!) as string[]) {
      winners.set(key, [...(winners.get(key) ?? []), name]);
    }
  }
  const store = new FileStore(directory);
  const listed: string[] = [];
  for await (const { key } of store.list('log/')) {
    listed.push(key);
    const kept = new TextDecoder().decode((await store.get(key))!.bytes);
    expect(winners.get(key)?.map((name) => `${name} ${key}`)).toEqual([kept]);
  }
  expect(listed).toHaveLength(200);
  expect(winners.size).toBe(200);
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
}

test('of four processes that race to create 200 objects, exactly one wins each', race, 120_000);

test('the same while a backup links every file, those being written too', async () => {
  await mkdir(join(directory, '.tmp'));
  const copying = start(backup, copies);
  await allReady([copying]);
  await race();
  await letGo([copying]);
  // It did get hold of files that were being written.
  expect(Number(copying.output().split('\n')[1])).toBeGreaterThan(10);
}, 120_000);

test('three processes that count in one database lose and double nothing while it is backed up by links', async () => {
  await mkdir(join(directory, '.tmp'));
  const copying = start(backup, copies);
  const counters = ['a', 'b', 'c'].map((name) => start(counter, engine, name, '30'));
  await allReady([copying, ...counters]);
  await letGo(counters);
  await letGo([copying]);
  const db = await open(`file:${directory}`, { key: new Uint8Array(32).fill(7) });
  expect(await db.get(['count'])).toBe(90);
  let kept = 0;
  for await (const _ of db.list({ prefix: ['by'] })) kept++;
  expect(kept).toBe(90);
  await db.close();
}, 120_000);

test('a process killed while it writes leaves whole objects only, and the next writer sweeps up', async () => {
  for (let round = 0; round < 3; round++) {
    const writers = [start(writer, `${round}a`), start(writer, `${round}b`)];
    // Both are in the middle of something whenever they are killed: they never pause.
    await until(() => writers.every(({ output }) => output().split('.').length > 2 + round));
    await Promise.all(
      writers.map(({ child }) => {
        child.kill('SIGKILL');
        return once(child, 'exit');
      }),
    );
    const store = new FileStore(directory);
    let count = 0;
    for await (const { key, size } of store.list('')) {
      const found = await store.get(key);
      expect([key, size, found?.size, found?.bytes.length]).toEqual([key, 100_000, 100_000, 100_000]);
      expect(new Set(found!.bytes).size).toBe(1);
      count++;
    }
    expect(count).toBeGreaterThan(0);
  }
  const store = new FileStore(directory);
  await store.put('last', Uint8Array.of(1));
  await store.close();
  expect(await readdir(join(directory, '.tmp'))).toEqual([]);
}, 120_000);

test('a process killed while it writes a stream leaves its key as it was, and nothing but garbage', async () => {
  const child = start(streamer, engine);
  // Five parts are full, and two are on their way at most.
  await until(() => child.output().split('.').length > 45);
  child.child.kill('SIGKILL');
  await once(child.child, 'exit');
  const db = await open(`file:${directory}`, { key: new Uint8Array(32).fill(7) });
  let length = 0;
  for await (const chunk of (await db.getStream('film'))!) {
    expect(chunk.every((byte) => byte === 1)).toBe(true);
    length += chunk.length;
  }
  expect(length).toBe(20_000_000);
  const { ok, problems, segments, unreferenced } = await db.verify({ deep: true });
  expect({ ok, problems, segments }).toEqual({ ok: true, problems: [], segments: 3 });
  expect(unreferenced).toBeGreaterThan(0);
  // Whoever writes next is not in its way.
  await db.setStream('film', [new Uint8Array(10).fill(3)]);
  expect(await db.get('film')).toMatchObject({ bytes: 10 });
  await db.close();
}, 120_000);
