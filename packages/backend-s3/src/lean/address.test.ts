import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { addressOf, pathOf } from './address.js';

const buckets = ['state', 'a.b.c', 'UPPER', 'under_score', 'ab', '1.2.3.4', 'x'.repeat(63), '-x-'];
const endpoints = [
  undefined,
  'http://127.0.0.1:9000',
  'http://[::1]:9000',
  'https://s3.oss-cn-hangzhou.aliyuncs.com',
  'http://localhost:9000/base',
  'https://cos.ap-guangzhou.myqcloud.com:8443/',
];

/** Where the SDK would send a read, without sending it. */
async function theirs(
  bucket: string,
  endpoint: string | undefined,
  region: string,
  forcePathStyle: boolean,
  key: string,
): Promise<string> {
  let where = '';
  const client = new S3Client({
    region,
    forcePathStyle,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: {
      async handle({ protocol, hostname, port, path }: Record<string, string>) {
        where = `${protocol}//${hostname}${port ? `:${port}` : ''}${path}`;
        throw new Error('not sent');
      },
    } as never,
  });
  await client.send(new GetObjectCommand({ Bucket: bucket, Key: key })).catch(() => undefined);
  client.destroy();
  return where;
}

describe.each([
  ['us-east-1', true],
  ['us-east-1', false],
  ['cn-north-1', false],
])('in %s, path style %s', (region, forcePathStyle) => {
  test.each(buckets)("bucket %s is where the SDK's requests for it go", async (bucket) => {
    for (const endpoint of endpoints) {
      for (const key of ['log/1', 'a b+c%20/é(1)', 'x//y']) {
        const address = addressOf({ bucket, endpoint, forcePathStyle }, region);
        const their = await theirs(bucket, endpoint, region, forcePathStyle, key);
        expect(address.origin + pathOf(address, key), `${endpoint} ${key}`).toBe(their);
        expect(address.origin).toMatch(new RegExp(`^https?://${address.host.replace(/[.[\]]/g, '\\$&')}$`));
      }
    }
  });
});

test('path style is the default where an endpoint is given, and only there', () => {
  expect(addressOf({ bucket: 'state', endpoint: 'http://localhost:9000' }, 'us-east-1')).toEqual({
    origin: 'http://localhost:9000',
    host: 'localhost:9000',
    path: '/state',
  });
  expect(addressOf({ bucket: 'state' }, 'eu-west-1')).toEqual({
    origin: 'https://state.s3.eu-west-1.amazonaws.com',
    host: 'state.s3.eu-west-1.amazonaws.com',
    path: '',
  });
});
