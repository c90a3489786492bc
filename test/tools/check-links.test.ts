import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const checker = fileURLToPath(new URL('../../tools/check-links.mjs', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-links-'));
  execFileSync('git', ['init', '-q'], { cwd: root });
  mkdirSync(join(root, 'docs'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function check(document: string): { status: number | null; stderr: string } {
  writeFileSync(join(root, 'README.md'), document);
  const { status, stderr } = spawnSync(process.execPath, [checker, '--root', root], { encoding: 'utf8' });
  return { status, stderr };
}

test('links to files, headings and the web that are well pass', () => {
  writeFileSync(join(root, 'docs/a.md'), '# The `one` & only\n\n[up](../README.md#top) ![](a.md)\n');
  const text =
    '# Top\n[a](docs/a.md#the-one--only) [b](#top) [folder](docs) <https://x.example> [w](https://x.example)\n';
  expect(check(text)).toEqual({ status: 0, stderr: '' });
});

test('a file or heading that is not there is caught, with its line', () => {
  writeFileSync(join(root, 'docs/a.md'), '# One\n');
  const { status, stderr } = check(
    '# Top\n[a](docs/b.md)\n[a](docs/a.md#two)\n[t](#nowhere)\n<img src="x.svg">\n[out](../x)\n',
  );
  expect(status).toBe(1);
  expect(
    stderr
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 12)),
  ).toEqual([2, 3, 4, 5, 6].map((line) => `README.md:${line}:`));
});

test('what looks like a link in code is none', () => {
  expect(check('`[a](b)`\n```md\n[a](b)\n# no heading\n```\n<!-- [a](b) -->\n').stderr).toBe('');
});

test('a test that is named behind a link to its file must be in it', () => {
  writeFileSync(join(root, 'docs/x.test.ts'), "test('it\\'s one', () => {});");
  expect(check("[x](docs/x.test.ts): _it's one_\n").stderr).toBe('');
  expect(check("[x](docs/x.test.ts): _it's one_, _another ONE_TWO_\n").stderr).toMatch(
    /^README\.md:1: no test of this name in docs\/x\.test\.ts: another ONE_TWO\n$/,
  );
});
