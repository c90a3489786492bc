// Where the real servers are: told by the environment (`npm run servers -- env`), else asked of the tool.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ObjectStore } from '@holdfast/object-store';

export type ServerName = 'minio' | 'ceph';

export interface Server {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The servers that this run is about: `HOLDFAST_TEST_SERVERS=minio,ceph`; `1` is all of them. */
export const wantedServers: readonly ServerName[] = (['minio', 'ceph'] as const).filter((name) => {
  const wanted = process.env.HOLDFAST_TEST_SERVERS ?? '1';
  return wanted === '1' || wanted.split(',').includes(name);
});

let status: { servers: Partial<Record<ServerName, Server & { up: boolean }>> } | undefined;

/** @throws when the server is not up: a wanted server that is missing is a failure, not a reason to skip. */
export function connectionOf(name: ServerName): Server {
  const variable = (field: string): string | undefined =>
    process.env[`HOLDFAST_${name.toUpperCase()}_${field}`];
  const endpoint = variable('ENDPOINT');
  if (endpoint) {
    return {
      endpoint,
      region: variable('REGION') ?? 'us-east-1',
      bucket: variable('BUCKET') ?? 'holdfast',
      accessKeyId: variable('ACCESS_KEY_ID') ?? '',
      secretAccessKey: variable('SECRET_ACCESS_KEY') ?? '',
    };
  }
  status ??= askTool();
  const server = status.servers[name];
  if (!server?.up) throw new Error(`${name} is not up. Start it: npm run servers -- up ${name}`);
  return server;
}

function askTool(): NonNullable<typeof status> {
  const tool = fileURLToPath(new URL('../../tools/servers/servers.mjs', import.meta.url));
  try {
    return JSON.parse(execFileSync(process.execPath, [tool, 'status', '--json'], { encoding: 'utf8' }));
  } catch (error) {
    // Exit code 1: none is up. It has said so in JSON all the same.
    const { stdout } = error as { stdout?: string };
    if (stdout) return JSON.parse(stdout);
    throw error;
  }
}

/** Whether `npm run servers` has started it here, and may restart it. */
export function startedByTool(name: ServerName): boolean {
  return process.env[`HOLDFAST_${name.toUpperCase()}_ENDPOINT`] === undefined;
}

/** A prefix that nothing else uses. */
export function freshPrefix(): string {
  return `test/${randomUUID()}`;
}

/** Deletes what a test has left, and lets go of the connection. */
export async function empty(store: ObjectStore): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  if (keys.length > 0) await store.delete(keys);
  await store.close?.();
}
