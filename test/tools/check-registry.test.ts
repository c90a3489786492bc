import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const checker = fileURLToPath(new URL('../../tools/check-registry.mjs', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-registry-'));
  execFileSync('git', ['init', '-q'], { cwd: root });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function check(): { status: number | null; stderr: string } {
  const env = { ...process.env, npm_config_registry: 'https://mirror.of.somebody.example/npm/' };
  const { status, stderr } = spawnSync(process.execPath, [checker, '--root', root], {
    encoding: 'utf8',
    env,
  });
  return { status, stderr };
}

test('a lockfile without addresses passes', () => {
  writeFileSync(join(root, 'package-lock.json'), '{"resolved": "packages/core", "link": true}');
  expect(check()).toEqual({ status: 0, stderr: '' });
});

test('an address in the lockfile is caught', () => {
  writeFileSync(join(root, 'package-lock.json'), '{\n"resolved": "https://elsewhere.example/x.tgz"\n}');
  expect(check().stderr).toMatch(/^package-lock\.json:2: has an address/);
  expect(check().status).toBe(1);
});

test('a known registry and the one npm is set to are caught in any file', () => {
  writeFileSync(join(root, 'a.md'), `one\nhttps://${['registry', 'npmjs', 'org'].join('.')}/x\n`);
  writeFileSync(join(root, 'b.ts'), 'mirror.of.somebody.example\n');
  expect(check().stderr).toMatch(/^a\.md:2: .*\nb\.ts:1: .*mirror\.of\.somebody\.example\n$/);
});
