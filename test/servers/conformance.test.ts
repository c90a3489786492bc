import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { minioStore } from '@holdfast/backend-minio';
import { s3Store } from '@holdfast/backend-s3';
import { type ObjectStore, probe } from '@holdfast/object-store';
import { conformance } from '@holdfast/object-store/conformance';
import { describe, expect, test } from 'vitest';
import { connectionOf, empty, freshPrefix, type Server, type ServerName, wantedServers } from './server.js';

const credentialsOf = ({ accessKeyId, secretAccessKey }: Server) => ({ accessKeyId, secretAccessKey });

type Client = 'lean' | 'sdk';

interface Adapter {
  readonly server: ServerName;
  readonly adapter: string;
  open(server: Server, client: Client): ObjectStore;
}

/** Every way of ours to talk to a server that people may have. */
const adapters: readonly Adapter[] = [
  {
    server: 'minio',
    adapter: '@holdfast/backend-minio',
    open: (server, client) =>
      minioStore({ ...place(server), client, endpoint: server.endpoint, credentials: credentialsOf(server) }),
  },
  {
    server: 'minio',
    adapter: '@holdfast/backend-s3',
    open: (server, client) =>
      s3Store({ ...place(server), client, endpoint: server.endpoint, credentials: credentialsOf(server) }),
  },
  {
    server: 'ceph',
    adapter: '@holdfast/backend-s3',
    open: (server, client) =>
      s3Store({
        ...place(server),
        client,
        endpoint: server.endpoint,
        credentials: credentialsOf(server),
        // Ceph 16.2 compares the quotes too.
        ifMatchQuoting: 'unquoted',
      }),
  },
];

function place({ bucket, region }: Server): { bucket: string; region: string; prefix: string } {
  return { bucket, region, prefix: freshPrefix() };
}

const legs = adapters
  .filter((each) => wantedServers.includes(each.server))
  .flatMap((each) => (['lean', 'sdk'] as const).map((client) => ({ ...each, client })));

for (const { server, adapter, open, client } of legs) {
  describe(`${server} through ${adapter}, ${client}`, () => {
    const openFresh = async (): Promise<{ store: ObjectStore; cleanup: () => Promise<void> }> => {
      const store = open(connectionOf(server), client);
      return { store, cleanup: () => empty(store) };
    };

    for (const { name, run } of conformance(openFresh)) test(name, run, 120_000);

    test('passes the probe', async () => {
      const { store, cleanup } = await openFresh();
      try {
        const report = await probe(store, { racers: 50 });
        expect(report.checks.filter((check) => !check.ok)).toEqual([]);
        expect(report.safe).toBe(true);
      } finally {
        await cleanup();
      }
    }, 60_000);
  });
}

describe('s3rver, which accepts conditions and ignores them', () => {
  test('is refused by the probe, for creates that overwrite', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-s3rver-'));
    const server = await startS3rver(directory);
    try {
      const store = s3Store({
        bucket: 'holdfast',
        endpoint: server.endpoint,
        credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
      });
      const report = await probe(store);
      await store.close();
      expect(report.safe).toBe(false);
      expect(report.checks.filter((check) => !check.ok).map((check) => check.name)).toContain(
        'a second create of that key',
      );
    } finally {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** It has no types of its own; this is what we use of it. */
interface S3rver {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
}

async function startS3rver(directory: string): Promise<{ endpoint: string; close(): Promise<void> }> {
  const { default: S3rver } = (await import('s3rver' as string)) as {
    default: new (options: object) => S3rver;
  };
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: 'holdfast' }],
  });
  const { port } = await server.run();
  return { endpoint: `http://127.0.0.1:${port}`, close: () => server.close() };
}
