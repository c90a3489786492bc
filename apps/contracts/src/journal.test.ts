import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Request } from './dispatch.js';
import { isPending, Journal, readJournals } from './journal.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
  path = join(folder, 'worker-1.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

const call = (n: number): Request => ({
  contract: 'counter',
  method: 'incBy',
  args: { name: 'n', by: n },
  caller: 'ada',
  requestId: `r${n}`,
});

test('a journal gives back calls with their answers, in the order of asking', async () => {
  const { journal, entries } = await Journal.open(path);
  expect(entries).toEqual([]);
  await Promise.all([1, 2, 3].map((n) => journal.ask(call(n), 'run')));
  await journal.answer('r3', { result: 6, ms: 2 });
  await journal.answer('r1', { result: 1, ms: 1 });
  await journal.close();
  const [read] = readJournals(folder).values();
  expect(read).toEqual([
    { request: call(1), run: 'run', answer: { result: 1, ms: 1 } },
    { request: call(2), run: 'run' },
    { request: call(3), run: 'run', answer: { result: 6, ms: 2 } },
  ]);
  expect(read!.filter(isPending).map(({ request }) => request.requestId)).toEqual(['r2']);
});

test('a line that was cut off by a kill is taken away, and writing goes on after the last whole one', async () => {
  const { journal } = await Journal.open(path);
  await journal.ask(call(1), 'run');
  await journal.close();
  const whole = readFileSync(path, 'utf8');
  appendFileSync(path, '{"done":"r1","res');
  const again = await Journal.open(path);
  expect(again.entries.map(isPending)).toEqual([true]);
  expect(readFileSync(path, 'utf8')).toBe(whole);
  await again.journal.answer('r1', { result: 1 });
  await again.journal.close();
  expect([...readJournals(folder).values()].flat().map(isPending)).toEqual([false]);
});

test('a bad line that no kill explains is an error that names its place', async () => {
  writeFileSync(path, '{"ask":\n');
  await expect(Journal.open(path)).rejects.toThrow(/worker-1\.jsonl, line 1: expected a line of JSON/);
  writeFileSync(path, '{"done":"r9","result":1}\n');
  await expect(Journal.open(path)).rejects.toThrow(/line 1: expected the answer to a call above it/);
});
