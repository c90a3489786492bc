import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const counter = fileURLToPath(new URL('../../.ci/count.mjs', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-count-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** @returns what .ci/run reads: "passed failed skipped" */
function count(o: { report?: unknown; log?: string; code: number }): string {
  const report = join(folder, 'report.json');
  if (o.report !== undefined)
    writeFileSync(report, typeof o.report === 'string' ? o.report : JSON.stringify(o.report));
  writeFileSync(join(folder, 'log'), o.log ?? '');
  return execFileSync(process.execPath, [counter, report, join(folder, 'log'), String(o.code)], {
    encoding: 'utf8',
  }).trim();
}

const good = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, testResults: [] };

test('a report is counted', () => {
  expect(count({ report: good, code: 0 })).toBe('5 0 2');
});

test('a test file that could not be loaded counts as a failure', () => {
  const report = { ...good, testResults: [{ status: 'failed', assertionResults: [] }] };
  expect(count({ report, code: 1 })).toBe('5 1 2');
});

test('an exit code that contradicts a clean report counts as a failure', () => {
  expect(count({ report: good, code: 1 })).toBe('5 1 2');
});

test('a report that breaks off counts as a failure', () => {
  expect(count({ report: '{"numPassedTests": 5,', code: 137 })).toBe('0 1 0');
});

test('a run without any test counts as a failure', () => {
  expect(count({ report: { ...good, numPassedTests: 0 }, code: 0 })).toBe('0 1 2');
});
