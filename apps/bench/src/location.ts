/**
 * Where to measure: the store a user names, or the MinIO of `npm run servers`, started if it is not up.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ObjectStore } from '@holdfast/object-store';
import { type LocationOptions, resolveLocation } from 'holdfast';

export interface Target {
  /** As a user would write it. */
  readonly url: string;
  readonly credentials?: LocationOptions['credentials'];
  /** What this program started, and must stop. */
  stop(): Promise<void>;
}

/** A mistake of whoever called: its message is all they need. */
export class UsageError extends Error {}

const serversTool = fileURLToPath(new URL('../../../tools/servers/servers.mjs', import.meta.url));
const run = promisify(execFile);

/** The MinIO of this repository's tool. */
export async function localMinio(progress: (text: string) => void): Promise<Target> {
  let server = await minioStatus();
  const started = server === undefined;
  if (started) {
    progress('starting MinIO (the first time it is built: 3 minutes)');
    await run(process.execPath, [serversTool, 'up', 'minio']);
    server = await minioStatus();
  }
  if (server === undefined)
    throw new UsageError(
      'MinIO did not start: see npm run servers -- status, or name a store with --location.',
    );
  const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
  const { host } = new URL(endpoint);
  return {
    url: `minio://${host}/${bucket}/bench?tls=0`,
    credentials: { accessKeyId, secretAccessKey },
    stop: async () => {
      if (started) await run(process.execPath, [serversTool, 'down', 'minio']);
    },
  };
}

interface MinioStatus {
  readonly up: boolean;
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

async function minioStatus(): Promise<MinioStatus | undefined> {
  // The tool's exit code is 1 when nothing is up; what it prints is the answer all the same.
  const { stdout } = await run(process.execPath, [serversTool, 'status', '--json']).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  );
  if (stdout === '') return undefined;
  const { minio } = (JSON.parse(stdout) as { servers: { minio?: MinioStatus } }).servers;
  return minio?.up ? minio : undefined;
}

/** The port of 127.0.0.1 that a proxy can stand before. Undefined: the store is no plain HTTP server here. */
export function localPort(url: string): number | undefined {
  const endpoint = endpointOf(url);
  if (endpoint === undefined || !['127.0.0.1', 'localhost'].includes(endpoint.hostname)) return undefined;
  return Number(endpoint.port || 80);
}

/** The same place behind another port of 127.0.0.1. */
export function behindPort(url: string, port: number): string {
  const moved = new URL(url);
  if (moved.protocol === 'minio:') moved.host = `127.0.0.1:${port}`;
  else moved.searchParams.set('endpoint', `http://127.0.0.1:${port}`);
  return moved.href;
}

function endpointOf(url: string): URL | undefined {
  const location = new URL(url);
  if (location.protocol === 'minio:')
    return location.searchParams.get('tls') === '0' ? new URL(`http://${location.host}`) : undefined;
  const endpoint = location.searchParams.get('endpoint');
  return endpoint?.startsWith('http://') ? new URL(endpoint) : undefined;
}

/** @throws UsageError for a URL that is no location. */
export async function storeAt(
  url: string,
  { credentials }: Pick<Target, 'credentials'>,
): Promise<ObjectStore> {
  try {
    return await resolveLocation(url, { credentials });
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

/** What the server calls itself, where it is an HTTP server on this machine. */
export async function serverName(url: string): Promise<string> {
  const port = localPort(url);
  if (port === undefined) return new URL(url).protocol.slice(0, -1);
  const answer = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' });
  await answer.body?.cancel();
  return answer.headers.get('server') ?? 'unnamed';
}
