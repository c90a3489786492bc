import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { S3CredentialsProvider } from '../options.js';
import { s3Store } from '../s3-store.js';
import { credentialsSource } from './credentials.js';

const minute = 60_000;
const inMs = (ms: number) => new Date(Date.now() + ms);
const keys = (name: string, expiration?: Date) => ({
  accessKeyId: name,
  secretAccessKey: 'secret',
  ...(expiration === undefined ? {} : { expiration }),
});
const never: S3CredentialsProvider = () => expect.fail('the chain was asked');

let server: S3DevServer;
beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterAll(() => server.close());
beforeEach(() => {
  for (const name of ['AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
    vi.stubEnv(name, '');
});
afterEach(() => vi.unstubAllEnvs());

test('those that are given, or in the environment, ask nobody', async () => {
  expect(credentialsSource(keys('given'), never).current()).toEqual(keys('given'));
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'variable');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  expect(credentialsSource(undefined, never).current()).toEqual(keys('variable'));
  vi.stubEnv('AWS_SESSION_TOKEN', 'token');
  expect(credentialsSource(undefined, never).current()).toEqual({
    ...keys('variable'),
    sessionToken: 'token',
  });
});

test('a profile that is named comes before variables, as in the chain', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'variable');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_PROFILE', 'work');
  expect(await credentialsSource(undefined, async () => keys('profile')).current()).toEqual(keys('profile'));
});

test('a provider is asked once by all who wait, and not again while what it gave is good', async () => {
  const provider = vi.fn(async () => keys('provided', inMs(60 * minute)));
  const source = credentialsSource(provider, never);
  await Promise.all(Array.from({ length: 10 }, () => source.current()));
  await source.current();
  expect(provider).toHaveBeenCalledTimes(1);
});

test('what is about to expire is replaced before it does', async () => {
  const given = [keys('first', inMs(4 * minute)), keys('second', inMs(60 * minute))];
  const source = credentialsSource(async () => given.shift()!, never);
  expect((await source.current()).accessKeyId).toBe('first');
  expect((await source.current()).accessKeyId).toBe('second');
  expect((await source.current()).accessKeyId).toBe('second');
});

test('a provider that fails leaves what is good for a while, and is told of when nothing is', async () => {
  const provider = vi.fn<S3CredentialsProvider>();
  provider.mockResolvedValueOnce(keys('first', inMs(4 * minute))).mockRejectedValue(new Error('no answer'));
  const source = credentialsSource(provider, never);
  await source.current();
  expect((await source.current()).accessKeyId).toBe('first');
  source.forget();
  await expect(source.current()).rejects.toThrow('no answer');
});

test('what is no set of credentials is DENIED', async () => {
  const source = credentialsSource(async () => ({ accessKeyId: 'id' }) as never, never);
  await expect(source.current()).rejects.toMatchObject({ code: 'DENIED' });
});

function open(credentials: S3CredentialsProvider) {
  return s3Store({ bucket: 'state', endpoint: server.url, credentials, client: 'lean' });
}

test('a token that the store calls expired is asked for again', async () => {
  const provider = vi.fn(async () => server.credentials);
  const store = open(provider);
  server.faults.next('GetObject', { status: 400, code: 'ExpiredToken', after: 'nothing' });
  await expect(store.get('a')).rejects.toMatchObject({
    code: 'DENIED',
    message: expect.stringContaining('expired'),
  });
  expect(await store.get('a')).toBeUndefined();
  expect(provider).toHaveBeenCalledTimes(2);
  await store.close();
});

test('a provider that can not be reached makes a put UNAVAILABLE: nothing was sent', async () => {
  const store = open(() =>
    Promise.reject(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' })),
  );
  server.requests.length = 0;
  await expect(store.put('a', Uint8Array.of(1), { ifAbsent: true })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('credentials'),
  });
  expect(server.requests).toEqual([]);
  await store.close();
});

test('a clock that can not be right is not followed', async () => {
  const { createServer } = await import('node:http');
  const dates: (string | undefined)[] = [];
  const hostile = createServer((request, answer) => {
    dates.push(request.headers['x-amz-date'] as string | undefined);
    answer.writeHead(403, { date: '' });
    answer.end(
      '<Error><Code>RequestTimeTooSkewed</Code><ServerTime>+275760-09-13T00:00:00Z</ServerTime></Error>',
    );
  });
  await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
  const { port } = hostile.address() as { port: number };
  const store = s3Store({
    bucket: 'state',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: server.credentials,
  });
  for (let i = 0; i < 2; i++) await expect(store.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const now = new Date().toISOString().slice(0, 4);
  expect(dates).toEqual(Array(2).fill(expect.stringMatching(new RegExp(`^${now}`))));
  await store.close();
  hostile.close();
});

test('a region that nobody tells is INVALID, with the variable to set', async () => {
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) vi.stubEnv(name, '');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
  for (const client of ['lean', 'sdk'] as const) {
    const store = s3Store({ bucket: 'state', credentials: server.credentials, client });
    await expect(store.put('a', new Uint8Array())).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('AWS_REGION'),
    });
  }
});

test('lean is refused where the SDK alone knows how, and the default is the SDK there', () => {
  const lean = (options: object) => () => s3Store({ bucket: 'state', client: 'lean', ...options });
  expect(lean({})).not.toThrow();
  expect(lean({ bucket: 'state--use1-az4--x-s3' })).toThrow(/client must be sdk here.*S3 Express/);
  expect(lean({ bucket: 'arn:aws:s3:us-west-2:1:accesspoint:a' })).toThrow('ARN');
  expect(lean({ region: 'us-isob-east-1' })).toThrow('names of its own');
  vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
  expect(lean({})).toThrow('AWS_USE_FIPS_ENDPOINT');
  expect(lean({ endpoint: server.url })).not.toThrow();
  expect(() => s3Store({ bucket: 'state' })).not.toThrow();
  expect(() => s3Store({ bucket: 'state', client: 'curl' as never })).toThrow(/^client must be lean, sdk/);
});

test('a line break at their end is said before anything is sent', async () => {
  for (const name of ['accessKeyId', 'secretAccessKey', 'sessionToken'])
    expect(() => credentialsSource({ ...keys('key'), [name]: 'value\n' }, never)).toThrow(
      expect.objectContaining({ code: 'DENIED', message: expect.stringContaining(name) }),
    );
  const late = credentialsSource(async () => keys('late\n'), never);
  await expect(late.current()).rejects.toMatchObject({ code: 'DENIED' });
});
