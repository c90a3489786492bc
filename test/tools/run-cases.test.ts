import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-cases-'));
  write('a-right.mjs', `console.log('checkout', process.env.HOLDFAST);`);
  write(
    'b-wrong.mjs',
    `console.log('first'); console.error('the fault\\u001b[31m shows\\n'); process.exit(1);`,
  );
  write('some-lib.mjs', `throw new Error('not a program');`);
  write('some-lines.mjs', `throw new Error('judges nothing');`);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

function run(...args: string[]): { lines: string[]; status: number | null; stderr: string } {
  const tool = join(root, 'tools/run-cases.mjs');
  const { stdout, stderr, status } = spawnSync(process.execPath, [tool, ...args], { encoding: 'utf8' });
  return { lines: stdout.trimEnd().split('\n'), status, stderr };
}

test('every program is run with this checkout, and what shows a fault makes it fail', () => {
  const { lines, status } = run(folder);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^a-right +0 {2}ok +checkout /);
  expect(lines[0]).toContain(root.replace(/\/$/, ''));
  // Nothing of it drives a terminal.
  expect(lines[1]).toMatch(/^b-wrong +1 {2}RED +the fault \[31m shows$/);
  expect(lines[2]).toBe('2 programs: 1 right, 1 red, 0 red as expected');
  expect(status).toBe(1);
});

test('one that is expected to stay red does not fail it, by its whole name or its beginning', () => {
  write('expect', '# those that wait\nb # until the format changes\n');
  const listed = run(folder, '--expect', join(folder, 'expect'));
  expect(listed.status).toBe(0);
  expect(listed.lines[1]).toContain('red, as expected');
  expect(listed.lines[1]).toContain('(until the format changes)');
  expect(run(folder, '--red', 'b-wrong').status).toBe(0);
});

test('one that was expected red and is right is told', () => {
  const { lines, status } = run(folder, '--only', 'a-', '--red', 'a-right');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('green now');
  expect(status).toBe(0);
});

test('a name that no program has is refused, and so is a folder that is not there', () => {
  expect(run(folder, '--red', 'c')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('c is expected'),
  });
  expect(run(join(folder, 'nowhere')).status).toBe(2);
  expect(run(folder, '--only', 'nothing').status).toBe(2);
  expect(run().status).toBe(2);
});

test('one that does not end is ended, and red', () => {
  write('c-hangs.mjs', `console.log('waiting'); setInterval(() => {}, 1000);`);
  const { lines, status } = run(folder, '--only', 'c-', '--timeout-s', '2');
  expect(lines[0]).toMatch(/^c-hangs +time {2}RED +waiting$/);
  expect(status).toBe(1);
});
