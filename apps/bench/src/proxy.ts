/**
 * A slow network in front of a server on this machine.
 *
 * Each connection is a link of its own: what goes either way arrives half of `delayMs` later, so an exchange of
 * request and answer takes `delayMs` longer, once for each time the client waits for the server (twice where it
 * asks with `Expect: 100-continue`). Both directions carry `bytesPerSecond`, one byte after another. Connections
 * persist. Making one is not delayed, and there is no TCP slow start: both sides of a comparison are spared them.
 *
 * Invariants: bytes come out as they went in; none arrives before its time; at most `BUFFER_BYTES_MAX` wait.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface LinkOptions {
  /** There and back together. */
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

export interface RunningProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Ends all connections. */
  close(): Promise<void>;
}

const BUFFER_BYTES_MAX = 8 * 1024 * 1024;

/** When bytes that enter one direction of a link come out of it. Times in milliseconds. */
export class LinkSchedule {
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  constructor({ delayMs, bytesPerSecond }: LinkOptions) {
    if (!(delayMs >= 0)) throw new RangeError(`delayMs: expected 0 or more, found ${delayMs}.`);
    if (!(bytesPerSecond > 0))
      throw new RangeError(`bytesPerSecond: expected more than 0, found ${bytesPerSecond}.`);
    this.#delayMs = delayMs;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** When the last of `bytes` bytes arrives that enter at `nowMs`: after all that entered before. */
  dueMs(nowMs: number, bytes: number): number {
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / this.#bytesPerMs;
    return this.#freeAtMs + this.#delayMs;
  }
}

/** Listens on a free port of 127.0.0.1 and relays to a server there. */
export async function startProxy(targetPort: number, link: LinkOptions): Promise<RunningProxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // An error closes the socket, and that the other one learns from `relay`.
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    const oneWay = { ...link, delayMs: link.delayMs / 2 };
    relay(client, upstream, new LinkSchedule(oneWay));
    relay(upstream, client, new LinkSchedule(oneWay));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Carries one direction. */
function relay(from: Socket, to: Socket, schedule: LinkSchedule): void {
  const waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  let waitingBytes = 0;
  let ended = false;
  let blocked = false;
  let timer: NodeJS.Timeout | undefined;

  const deliver = (): void => {
    timer = undefined;
    while (!blocked && waiting.length > 0 && waiting[0]!.dueMs <= performance.now()) {
      const { bytes } = waiting.shift()!;
      waitingBytes -= bytes.length;
      blocked = !to.write(bytes);
    }
    if (waitingBytes < BUFFER_BYTES_MAX) from.resume();
    if (waiting.length === 0 && ended) to.end();
    // Timers have whole milliseconds and may come early: never too soon, so round up.
    else if (waiting.length > 0 && !blocked)
      timer = setTimeout(deliver, Math.ceil(waiting[0]!.dueMs - performance.now()));
  };

  from.on('data', (bytes: Buffer) => {
    waiting.push({ bytes, dueMs: schedule.dueMs(performance.now(), bytes.length) });
    waitingBytes += bytes.length;
    if (waitingBytes >= BUFFER_BYTES_MAX) from.pause();
    if (timer === undefined && !blocked) deliver();
  });
  from.on('end', () => {
    ended = true;
    if (timer === undefined && !blocked) deliver();
  });
  to.on('drain', () => {
    blocked = false;
    if (timer === undefined) deliver();
  });
  to.on('close', () => {
    clearTimeout(timer);
    // A broken connection looks like one from the other side too, not like one that was ended.
    if (to.errored) from.resetAndDestroy();
    else from.destroy();
  });
}
