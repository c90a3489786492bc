import { StoreError } from '@holdfast/object-store';
import { conformance } from '@holdfast/object-store/conformance';
import { providers, type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OssStore, ossStore } from './oss-store.js';
import { parseOssUrl } from './oss-url.js';

let server: S3DevServer;
let opened = 0;

beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'], region: 'cn-hangzhou', quirks: providers.oss });
});
afterAll(() => server.close());
beforeEach(() => {
  server.setQuirks({ versioning: 'none' });
  server.requests.length = 0;
});

function open(client?: 'lean' | 'sdk'): OssStore {
  const { url, region, credentials } = server;
  return ossStore({ bucket: 'state', prefix: `db${++opened}`, region, endpoint: url, credentials, client });
}

describe.each(['lean', 'sdk'] as const)(
  'the conformance suite through %s, on the imitation of OSS',
  (client) => {
    const cases = conformance(
      async () => {
        const store = open(client);
        return { store, cleanup: () => store.close() };
      },
      { racers: 20, rounds: 2, listedKeys: 50 },
    );
    for (const { name, run } of cases) test(name, run);
  },
);

test('a create carries the signed header of OSS and never If-None-Match', async () => {
  const store = open();
  await store.put('a', new Uint8Array([1]), { ifAbsent: true });
  expect(await store.put('a', new Uint8Array([2]), { ifAbsent: true })).toEqual({ occupied: true });
  expect(server.requests.map(({ operation }) => operation)).toEqual([
    'GetBucketVersioning',
    'PutObject',
    'PutObject',
  ]);
  const { headers } = server.requests[1]!;
  expect(headers['x-oss-forbid-overwrite']).toBe('true');
  expect(headers.authorization).toMatch(/SignedHeaders=[^,]*x-oss-forbid-overwrite/);
  expect(headers['if-none-match']).toBeUndefined();
  expect(headers['x-amz-trailer']).toBeUndefined();
});

test.each(['enabled', 'suspended'] as const)(
  'a bucket whose versioning is %s is refused',
  async (versioning) => {
    server.setQuirks({ versioning });
    const store = open();
    const creating = store.put('a', new Uint8Array([1]), { ifAbsent: true });
    await expect(creating).rejects.toThrow(StoreError);
    await expect(creating).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(`${versioning}. OSS then ignores`),
    });
    expect(server.requests.filter(({ operation }) => operation === 'PutObject')).toEqual([]);
  },
);

test('a check of the versioning that got no answer is made again', async () => {
  const store = open();
  server.faults.next('GetBucketVersioning', 'reset-before');
  const creating = store.put('a', new Uint8Array([1]), { ifAbsent: true });
  await expect(creating).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await store.put('a', new Uint8Array([1]), { ifAbsent: true })).toHaveProperty('etag');
});

test('an OSS URL gives the options of ossStore', () => {
  expect(parseOssUrl('oss://state/a/b?region=cn-beijing&internal=1&client=sdk')).toEqual({
    client: 'sdk',
    bucket: 'state',
    prefix: 'a/b',
    region: 'cn-beijing',
    internal: true,
  });
  expect(ossStore(parseOssUrl('oss://state/a?region=cn-beijing&internal=1')).identity).toBe(
    'https://s3.oss-cn-beijing-internal.aliyuncs.com/state/a/',
  );
  expect(() => parseOssUrl('oss://state/a')).toThrow('region is missing');
  expect(() => parseOssUrl('oss://id:secret@state/a?region=x')).toThrow('environment');
  expect(() => parseOssUrl('oss://state/a?region=x&key=y')).toThrow('unknown parameter key');
});

test.each(['oss://b/a/../c?region=cn-hangzhou', 'oss://b/%2e%2e?region=cn-hangzhou'])(
  '%s leads out of its prefix and is refused',
  (url) => {
    expect(() => parseOssUrl(url)).toThrow('must not have a part . or ..');
  },
);
