import { conformance } from '@holdfast/object-store/conformance';
import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { minioStore } from './minio-store.js';
import { parseMinioUrl } from './minio-url.js';

let server: S3DevServer;
let opened = 0;

beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterAll(() => server.close());
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(['lean', 'sdk'] as const)('the conformance suite through %s, on the dev server', (client) => {
  const cases = conformance(
    async () => {
      const { url, credentials } = server;
      const prefix = `db${++opened}`;
      const store = minioStore({ endpoint: url, bucket: 'state', prefix, credentials, client });
      return { store, cleanup: () => store.close() };
    },
    { racers: 20, rounds: 2, listedKeys: 50 },
  );
  for (const { name, run } of cases) test(name, run);
});

describe('credentials from the environment', () => {
  const { accessKeyId, secretAccessKey } = { accessKeyId: 'holdfast', secretAccessKey: 'holdfast-secret' };

  function clear(): void {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
      vi.stubEnv(name, '');
    for (const name of ['MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD']) vi.stubEnv(name, '');
  }

  test('MINIO_ROOT_USER and MINIO_ROOT_PASSWORD serve where AWS_* is not set', async () => {
    clear();
    vi.stubEnv('MINIO_ROOT_USER', accessKeyId);
    vi.stubEnv('MINIO_ROOT_PASSWORD', secretAccessKey);
    const store = minioStore({ host: '127.0.0.1', port: server.port, tls: false, bucket: 'state' });
    expect(await store.get('missing')).toBeUndefined();
    await store.close();
  });

  test('AWS_* comes first, and half a set is none', async () => {
    clear();
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
    vi.stubEnv('MINIO_ROOT_USER', 'someone else');
    const store = minioStore({ endpoint: server.url, bucket: 'state' });
    expect(await store.get('missing')).toBeUndefined();
    await store.close();
  });

  test('none at all is DENIED and names the variables', async () => {
    clear();
    const store = minioStore({ endpoint: server.url, bucket: 'state' });
    await expect(store.get('missing')).rejects.toMatchObject({
      code: 'DENIED',
      message: expect.stringMatching(/AWS_ACCESS_KEY_ID.*MINIO_ROOT_USER/),
    });
    await store.close();
  });
});

test('a MinIO URL gives the options of minioStore', () => {
  expect(parseMinioUrl('minio://localhost:9900/state/a/b?tls=0&client=sdk')).toEqual({
    client: 'sdk',
    host: 'localhost',
    port: 9900,
    bucket: 'state',
    prefix: 'a/b',
    tls: false,
  });
  expect(minioStore(parseMinioUrl('minio://[::1]/state')).identity).toBe('https://[::1]:9000/state/');
  expect(() => parseMinioUrl('minio://localhost:9000')).toThrow('bucket is missing');
  expect(() => parseMinioUrl('minio://me:secret@localhost/state')).toThrow('environment');
  expect(() => parseMinioUrl('minio://localhost/state?ssl=0')).toThrow('unknown parameter ssl');
  expect(() => parseMinioUrl('minio://localhost/state?tls=maybe')).toThrow('tls must be 1 or 0');
});

test('options that contradict each other are TypeErrors', () => {
  expect(() => minioStore({ bucket: 'state' })).toThrow('needs endpoint');
  expect(() => minioStore({ bucket: 'state', endpoint: 'http://localhost:9000', tls: false })).toThrow(
    'not both',
  );
  expect(() => minioStore({ bucket: 'state', host: 'localhost', port: 0 })).toThrow('port must be');
});

test.each(['minio://host/tenants/db/../../payroll/db', 'minio://host/../b', 'minio://host/b/%2e%2e/c'])(
  '%s leads out of its prefix and is refused',
  (url) => {
    expect(() => parseMinioUrl(url)).toThrow('must not have a part . or ..');
  },
);
