import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe } from '@holdfast/object-store';
import { conformance } from '@holdfast/object-store/conformance';
import { providers, type Quirks, type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { s3Store } from './s3-store.js';

let server: S3DevServer;
let opened = 0;

beforeAll(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterAll(() => server.close());

describe('the conformance suite, on the dev server', () => {
  const cases = conformance(
    async () => {
      const { url, credentials } = server;
      const store = s3Store({ endpoint: url, bucket: 'state', prefix: `db${++opened}`, credentials });
      return { store, cleanup: () => store.close() };
    },
    { racers: 20, rounds: 2, listedKeys: 1_005 },
  );
  for (const { name, run } of cases) test(name, run);
});

describe('the probe', () => {
  async function verdict(
    quirks: Partial<Quirks>,
    ifMatchQuoting: 'quoted' | 'unquoted' = 'quoted',
  ): Promise<boolean> {
    await using imitation = await startS3DevServer({ buckets: ['state'], quirks });
    const { url, credentials } = imitation;
    const store = s3Store({ endpoint: url, bucket: 'state', credentials, ifMatchQuoting });
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
    const store = s3Store({ endpoint: `http://127.0.0.1:${port}`, bucket: 'state', credentials });
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
