import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { resolveLocation } from 'holdfast';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAdapters } from './adapters.js';
import { UsageError } from './failure.js';
import { isLocation } from './location.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-adapters-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** A store that tells which factory made it. */
const store = (mark: string) =>
  `{ capabilities: {}, identity: '${mark}', get() {}, put() {}, delete() {}, list() {} }`;
const factory = (mark: string) => `() => (${store(mark)})`;

const madeBy = async (location: string) => (await resolveLocation(location)).identity;

describe('an adapter', () => {
  test.each([
    ['named', `export const scheme = 'named'; export const factory = ${factory('named')};`],
    ['preset', `export default { scheme: 'preset', factory: ${factory('preset')} };`],
    [
      'listed',
      `export default [{ scheme: 'other', factory: ${factory('o')} }, { scheme: 'listed', factory: ${factory('listed')} }];`,
    ],
  ])('exports scheme and factory: %s', async (scheme, text) => {
    write(`${scheme}.mjs`, text);
    expect(isLocation(`${scheme}:here`)).toBe(false);
    await loadAdapters([`./${scheme}.mjs`, `./${scheme}.mjs`], folder);
    expect(await madeBy(`${scheme}:here`)).toBe(scheme);
    expect(isLocation(`${scheme}:here`)).toBe(true);
    // Once more, as a second command in this process would.
    await loadAdapters([`${scheme}.mjs`], folder);
  });

  test.each([
    ['main', { main: 'index.js', type: 'module' }],
    ['import-only', { type: 'module', exports: { '.': { types: './x.d.ts', import: './index.js' } } }],
    ['short', { type: 'module', exports: './index.js' }],
    ['nested', { type: 'module', exports: { node: { import: './index.js' }, default: './browser.js' } }],
  ])('is a package that is installed where the command runs: %s', async (name, manifest) => {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest }));
    write(
      `node_modules/${name}/index.js`,
      `export const scheme = 'pack-${name}', factory = ${factory(name)};`,
    );
    await loadAdapters([name], folder);
    expect(await madeBy(`pack-${name}://x/y`)).toBe(name);
  });

  test.each<[string, string, string | undefined, RegExp]>([
    ['a file that is not there', './nothing.mjs', undefined, /there is no such file/],
    [
      'a package that is not there',
      'holdfast-nothing',
      undefined,
      /no such package is installed in .*begins with \.\//,
    ],
    ['a scoped package that is not there', '@holdfast/nothing', undefined, /no such package/],
    ['a file that is no module', './syntax.mjs', 'export const = 1;', /Unexpected token.*HOLDFAST_DEBUG=1/s],
    ['a module that throws', './throws.mjs', "throw new Error('no token');", /Error: no token/],
    ['a module that throws no error', './text.mjs', "throw 'no token';", /no token/],
    [
      'a module whose import is not there',
      './needs.mjs',
      "import 'not-installed';",
      /Cannot find package 'not-installed'/,
    ],
    ['a folder', './', undefined, /Can't load the adapter \.\//],
    [
      'a module that adds nothing',
      './none.mjs',
      'export const store = 1;',
      /adds no kind of location: .*found exports store\./,
    ],
    ['a module without exports', './empty.mjs', '', /found no exports\./],
    [
      'a scheme that is built in',
      './builtin.mjs',
      `export const scheme = 's3', factory = ${factory('x')};`,
      /can't be used: .*built in/,
    ],
    [
      'a scheme that is none',
      './odd.mjs',
      `export const scheme = 'No!', factory = ${factory('x')};`,
      /can't be used: .*expected a scheme/,
    ],
    [
      'a factory that is none',
      './thing.mjs',
      "export const scheme = 'thing', factory = {};",
      /can't be used: .*expected a function/,
    ],
  ])('%s is bad usage', async (_, name, text, message) => {
    if (text !== undefined) write(name, text);
    const loading = loadAdapters([name], folder);
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toThrow(message);
  });
});
