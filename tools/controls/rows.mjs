// A row of checks.mjs: the text that is a safety check, and what stands there when it is taken out.
//
// A row that no longer fits its file is worse than none: it would show that a check is noticed which is not there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ name: string, file: string, find: string, replace: string, tests?: string[], contended?: boolean }} Row */

/**
 * What is wrong with the rows, each in one line that names it.
 * @param {readonly Row[]} rows @param {string} root @returns {string[]}
 */
export function problemsOf(rows, root) {
  const problems = [];
  const names = new Set();
  for (const { name, file, find, replace, tests = [] } of rows) {
    const report = (what) => problems.push(`${name}: ${what}.`);
    if (names.has(name)) report('another row has this name');
    names.add(name);
    if (!/^(packages|apps)\/[^/]+\/src\/.+\.ts$/.test(file))
      report(`expected a source file of a package, found ${file}`);
    const path = join(root, file);
    if (!existsSync(path)) {
      report(`${file} is not there`);
      continue;
    }
    const places = find === '' ? 0 : readFileSync(path, 'utf8').split(find).length - 1;
    if (places !== 1) report(`expected its text once in ${file}, found it ${places} times`);
    if (find === replace) report('its replacement changes nothing');
    for (const test of tests) if (!existsSync(join(root, test))) report(`its test ${test} is not there`);
  }
  return problems;
}

/** The file without the check. @param {Row} row @param {string} source @returns {string} */
export function takeOut({ find, replace }, source) {
  return source.replace(find, () => replace);
}
