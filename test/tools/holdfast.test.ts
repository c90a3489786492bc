/** `npm run holdfast` and `npm run pack:all`, by the scripts that they run. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-tools-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function tool(name: string, ...args: string[]) {
  // As npm runs a script of the root that was called from another folder.
  const env = {
    ...process.env,
    INIT_CWD: folder,
    HOLDFAST_KEY: '11'.repeat(32),
    HOLDFAST_LOCATION: undefined,
  };
  return spawnSync(process.execPath, [join(root, 'tools', name), ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
}

describe('the command in a clone', () => {
  test('prints nothing but its own words', () => {
    expect(tool('holdfast.mjs', 'keygen')).toMatchObject({
      stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/),
      stderr: '',
      status: 0,
    });
  });

  test('works on paths from where it was called', () => {
    expect(tool('holdfast.mjs', 'init', 'file:./state').status).toBe(0);
    expect(existsSync(join(folder, 'state/log'))).toBe(true);
  });

  test('ends as the command does', () => {
    const { stdout, stderr, status } = tool('holdfast.mjs', 'get', 'file:./nothing', 'a');
    expect({ stdout, status }).toEqual({ stdout: '', status: 3 });
    expect(stderr).toContain('There is no database');
  });
});

test('all tarballs are of this run, and what else is in the folder stays', () => {
  const into = join(folder, 'made/here');
  mkdirSync(into, { recursive: true });
  for (const name of ['holdfast-core-0.0.9.tgz', 'mine.tgz']) writeFileSync(join(into, name), '');
  const { status, stderr } = tool('pack-all.mjs', '--into', into);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const made = readdirSync(into);
  expect(made).toContain('mine.tgz');
  expect(made).not.toContain('holdfast-core-0.0.9.tgz');
  expect(made.filter((name) => /^holdfast-(core-|cli-|mvcc-)?\d/.test(name))).toHaveLength(4);
});
