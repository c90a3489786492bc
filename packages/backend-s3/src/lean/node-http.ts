/**
 * HTTP through Node's own client: the same agent that the AWS SDK uses, so TLS settings (NODE_EXTRA_CA_CERTS and the
 * like), names and proxies (none are read from the environment) behave as the SDK's.
 *
 * Invariants:
 * - A request that changes something is sent once, whatever becomes of its connection.
 * - A connection serves for a bounded time, so that a name that moves is looked up again.
 * - What idles does not keep the process alive.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Http, HttpAnswer, HttpOptions, HttpRequest } from './http.js';

/** Five minutes: rarely enough to cost nothing, often enough to follow a name that moves. */
export const connectionAgeMsMax: number = 5 * 60_000;

/** Balancers forget connections that idle for a minute or more, and do not say so. */
export const connectionIdleMsMax: number = 30_000;

/** A kept connection that was closed is met once or twice in a row, when all were closed at once. */
const repeatsMax = 2;

/** Bodies that are copied to be sent in one piece with their headers. */
const smallBytesMax = 16 * 1024;

interface Limits {
  readonly ageMsMax: number;
  readonly idleMsMax: number;
}

/** @param limits of connections; for tests. */
export async function openNodeHttp(
  { origin, socketsMax }: HttpOptions,
  limits: Limits = { ageMsMax: connectionAgeMsMax, idleMsMax: connectionIdleMsMax },
): Promise<Http> {
  const url = new URL(origin);
  const node = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  // A server may ask for less time than that, by a header; the agent heeds it.
  const options = { keepAlive: true, maxSockets: socketsMax, timeout: limits.idleMsMax };
  const agent = new node.Agent(options);
  const kept = new Kept(agent, limits.ageMsMax);
  const fixed = {
    agent,
    protocol: url.protocol,
    // An IPv6 address is written in brackets in a URL, and nowhere else.
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    ...(url.port === '' ? {} : { port: url.port }),
  };

  function sendOnce(
    { method, path, headers, body }: HttpRequest,
    signal: AbortSignal,
  ): { request: ClientRequest; answer: Promise<HttpAnswer> } {
    const request = node.request({
      ...fixed,
      method,
      path,
      // Written as they are, which is cheaper than Node's object of headers, and they were signed as they are.
      headers: linesOf(headers, url.host, body),
    });
    const answer = new Promise<HttpAnswer>((resolve, reject) => {
      request.once('response', (response) => resolve(answerOf(response)));
      // Not once: a connection that breaks after the answer's head tells its body, and must not end the process.
      request.on('error', reject);
      signal.addEventListener('abort', () => request.destroy(signal.reason as Error), { once: true });
    });
    // One write with the headers: apart they cost half as much again.
    if (body !== undefined && body.byteLength <= smallBytesMax) request.end(textOf(body), 'latin1');
    else request.end(body);
    return { request, answer };
  }

  return {
    async send(outgoing, signal) {
      for (let repeats = 0; ; repeats++) {
        signal.throwIfAborted();
        kept.closeOverdue();
        const { request, answer } = sendOnce(outgoing, signal);
        try {
          return await answer;
        } catch (error) {
          const mayRepeat = outgoing.method === 'GET' || outgoing.method === 'HEAD';
          // Nobody but its server knows that a kept connection is closed until something is sent over it.
          if (!mayRepeat || !request.reusedSocket || !isReset(error) || repeats >= repeatsMax) throw error;
        }
      }
    },
    close: () => agent.destroy(),
  };
}

/** Which connections of an agent are kept, and for how long. */
class Kept {
  readonly #agent: Agent;
  readonly #firstMs = new WeakMap<object, number>();
  readonly #lastMs = new WeakMap<object, number>();

  constructor(agent: Agent, ageMsMax: number) {
    this.#agent = agent;
    const keepSocketAlive = agent.keepSocketAlive.bind(agent) as (socket: object) => unknown;
    // https://nodejs.org/api/http.html#agentkeepsocketalivesocket: what answers `false` is closed.
    Object.assign(agent, {
      keepSocketAlive: (socket: object) => {
        const now = performance.now();
        const first = this.#firstMs.get(socket);
        if (first === undefined) this.#firstMs.set(socket, now);
        this.#lastMs.set(socket, now);
        return (first === undefined || now - first < ageMsMax) && keepSocketAlive(socket);
      },
    });
  }

  /**
   * Timers do this, but not before a process that slept, or was stopped, sends its next request: over a connection
   * that the server has closed long ago.
   */
  closeOverdue(): void {
    const now = performance.now();
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      // The one that has waited longest comes first.
      for (const socket of sockets ?? []) {
        if (now - (this.#lastMs.get(socket) ?? now) < (socket.timeout || Number.POSITIVE_INFINITY)) break;
        socket.destroy();
      }
    }
  }
}

function answerOf(response: IncomingMessage): HttpAnswer {
  return {
    status: response.statusCode ?? 0,
    header(name) {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: response,
  };
}

function linesOf(headers: HttpRequest['headers'], host: string, body: Uint8Array | undefined): string[] {
  const lines = ['user-agent', 'holdfast'];
  if (headers.host === undefined) lines.push('host', host);
  for (const name in headers) lines.push(name, headers[name]!);
  if (body !== undefined) lines.push('content-length', String(body.byteLength));
  return lines;
}

/** A character for each byte. */
function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

function isReset(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ECONNRESET' || code === 'EPIPE';
}
