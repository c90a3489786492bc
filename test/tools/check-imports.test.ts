import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const checker = fileURLToPath(new URL('../../tools/check-imports.mjs', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-imports-'));
  plantPackage('packages/object-store', '@holdfast/object-store', []);
  plantPackage('packages/crypto', '@holdfast/crypto', ['@noble/hashes']);
  plantPackage('packages/core', '@holdfast/core', ['@holdfast/crypto', '@holdfast/object-store']);
  plantPackage('packages/mvcc', '@holdfast/mvcc', ['@holdfast/core']);
  plantPackage('packages/freshness', '@holdfast/freshness', ['@holdfast/crypto', '@holdfast/mvcc']);
  plantPackage('packages/backend-s3', '@holdfast/backend-s3', ['@holdfast/object-store']);
  plantPackage('packages/backend-minio', '@holdfast/backend-minio', ['@holdfast/backend-s3']);
  plantPackage('packages/holdfast', 'holdfast', ['@holdfast/mvcc', '@holdfast/backend-minio']);
  plantPackage('apps/cli', '@holdfast/cli', ['holdfast']);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function plant(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function plantPackage(folder: string, name: string, dependencies: string[]): void {
  const manifest = {
    name,
    exports: { '.': {}, './testing': {} },
    dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, '0.1.0'])),
  };
  plant(`${folder}/package.json`, JSON.stringify(manifest));
}

function check(): { status: number | null; violations: string[] } {
  const { status, stderr } = spawnSync(process.execPath, [checker, '--root', root], { encoding: 'utf8' });
  return { status, violations: stderr.split('\n').filter((line) => line !== '') };
}

function expectViolation(line: RegExp): void {
  const { status, violations } = check();
  expect(violations).toEqual([expect.stringMatching(line)]);
  expect(status).toBe(1);
}

