/** What the first request of a process loads: to load the AWS SDK takes longer than the rest of a start. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const run = promisify(execFile);

let server: S3DevServer;
beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['bucket'] });
});
afterAll(() => server.close());

const script = `
import { Module } from 'node:module';
import { open } from 'holdfast';
const [location, credentials] = process.argv.slice(1);
const db = await open(location, { key: new Uint8Array(32).fill(7), ...(credentials && { credentials: JSON.parse(credentials) }) });
await db.set('a', 1);
await db.close();
console.log(JSON.stringify(Object.keys(Module._cache).filter((path) => /node_modules.(@aws-sdk|@smithy)/.test(path)).length));
`;

/** @returns how many files of the SDK a program has loaded that has opened a database, written and closed it. */
async function loaded(parameters: string, credentials: string, env: Record<string, string>): Promise<number> {
  const location = `s3://bucket/start?endpoint=${server.url}${parameters}`;
  const parts = ['--input-type=module', '-e', script, location, credentials];
  const { stdout } = await run(process.execPath, parts, {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
  });
  return JSON.parse(stdout);
}

const AWS_ACCESS_KEY_ID = 'holdfast';
const AWS_SECRET_ACCESS_KEY = 'holdfast-secret';

test('credentials that are given load nothing of the SDK', async () => {
  expect(await loaded('', JSON.stringify(server.credentials), {})).toBe(0);
});

test('credentials of the environment load nothing of the SDK', async () => {
  expect(await loaded('', '', { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY })).toBe(0);
});

test('the SDK is loaded where it is asked for, and for credentials that it alone can find', async () => {
  expect(await loaded('&client=sdk', JSON.stringify(server.credentials), {})).toBeGreaterThan(0);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-profile-'));
  try {
    const file = join(folder, 'credentials');
    writeFileSync(
      file,
      `[work]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`,
    );
    const env = {
      AWS_PROFILE: 'work',
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_CONFIG_FILE: join(folder, 'none'),
    };
    expect(await loaded('', '', env)).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
