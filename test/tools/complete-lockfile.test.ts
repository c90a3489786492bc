import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const tool = fileURLToPath(new URL('../../tools/complete-lockfile.mjs', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-lockfile-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function run(...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [tool, '--root', root, ...args], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

function write(packages: object): void {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
}

function read(): Record<string, object> {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
}

test('a platform that the lockfile misses is found, and added with what npm needs to pass it over', () => {
  const optionalDependencies = {
    '@a/cli-linux-x64-musl': '1.2.3',
    '@a/windows-64': '1.2.3',
    '@a/linux-64': '1.2.3',
  };
  write({
    '': {},
    'node_modules/@a/linux-64': { version: '1.2.3' },
    'node_modules/a': { version: '1.2.3', dev: true, optionalDependencies },
  });
  expect(run('--check')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('needs @a/windows-64@1.2.3'),
  });
  expect(run().status).toBe(0);
  expect(read()).toMatchObject({
    'node_modules/@a/cli-linux-x64-musl': {
      version: '1.2.3',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
      optional: true,
    },
    'node_modules/@a/linux-64': { version: '1.2.3' },
    'node_modules/@a/windows-64': {
      version: '1.2.3',
      os: ['win32'],
      cpu: ['x64'],
      dev: true,
      optional: true,
    },
  });
  expect(run('--check')).toEqual({ status: 0, stderr: '' });
});

test('a dependency in an inner node_modules, or in one above, is not missing', () => {
  write({
    '': {},
    'node_modules/a': { version: '1.0.0', optionalDependencies: { b: '^1.0.0' } },
    'node_modules/a/node_modules/b': { version: '1.0.0', optionalDependencies: { c: '^1.0.0' } },
    'node_modules/c': { version: '1.0.0' },
  });
  expect(run('--check')).toEqual({ status: 0, stderr: '' });
});

test('what it cannot know is left to a person', () => {
  write({ '': {}, 'node_modules/a': { version: '1.0.0', optionalDependencies: { fsevents: '~2.3.3' } } });
  expect(run()).toMatchObject({ status: 1, stderr: expect.stringContaining('by hand') });
  expect(read()).not.toHaveProperty('node_modules/fsevents');
});
