import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { S3StoreOptions } from '../options.js';
import { type S3Store, s3Store } from '../s3-store.js';
import { certificate } from '../test/certificate-fixture.js';
import type { Http } from './http.js';
import { openNodeHttp } from './node-http.js';

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0).reverse()) await close();
});

interface Watched {
  readonly url: string;
  readonly sockets: Socket[];
  /** `METHOD nth-of-its-connection`, in order of arrival. */
  readonly arrived: string[];
}

type Answer = (request: IncomingMessage, answer: ServerResponse, nth: number) => void;

/** A server that answers `200` to everything, unless told otherwise. */
async function listen(answer: Answer = ok, tls = false): Promise<Watched> {
  const sockets: Socket[] = [];
  const arrived: string[] = [];
  const counts = new WeakMap<Socket, number>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const nth = (counts.get(request.socket) ?? 0) + 1;
    counts.set(request.socket, nth);
    arrived.push(`${request.method} ${nth}`);
    request.resume().on('end', () => answer(request, response, nth));
  };
  const server: Server = tls ? createTlsServer(certificate, listener) : createServer(listener);
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => sockets.push(socket));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, sockets, arrived };
}

function ok(_: IncomingMessage, answer: ServerResponse): void {
  answer.writeHead(200, { etag: '"1"', 'content-length': '3' });
  answer.end(answer.req.method === 'HEAD' ? undefined : 'abc');
}

/** Answers the first request of each connection, and cuts it at the next one. */
const cutsKept: Answer = (request, answer, nth) =>
  nth > 1 ? void request.socket.destroy() : ok(request, answer);

function open(endpoint: string, options: Partial<S3StoreOptions> = {}): S3Store {
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  const store = s3Store({ bucket: 'b', endpoint, credentials, client: 'lean', ...options });
  closing.push(() => store.close());
  return store;
}

const bytes = Uint8Array.of(1, 2, 3);