describe('check-imports', () => {
  test('accepts imports that follow the arrows', () => {
    plant(
      'packages/core/src/a.ts',
      "import { b } from './b.js';\nimport { hash } from '@holdfast/crypto';\n",
    );
    plant(
      'packages/core/src/b.ts',
      "export const b = 1;\nexport type { K } from '@holdfast/object-store';\n",
    );
    plant('packages/freshness/src/a.ts', "import type { Db } from '@holdfast/mvcc';\n");
    plant('packages/backend-minio/src/a.ts', "import { S3Store } from '@holdfast/backend-s3';\n");
    plant('packages/object-store/src/file-store.ts', "import { open } from 'node:fs/promises';\n");
    plant(
      'packages/core/src/a.test.ts',
      "import { tmpdir } from 'node:os';\nimport { F } from '@holdfast/object-store/testing';\n",
    );
    plant('apps/cli/src/main.ts', "import { open } from 'holdfast';\nimport { exit } from 'node:process';\n");
    expect(check()).toEqual({ status: 0, violations: [] });
  });

  test('does not take examples in comments and template strings for imports', () => {
    plant(
      'packages/crypto/src/a.ts',
      "/**\n * import { open } from 'holdfast';\n */\n// import 'node:fs'\nexport const t = `\nimport { x } from 'holdfast';\n`;\n",
    );
    expect(check().violations).toEqual([]);
  });

  test('does not take the word in a string for an import', () => {
    plant('packages/crypto/src/a.ts', "export type Phase = 'import' | 'calls' | 'export';\n");
    expect(check().violations).toEqual([]);
  });

  test.each([
    ['an import against the arrows', "import { x } from '@holdfast/mvcc';"],
    ['one over several lines', "import {\n  x,\n  type Y,\n} from '@holdfast/mvcc';", 4],
    ['a type-only import', "import type { X } from '@holdfast/mvcc';"],
    ['a re-export', "export * from '@holdfast/mvcc';"],
    ['an import for its side effects', "import '@holdfast/mvcc';"],
    ['a dynamic import', "const m = await import('@holdfast/mvcc');"],
    ['an import type', "export type X = import('@holdfast/mvcc').X;"],
  ])('catches %s', (_what, code, line = 1) => {
    plantPackage('packages/core', '@holdfast/core', ['@holdfast/mvcc']);
    plant('packages/core/src/deep/a.ts', `${code}\n`);
    expectViolation(
      new RegExp(`^packages/core/src/deep/a\\.ts:${line}: imports '@holdfast/mvcc' \\(packages/core may`),
    );
  });

  test('catches a backend that knows the engine', () => {
    plantPackage('packages/backend-s3', '@holdfast/backend-s3', ['@holdfast/core']);
    plant('packages/backend-s3/src/a.ts', "import { x } from '@holdfast/core';\n");
    expectViolation(/^packages\/backend-s3\/src\/a\.ts:1: .*may import @holdfast\/object-store only/);
  });

  test('catches a value imported where only types may be', () => {
    plant('packages/freshness/src/a.ts', "import { open } from '@holdfast/mvcc';\n");
    expectViolation(/^packages\/freshness\/src\/a\.ts:1: .*import type/);
  });

  test('catches an undeclared dependency, of this repository or not', () => {
    plant('packages/backend-minio/src/a.ts', "import { x } from '@holdfast/object-store';\n");
    expectViolation(/a\.ts:1: .*not in the dependencies of packages\/backend-minio/);
    plant('packages/backend-minio/src/a.ts', "import pLimit from 'p-limit';\n");
    expectViolation(/a\.ts:1: imports 'p-limit' \(not in the dependencies/);
  });

  test('accepts a package whose code the build puts into dist, where the table says so', () => {
    plant('packages/core/src/a.ts', "import * as msgpackr from 'msgpackr/index-no-eval';\n");
    expect(check()).toEqual({ status: 0, violations: [] });
    plant('packages/mvcc/src/a.ts', "import * as msgpackr from 'msgpackr/index-no-eval';\n");
    expectViolation(/mvcc\/src\/a\.ts:1: imports 'msgpackr\/index-no-eval' \(not in the dependencies/);
  });

  test('catches a circle between files, type-only imports included', () => {
    plant('packages/crypto/src/a.ts', "import { b } from './b.js';\n");
    plant('packages/crypto/src/b.ts', "import { c } from './deep/c.js';\n");
    plant('packages/crypto/src/deep/c.ts', "\nimport type { A } from '../a.js';\n");
    expectViolation(
      /^packages\/crypto\/src\/deep\/c\.ts:2: .*circle: \.\.\/a\.ts -> \.\.\/b\.ts -> c\.ts -> \.\.\/a\.ts/,
    );
  });

  test.each([
    ['against the arrows', 'state/a.ts', '../upkeep/b.js', 'state/ may import context/ only, not upkeep/'],
    ['up to what stands above the rooms', 'state/a.ts', '../b.js', 'is not for state/'],
    ['in a room that has no row', 'cellar/a.ts', '../state/b.js', 'no row for the room cellar/'],
  ])('catches an import between rooms %s', (_what, from, to, message) => {
    plantPackage('packages/mvcc', '@holdfast/mvcc', []);
    plant(`packages/mvcc/src/${from}`, `import { b } from '${to}';\n`);
    expectViolation(new RegExp(`^packages/mvcc/src/${from}:1: .*${message}`));
  });

  test('accepts imports between rooms that follow the arrows, and what a test needs', () => {
    plantPackage('packages/mvcc', '@holdfast/mvcc', []);
    plant('packages/mvcc/src/upkeep/a.ts', "import { b } from '../state/b.js';\n");
    plant('packages/mvcc/src/a.ts', "import { b } from './upkeep/a.js';\n");
    plant('packages/mvcc/src/state/a.test.ts', "import { b } from '../upkeep/a.js';\n");
    expect(check()).toEqual({ status: 0, violations: [] });
  });

  test('catches node: modules in portable files, and bare names of them everywhere', () => {
    plant('packages/mvcc/src/a.ts', "import { readFile } from 'node:fs/promises';\n");
    expectViolation(/^packages\/mvcc\/src\/a\.ts:1: .*may use node: modules/);
    rmSync(join(root, 'packages/mvcc/src/a.ts'));
    plant('packages/object-store/src/file/a.ts', "import { readFile } from 'fs';\n");
    expectViolation(/a\.ts:1: imports 'fs' \(write node:fs\)/);
  });

  test('catches deep imports, by name and by path, in tests too', () => {
    plant('packages/mvcc/src/a.ts', "import { x } from '@holdfast/core/src/x.js';\n");
    expectViolation(/a\.ts:1: .*\.\/src\/x\.js is not in the exports of packages\/core/);
    plant('packages/mvcc/src/a.ts', "import { x } from '../../core/src/x.js';\n");
    expectViolation(/a\.ts:1: .*must stay in its package/);
    rmSync(join(root, 'packages/mvcc/src/a.ts'));
    plant('test/whole.test.ts', "import { x } from '../packages/core/src/x.js';\n");
    expectViolation(/^test\/whole\.test\.ts:1: .*by its name/);
  });

  test('catches a test that imports a layer above', () => {
    plant('packages/core/src/a.test.ts', "import { open } from 'holdfast';\n");
    expectViolation(/^packages\/core\/src\/a\.test\.ts:1: .*tests here may import/);
  });

  test('asks for a row in its table when a package is new', () => {
    plantPackage('packages/novelty', '@holdfast/novelty', []);
    expectViolation(/^packages\/novelty\/package\.json:1: no row for this package/);
  });

  describe('a name that is one file for each platform', () => {
    const platforms = { '#platform': { node: './dist/lean/node-it.js', default: './dist/lean/web.js' } };

    beforeEach(() => {
      plant(
        'packages/backend-s3/package.json',
        JSON.stringify({ name: '@holdfast/backend-s3', imports: platforms }),
      );
      plant('packages/backend-s3/src/a.ts', "import { p } from '#platform';\n");
      plant('packages/backend-s3/src/lean/node-it.ts', "import 'node:http';\nexport const p = 1;\n");
      plant('packages/backend-s3/src/lean/web.ts', 'export const p = 2;\n');
    });

    test('is accepted, and its file for Node may import what Node has', () => {
      expect(check()).toEqual({ status: 0, violations: [] });
    });

    test('must be in the imports of its package', () => {
      plant('packages/backend-s3/src/a.ts', "import { p } from '#plattform';\n");
      expectViolation(/a\.ts:1: imports '#plattform' \(not in the imports of/);
    });

    test('must stand for files that are there', () => {
      rmSync(join(root, 'packages/backend-s3/src/lean/web.ts'));
      expectViolation(/a\.ts:1: imports '#platform' \(.*web\.ts, which it stands for, is not there/);
    });

    test('can close a circle', () => {
      plant('packages/backend-s3/src/lean/web.ts', "export { p } from '../a.js';\n");
      expectViolation(/a circle: /);
    });

    test('lets no other file import what Node has', () => {
      plant('packages/backend-s3/src/lean/web.ts', "import 'node:http';\nexport const p = 2;\n");
      expectViolation(/web\.ts:1: imports 'node:http' \(only /);
    });
  });
});
