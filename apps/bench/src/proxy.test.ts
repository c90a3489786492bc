import { createHash } from 'node:crypto';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { LinkSchedule, type RunningProxy, startProxy } from './proxy.js';

describe('the schedule of a link', () => {
  test('the delay comes once, and each byte takes its time', () => {
    const schedule = new LinkSchedule({ delayMs: 30, bytesPerSecond: 1_000_000 });
    expect(schedule.dueMs(100, 500)).toBe(130.5);
  });

  test('what enters while the link is busy waits for what is before it, and is not delayed twice', () => {
    const schedule = new LinkSchedule({ delayMs: 30, bytesPerSecond: 1_000_000 });
    expect(schedule.dueMs(0, 10_000)).toBe(40);
    expect(schedule.dueMs(0, 10_000)).toBe(50);
    expect(schedule.dueMs(5, 10_000)).toBe(60);
  });

  test('an idle link owes nothing for the time it was idle', () => {
    const schedule = new LinkSchedule({ delayMs: 30, bytesPerSecond: 1_000_000 });
    schedule.dueMs(0, 1000);
    expect(schedule.dueMs(1_000, 1_000)).toBe(1_031);
  });

  test('a link that carries nothing, or from the future, is refused', () => {
    expect(() => new LinkSchedule({ delayMs: 30, bytesPerSecond: 0 })).toThrow(RangeError);
    expect(() => new LinkSchedule({ delayMs: -1, bytesPerSecond: 1 })).toThrow(RangeError);
  });
});

describe('a proxy in front of a server', () => {
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** Answers with the digest of what it was sent, and as many bytes as the path says. */
  async function startServer(): Promise<{ port: number; connections: () => number }> {
    let connections = 0;
    const server: Server = createServer(async (asked, answer) => {
      const hash = createHash('sha256');
      for await (const chunk of asked) hash.update(chunk as Buffer);
      answer.setHeader('digest', hash.digest('hex'));
      answer.end(Buffer.alloc(Number(asked.url!.slice(1)), 'x'));
    });
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    return { port: (server.address() as AddressInfo).port, connections: () => connections };
  }

  async function portOfNobody(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  async function startBoth(delayMs: number, bytesPerSecond: number) {
    const server = await startServer();
    const proxy: RunningProxy = await startProxy(server.port, { delayMs, bytesPerSecond });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closing.push(
      () => proxy.close(),
      () => agent.destroy(),
    );
    const exchange = (body: Buffer, answerBytes: number): Promise<{ digest: string; bytes: number }> =>
      new Promise((resolve, reject) => {
        const options = {
          port: proxy.port,
          host: '127.0.0.1',
          agent,
          method: 'PUT',
          path: `/${answerBytes}`,
        };
        const sending = request(options, async (answer: IncomingMessage) => {
          let bytes = 0;
          for await (const chunk of answer) bytes += (chunk as Buffer).length;
          resolve({ digest: String(answer.headers.digest), bytes });
        });
        sending.on('error', reject);
        sending.end(body);
      });
    return { exchange, connections: server.connections };
  }

  const empty = Buffer.alloc(0);

  test('each request on a connection that persists is delayed', async () => {
    const { exchange, connections } = await startBoth(20, 1e9);
    const startedMs = performance.now();
    for (let i = 0; i < 5; i++) await exchange(empty, 1);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(5 * 20);
    expect(connections()).toBe(1);
  });

  test('a large request takes its time, and arrives whole', async () => {
    const { exchange } = await startBoth(0, 10e6);
    const body = createHash('shake256', { outputLength: 1_000_000 }).update('body').digest();
    const startedMs = performance.now();
    const { digest } = await exchange(body, 1);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(100);
    expect(digest).toBe(createHash('sha256').update(body).digest('hex'));
  });

  test('so does a large answer', async () => {
    const { exchange } = await startBoth(0, 10e6);
    const startedMs = performance.now();
    expect((await exchange(empty, 1_000_000)).bytes).toBe(1_000_000);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(100);
  });

  test('more than the proxy holds at once passes through it', async () => {
    const { exchange } = await startBoth(1, 500e6);
    const body = Buffer.alloc(20_000_000, 7);
    expect((await exchange(body, 20_000_000)).bytes).toBe(20_000_000);
  });

  test('a server that is not there is a broken connection, not a wait', async () => {
    const proxy = await startProxy(await portOfNobody(), { delayMs: 1, bytesPerSecond: 1e6 });
    closing.push(() => proxy.close());
    const client = connect(proxy.port, '127.0.0.1');
    client.on('error', () => {});
    const broken = await new Promise((resolve) => client.on('close', resolve));
    expect(broken).toBe(true);
  });
});