describe('a kept connection that its server has closed', () => {
  test('is replaced at once for a read', async () => {
    const { url, arrived } = await listen(cutsKept);
    const store = open(url);
    for (let i = 0; i < 3; i++) expect((await store.get('a'))?.size).toBe(3);
    await store.get('a', { range: { offset: 0, length: 0 } });
    expect(arrived).toEqual(['GET 1', 'GET 2', 'GET 1', 'GET 2', 'GET 1', 'HEAD 2', 'HEAD 1']);
  });

  test('makes a put UNKNOWN_OUTCOME: it is never sent a second time', async () => {
    const { url, arrived } = await listen(cutsKept);
    const store = open(url);
    await store.get('a');
    await expect(store.put('a', bytes, { ifAbsent: true })).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
    await store.get('a');
    await expect(store.put('a', bytes, { ifMatch: '"1"' })).rejects.toMatchObject({
      code: 'UNKNOWN_OUTCOME',
    });
    await store.get('a');
    await expect(store.delete(['a'])).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    expect(arrived).toEqual(['GET 1', 'PUT 2', 'GET 1', 'PUT 2', 'GET 1', 'DELETE 2']);
  });

  test('is told from a new one that is cut, which is UNAVAILABLE: the wrapper that retries waits first', async () => {
    const { url, arrived } = await listen((request) => request.socket.destroy());
    await expect(open(url).get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(arrived).toEqual(['GET 1']);
  });

  test('is noticed while nothing is asked, and not used again', async () => {
    const { url, sockets, arrived } = await listen();
    const store = open(url);
    await store.get('a');
    const ended = new Promise((resolve) => sockets[0]!.on('close', resolve));
    sockets[0]!.end();
    await ended;
    expect(await store.put('a', bytes, { ifAbsent: true })).toEqual({ etag: '"1"' });
    expect(arrived).toEqual(['GET 1', 'PUT 1']);
  });
});

describe('connections', () => {
  async function openHttp(url: string, limits?: Parameters<typeof openNodeHttp>[1]): Promise<Http> {
    const http = await openNodeHttp({ origin: url, socketsMax: 128 }, limits);
    closing.push(() => http.close());
    return http;
  }

  async function getAll(http: Http, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const { body } = await http.send(
        { method: 'GET', path: '/', headers: {} },
        new AbortController().signal,
      );
      for await (const _ of body as AsyncIterable<unknown>);
    }
  }

  test('are kept from request to request', async () => {
    const { url, sockets } = await listen();
    await getAll(await openHttp(url), 5);
    expect(sockets).toHaveLength(1);
  });

  test('are replaced when they are old, so that a name that moved is looked up again', async () => {
    const { url, arrived } = await listen();
    await getAll(await openHttp(url, { ageMsMax: 0, idleMsMax: 60_000 }), 5);
    expect(arrived).toEqual(['GET 1', 'GET 2', 'GET 1', 'GET 2', 'GET 1']);
  });

  test('are closed when nothing has been asked for a while', async () => {
    const { url, sockets } = await listen();
    await getAll(await openHttp(url, { ageMsMax: 60_000, idleMsMax: 20 }), 1);
    await vi.waitFor(() => expect(sockets[0]!.destroyed).toBe(true), { timeout: 10_000 });
  });

  test('that are overdue when a process wakes are not used, before any timer has told so', async () => {
    const { url, arrived } = await listen();
    const http = await openHttp(url, { ageMsMax: 60_000, idleMsMax: 20 });
    await getAll(http, 2);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    await http.send({ method: 'PUT', path: '/', headers: {}, body: bytes }, new AbortController().signal);
    expect(arrived).toEqual(['GET 1', 'GET 2', 'PUT 1']);
  });

  test('that wait for an answer are not idle', async () => {
    const { url } = await listen((request, answer) => setTimeout(() => ok(request, answer), 200));
    await getAll(await openHttp(url, { ageMsMax: 60_000, idleMsMax: 20 }), 2);
  });

  test('do not keep the process alive when they idle', async () => {
    const { url, sockets } = await listen();
    await getAll(await openHttp(url), 1);
    for (const socket of sockets) socket.unref();
    await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain('TCPSocketWrap'));
    expect(sockets[0]!.destroyed).toBe(false);
  });

  test.each(['lean', 'sdk'] as const)('of a closed store are closed (%s)', async (client) => {
    const { url, sockets } = await listen();
    const store = open(url, { client });
    await store.get('a');
    await store.close();
    await vi.waitFor(() => expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]));
  });

  test.each(['lean', 'sdk'] as const)('are maxSockets at most: others wait (%s)', async (client) => {
    const { url, sockets, arrived } = await listen();
    const store = open(url, { client, maxSockets: 2 });
    await Promise.all(Array.from({ length: 20 }, () => store.get('a')));
    expect(arrived).toHaveLength(20);
    expect(sockets).toHaveLength(2);
  });
});

describe.each(['lean', 'sdk'] as const)('what the environment says, through %s', (client) => {
  test('of proxies is not heeded', async () => {
    const { url, arrived } = await listen();
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'])
      vi.stubEnv(name, 'http://127.0.0.1:1');
    expect((await open(url, { client }).get('a'))?.size).toBe(3);
    expect(arrived).toEqual(['GET 1']);
  });

  test('of trust in certificates is heeded', async () => {
    const { url, sockets } = await listen(ok, true);
    const wary = open(url, { client });
    for (const call of [wary.get('a'), wary.put('a', bytes)])
      await expect(call).rejects.toMatchObject({
        code: 'INVALID',
        message: expect.stringContaining('SELF_SIGNED'),
      });
    // Node warns of it, which is right.
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const careless = open(url, { client });
    for (let i = 0; i < 3; i++) expect((await careless.get('a'))?.size).toBe(3);
    warning.mockRestore();
    expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(1);
  });
});

test('an address of version 6 is reached', async () => {
  const server = createServer((request, answer) => ok(request, answer));
  const listening = await new Promise<boolean>((resolve) => {
    server.on('error', () => resolve(false));
    server.listen(0, '::1', () => resolve(true));
  });
  // Some containers have none.
  if (!listening) return;
  closing.push(() => void server.close());
  const store = open(`http://[::1]:${(server.address() as AddressInfo).port}`);
  expect((await store.get('a'))?.size).toBe(3);
});
