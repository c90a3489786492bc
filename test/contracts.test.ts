// `npm start` as a whole, with small numbers: what it builds on, `npm test` has built.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../apps/contracts/dist/main.js', import.meta.url));
const small = ['--records', '5000', '--workers', '2'];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-contracts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** @param interruptAt sends Ctrl-C's signal when the output has this. */
function start(args: readonly string[], interruptAt?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let interrupted = false;
    const read = (chunk: Buffer): void => {
      text += chunk;
      if (interrupted || !interruptAt?.test(text)) return;
      interrupted = true;
      child.kill('SIGINT');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
}

/** The journals of the open books: those that were opened last. */
function journals(): string {
  const books = join(folder, '.holdfast', 'books');
  const [id] = readdirSync(books);
  const versions = readdirSync(join(books, id!)).map((name) => Number(name.slice('from-'.length)));
  return join(books, id!, `from-${Math.max(...versions)}`);
}

test('a run that was interrupted is carried on by the next one, and the books balance', async () => {
  const first = await start([...small, '--seconds', '600'], /work .* [1-9]\d* calls/);
  expect(first).toMatchObject({ code: 130 });
  expect(first.text).toContain('5,000 of 5,000 cities');
  expect(first.text).toContain('The next start carries on');

  // A call that had been sent when the power failed: nobody knows whether it arrived.
  const request = {
    contract: 'counter',
    method: 'incBy',
    args: { name: 'visits', by: 1_000_000 },
    caller: 'ada-1',
    requestId: 'cut/off/1',
  };
  appendFileSync(join(journals(), 'worker-1.jsonl'), `${JSON.stringify({ ask: request, run: 'cut' })}\n`);
  const before = journals();

  const second = await start([...small, '--calls', '20']);
  expect(second.text).toContain('The books balance.');
  expect(second.code).toBe(0);
  expect(second.text).toContain('were there already');
  expect(second.text).toMatch(/^1 call of .*worker-1\.jsonl had no answer/m);
  expect(second.text).toMatch(/worker 2 was killed \(SIGKILL\) after \d+ calls/);
  expect(second.text).toMatch(/visits 0 \+ 1,00\d,\d{3} in \d+ calls = 1,00\d,\d{3}/);
  expect(second.text).toMatch(/^counter\.incBy +\d+ +\d/m);
  expect(second.text).toContain('GeoNames');
  // The books were closed: the next run's begin where these end.
  expect(journals()).not.toBe(before);
  expect(readdirSync(journals())).toEqual([]);
}, 120_000);

test('damage to the state ends a run with another exit code', async () => {
  const log = join(folder, '.holdfast', 'state', 'log');
  const [largest] = readdirSync(log)
    .map((name) => join(log, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const bytes = readFileSync(largest!);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(largest!, bytes);
  const damaged = await start([...small, '--calls', '1']);
  expect(damaged.code).toBeGreaterThan(0);
  expect(damaged.text).toMatch(/CORRUPT|damaged/);
  expect(damaged.text).not.toContain('The books balance.');

  const fresh = await start([...small, '--calls', '5', '--fresh']);
  expect(fresh.text).toContain('The books balance.');
  expect(fresh.code).toBe(0);
}, 120_000);
