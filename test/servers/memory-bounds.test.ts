/**
 * Memory does not follow what the store holds or sends: not the length of the log, not the length of an answer. Each
 * is measured in a process of its own, as the most memory that it ever had.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@holdfast/mvcc';
import { type ListedObject, MemoryStore } from '@holdfast/object-store';
import { startS3DevServer } from '@holdfast/s3-dev-server';
import { expect, test } from 'vitest';

const PEAK_MIB_MAX = 200;
const RECORDS = 10_000;
/** So few that each is read for itself: who is further behind reads the newest alone. */
const AT_ONCE = 4;
const ENDLESS_BYTES = 10 * 1024 ** 3;

const rootKey = randomBytes(32);
const key = rootKey.toString('hex');

interface Measured {
  readonly peakMiB: number;
  readonly [what: string]: unknown;
}

/** Starts a script of test/memory. */
function start(script: string, argument: object): { child: ChildProcess; measured: Promise<Measured> } {
  const path = fileURLToPath(new URL(`../memory/${script}.mjs`, import.meta.url));
  const child = fork(path, [JSON.stringify(argument)], {
    serialization: 'advanced',
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let output = '';
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  const measured = new Promise<number | null>((resolve) => child.on('close', resolve)).then((code) => {
    expect(code, `${script} failed`).toBe(0);
    console.log(`${script}: ${output.trim()}`);
    return JSON.parse(output) as Measured;
  });
  return { child, measured };
}

test(`following ${RECORDS} small records takes less than ${PEAK_MIB_MAX} MiB`, async () => {
  const store = new MemoryStore('followed');
  const writer = await openDatabase(store, { key: rootKey, probe: 'skip', maintenance: 'manual' });
  const { child, measured } = start('follow', { key });
  const look = lookerOf(child, store);
  for (let n = 1; n <= RECORDS; n++) {
    await writer.set(['record', n], { n, pad: 'x'.repeat(20) });
    if (n % AT_ONCE === 0) expect(await look()).toBe(writer.version);
  }
  child.send('report');
  const { peakMiB, heldMiB, version, count } = await measured;
  expect({ version, count }).toEqual({ version: RECORDS + 1, count: RECORDS });
  // The tail's half a MiB, not the records that it came in.
  expect(heldMiB).toBeLessThan(16);
  expect(peakMiB).toBeLessThan(PEAK_MIB_MAX);
}, 300_000);

/** Answers the child's calls from `store`; gives what lets it look, and resolves to the version that it then knows. */
function lookerOf(child: ChildProcess, store: MemoryStore): () => Promise<number> {
  interface Asked {
    readonly call?: 'get' | 'list';
    readonly id: number;
    readonly args: readonly [string, object];
    readonly version?: number;
  }
  let seen: (version: number) => void = () => {};
  child.on('message', async ({ call, id, args, version }: Asked) => {
    if (version !== undefined) seen(version);
    else if (call === 'get') child.send({ id, answers: { value: await store.get(...args) } });
    else if (call === 'list') {
      const value: ListedObject[] = [];
      for await (const object of store.list(...args)) value.push(object);
      child.send({ id, answers: { value } });
    }
  });
  return () =>
    new Promise((resolve) => {
      seen = resolve;
      child.send('look');
    });
}

test(`endless answers over HTTP take less than ${PEAK_MIB_MAX} MiB, and are refused in words`, async () => {
  const honest = await startS3DevServer({ buckets: ['bucket'] });
  const { server, endpoint, turn, endless } = await startEndless(honest.url);
  try {
    const { child, measured } = start('endless', { key, endpoint, credentials: honest.credentials });
    child.on('message', (message: { turn: string }) => {
      turn(message.turn);
      child.send('turned');
    });
    const { peakMiB, unnamed, codes } = await measured;
    expect(unnamed).toEqual([]);
    expect(Object.keys(codes as object)).toHaveLength(14);
    expect(endless()).toBeGreaterThanOrEqual(14);
    expect(peakMiB).toBeLessThan(PEAK_MIB_MAX);
  } finally {
    server.closeAllConnections();
    server.close();
    await honest.close();
  }
}, 600_000);

/** In front of an honest server: what begins as it was told is answered with zeros, 10 GiB of them. */
async function startEndless(
  honest: string,
): Promise<{ server: Server; endpoint: string; turn(what: string): void; endless(): number }> {
  const { port } = new URL(honest);
  const zeros = Buffer.alloc(1024 * 1024);
  let told = '';
  let sent = 0;
  const isGiant = ({ method, url = '' }: IncomingMessage): boolean => {
    const [what, length] = told.split(' ');
    if (method !== 'GET' || what === '' || length === undefined) return false;
    return what === 'list' ? url.includes('list-type=2') : url.includes(`/db/${what}`);
  };
  const pour = (asked: IncomingMessage, response: ServerResponse): void => {
    sent++;
    const range = /bytes=(\d+)-(\d+)/.exec(asked.headers.range ?? '');
    response.writeHead(range ? 206 : 200, {
      etag: '"giant"',
      ...(told.endsWith(' announced') ? { 'content-length': ENDLESS_BYTES } : {}),
      ...(range ? { 'content-range': `bytes ${range[1]}-${range[2]}/${ENDLESS_BYTES}` } : {}),
    });
    let left = ENDLESS_BYTES;
    response.on('error', () => {});
    const pump = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= zeros.length;
        if (!response.write(zeros)) {
          response.once('drain', pump);
          return;
        }
      }
      response.end();
    };
    pump();
  };
  const server = createServer((asked, response) => {
    if (isGiant(asked)) {
      pour(asked, response);
      return;
    }
    const { method, url, headers } = asked;
    const onwards = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onwards.on('error', () => response.destroy());
    asked.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    turn: (what) => {
      told = what;
    },
    endless: () => sent,
  };
}

test(`sparse giants in a folder take less than ${PEAK_MIB_MAX} MiB, and are refused in words`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sparse-'));
  try {
    const { peakMiB, unnamed, codes } = await start('sparse', { key, folder }).measured;
    expect(unnamed).toEqual([]);
    expect(Object.keys(codes as object)).toHaveLength(18);
    expect(peakMiB).toBeLessThan(PEAK_MIB_MAX);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
