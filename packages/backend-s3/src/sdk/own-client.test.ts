import { Agent } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Store } from '../s3-store.js';

let server: S3DevServer;
beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterAll(() => server.close());

test('a client that would repeat puts is refused', async () => {
  const { credentials, region, url } = server;
  const client = new S3Client({ credentials, region, endpoint: url, forcePathStyle: true });
  const store = s3Store({ bucket: 'state', client });
  await expect(store.put('a', new Uint8Array())).rejects.toMatchObject({
    code: 'INVALID',
    message: expect.stringContaining('maxAttempts: 1'),
  });
  client.destroy();
});

test("a client of one's own sends the requests, where it sends them, and is not closed", async () => {
  // The name state.localhost is in no resolver that every machine has.
  const httpAgent = new Agent({
    lookup: (_host, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
  });
  const { credentials, region, port } = server;
  const client = new S3Client({
    credentials,
    region,
    endpoint: `http://localhost:${port}`,
    maxAttempts: 1,
    requestHandler: { httpAgent },
  });
  for (const key of ['a', 'b']) {
    const store = s3Store({ bucket: 'state', prefix: 'db', client });
    await store.put(key, Uint8Array.of(1), { ifAbsent: true });
    await store.close();
  }
  expect(server.requests.map(({ headers }) => headers.host)).toEqual(
    Array(2).fill(`state.localhost:${port}`),
  );
  expect(server.bucket('state').keys()).toEqual(['db/a', 'db/b']);
  client.destroy();
});
