// FileStore between real processes: they run the built package, as users do (`npm test` builds first).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@holdfast/object-store/file';
import { afterEach, beforeEach, expect, test } from 'vitest';

const built = new URL('../packages/object-store/dist/file.js', import.meta.url).href;

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

let directory: string;
let children: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-processes-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
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

test('of four processes that race to create 200 objects, exactly one wins each', async () => {
  const racers = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...start(racer, name, '200') }));
  await until(() => racers.every(({ output }) => output().startsWith('ready')));
  for (const { child } of racers) child.stdin!.write('go\n');
  await Promise.all(racers.map(({ child }) => once(child, 'exit')));

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
