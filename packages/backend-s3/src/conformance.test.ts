import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe } from '@holdfast/object-store';
import { conformance } from '@holdfast/object-store/conformance';
import { providers, type Quirks, type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { S3StoreOptions } from './options.js';
import { clients } from './test/clients-fixture.js';

let server: S3DevServer;
let opened = 0;

beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterAll(() => server.close());

describe.each(clients)('the conformance suite through $name, on the dev server', (client) => {
  const cases = conformance(
    async () => {
      const { url, credentials } = server;
      const store = client.open({ endpoint: url, bucket: 'state', prefix: `db${++opened}`, credentials });
      return { store, cleanup: () => store.close() };
    },
    // More than a page, where that could differ.
    { racers: 20, rounds: 2, listedKeys: /^(lean|sdk)$/.test(client.name) ? 1_005 : 50 },
  );
  for (const { name, run } of cases) test(name, run);
});

/** Where a store's requests differ from those to Amazon's. */
const dialects: [string, Partial<Quirks>, Partial<S3StoreOptions>][] = [
  ['Ceph 16', providers.ceph16, { ifMatchQuoting: 'unquoted' }],
  ['OSS', providers.oss, { createOnlyHeader: 'x-oss-forbid-overwrite', bulkDelete: false }],
  ['COS', providers.cos, { createOnlyHeader: 'x-cos-forbid-overwrite' }],
  ['lists without order', { unorderedList: true }, { orderedList: false }],
  ['no DeleteObjects', { bulkDelete: 'refuse501' }, {}],
];

describe.each(dialects)('the conformance suite on an imitation of %s', (_, quirks, options) => {
  let imitation: S3DevServer;
  beforeAll(async () => {
    imitation = await startS3DevServer({ buckets: ['state'], quirks });
  });
  afterAll(() => imitation.close());

  // How requests are carried makes no difference here.
  for (const client of clients.filter(({ name }) => name === 'lean' || name === 'sdk')) {
    const cases = conformance(
      async () => {
        const { url: endpoint, credentials } = imitation;
        const prefix = `db${++opened}`;
        const store = client.open({ bucket: 'state', prefix, endpoint, credentials, ...options });
        return { store, cleanup: () => store.close() };
      },
      { racers: 8, rounds: 2, listedKeys: 50 },
    );
    for (const { name, run } of cases) test(`through ${client.name}: ${name}`, run);
  }
});

describe.each(clients)('the probe through $name', (client) => {
  async function verdict(
    quirks: Partial<Quirks>,
    ifMatchQuoting: 'quoted' | 'unquoted' = 'quoted',
  ): Promise<boolean> {
    await using imitation = await startS3DevServer({ buckets: ['state'], quirks });
    const { url, credentials } = imitation;
    const store = client.open({ endpoint: url, bucket: 'state', credentials, ifMatchQuoting });
    try {
      return (await probe(store)).safe;
    } finally {
      await store.close();
    }
  }

  test.each<[string, boolean, Partial<Quirks>, 'quoted' | 'unquoted']>([
    ['plain S3', true, {}, 'quoted'],
    ['Ceph 16 with unquoted ETags', true, providers.ceph16, 'unquoted'],
    ['Ceph 16 with quoted ETags', false, providers.ceph16, 'quoted'],
    ['MinIO before 2025-09, which makes what If-Match misses', false, providers.minioBefore202509, 'quoted'],
    ['Garage, which ignores conditions', false, providers.garage, 'quoted'],
    ['B2, which refuses conditions', false, providers.backblaze, 'quoted'],
  ])('of %s says %s', async (_, safe, quirks, quoting) => {
    expect(await verdict(quirks, quoting)).toBe(safe);
  });

  test('of s3rver, which takes conditions and ignores them, says no', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-s3rver-'));
    const { default: S3rver } = (await import('s3rver' as string)) as {
      default: new (options: object) => { run(): Promise<{ port: number }>; close(): Promise<void> };
    };
    const rival = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory,
      configureBuckets: [{ name: 'state' }],
    });
    const { port } = await rival.run();
    // The only account that s3rver knows.
    const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
    const store = client.open({ endpoint: `http://127.0.0.1:${port}`, bucket: 'state', credentials });
    try {
      const { safe, checks } = await probe(store);
      expect(safe).toBe(false);
      expect(checks.find(({ ok }) => !ok)).toMatchObject({ expected: 'occupied', found: 'created' });
    } finally {
      await store.close();
      await rival.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
