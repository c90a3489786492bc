import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checks } from '../../tools/controls/checks.mjs';
import { checksByTests } from '../../tools/controls/checks-by-tests.mjs';
import { problemsOf, takeOut } from '../../tools/controls/rows.mjs';

test('every check that can be taken out still stands where its row says, once, and its tests are there', () => {
  expect(checks.length).toBeGreaterThan(40);
  expect(checksByTests.length).toBeGreaterThan(80);
  const rows = [...checks, ...checksByTests];
  expect(problemsOf(rows, fileURLToPath(new URL('../..', import.meta.url)))).toEqual([]);
});

describe('a row that no longer fits', () => {
  let root: string;
  const row = {
    name: 'a check',
    file: 'packages/p/src/a.ts',
    find: 'if (bad) throw',
    replace: 'if (false) throw',
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'holdfast-controls-'));
    mkdirSync(join(root, 'packages/p/src'), { recursive: true });
    writeFileSync(join(root, 'packages/p/src/a.ts'), 'if (bad) throw 1;\nok();\n');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('is named: gone, twice there, no file, no test, a name twice, no change', () => {
    expect(problemsOf([row], root)).toEqual([]);
    expect(problemsOf([{ ...row, find: 'if (worse) throw' }], root)).toEqual([
      'a check: expected its text once in packages/p/src/a.ts, found it 0 times.',
    ]);
    expect(problemsOf([{ ...row, find: '' }], root)).toHaveLength(1);
    writeFileSync(join(root, 'packages/p/src/b.ts'), 'if (bad) throw 1;\nif (bad) throw 2;\n');
    expect(problemsOf([{ ...row, file: 'packages/p/src/b.ts' }], root)).toEqual([
      'a check: expected its text once in packages/p/src/b.ts, found it 2 times.',
    ]);
    expect(problemsOf([{ ...row, file: 'packages/p/src/c.ts' }], root)).toHaveLength(1);
    expect(problemsOf([{ ...row, file: 'packages/p/dist/a.js' }], root)).toHaveLength(2);
    expect(problemsOf([{ ...row, tests: ['test/none.test.ts'] }], root)).toHaveLength(1);
    expect(problemsOf([row, row], root)).toEqual(['a check: another row has this name.']);
    expect(problemsOf([{ ...row, replace: row.find }], root)).toHaveLength(1);
  });

  test('takes out its own text alone, whatever stands in the replacement', () => {
    expect(takeOut({ ...row, replace: '$& $1' }, 'a; if (bad) throw 1;')).toBe('a; $& $1 1;');
  });
});
