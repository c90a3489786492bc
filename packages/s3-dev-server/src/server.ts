/**
 * An S3 server in this process's memory, for tests and for authors of adapters.
 *
 * Invariants:
 * - it listens on 127.0.0.1 and answers to loopback names and to `domain` only;
 * - an operation takes effect in one synchronous step, so conditions are atomic;
 * - a fault spoils an answer, or prevents an effect; it never makes half of one.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer, errorResponse } from './answer.js';
import { sendEndlessBody } from './endless-body.js';
import { type Fault, FaultSchedule } from './faults.js';
import type { S3Response } from './handler.js';
import { DevBucket } from './objects.js';
import { plainS3, type Quirks } from './quirks.js';
import { headersOf, type LoggedRequest, parseRequest, readBody, type S3Request } from './request.js';
import { S3Error } from './s3-error.js';
import type { Credentials } from './sigv4.js';

export interface S3DevServerOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default `holdfast`. */
  readonly accessKeyId?: string;
  /** Default `holdfast-secret`. */
  readonly secretAccessKey?: string;
  /** What requests must be signed for. Default `us-east-1`. */
  readonly region?: string;
  /** Made at the start. */
  readonly buckets?: readonly string[];
  readonly quirks?: Partial<Quirks>;
  /** Also answers `bucket.<domain>`, beside `bucket.localhost`. */
  readonly domain?: string;
  /** Milliseconds since the epoch; signatures are checked against it. Default `Date.now`. */
  readonly nowMs?: () => number;
}

export interface S3DevServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly region: string;
  readonly credentials: Credentials;
  /** All that arrived, oldest first; `requests.length = 0` forgets. */
  readonly requests: LoggedRequest[];
  /** How many connections have been made so far. */
  readonly connections: number;
  /** What goes wrong next. */
  readonly faults: FaultSchedule;
  /** Changes the given quirks and leaves the others as they are. */
  setQuirks(quirks: Partial<Quirks>): void;
  /** Direct access to a bucket's objects, past HTTP. Throws if there is none of this name. */
  bucket(name: string): DevBucket;
  /** Cuts all connections and frees the port. */
  close(): Promise<void>;
}

/** Starts a server; rejects if the port is taken. */
export async function startS3DevServer(options: S3DevServerOptions = {}): Promise<S3DevServer> {
  const server = new DevServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

class DevServer implements S3DevServer {
  readonly region: string;
  readonly credentials: Credentials;
  readonly requests: LoggedRequest[] = [];
  connections = 0;
  readonly faults = new FaultSchedule();
  readonly #server: Server;
  readonly #buckets = new Map<string, DevBucket>();
  readonly #domains: readonly string[];
  readonly #nowMs: () => number;
  #quirks: Quirks;
  #sequence = 0;
  #port = 0;

  constructor(options: S3DevServerOptions) {
    this.region = options.region ?? 'us-east-1';
    this.credentials = {
      accessKeyId: options.accessKeyId ?? 'holdfast',
      secretAccessKey: options.secretAccessKey ?? 'holdfast-secret',
    };
    this.#domains = ['localhost', ...(options.domain === undefined ? [] : [options.domain.toLowerCase()])];
    this.#nowMs = options.nowMs ?? Date.now;
    this.#quirks = { ...plainS3, ...options.quirks };
    for (const name of options.buckets ?? []) {
      this.#buckets.set(name, new DevBucket(name, this.#nowMs(), this.#quirks.versioning));
    }
    this.#server = createServer((incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
    this.#server.on('connection', () => this.connections++);
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Still told after the end, for tests of a server that is gone. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  setQuirks(quirks: Partial<Quirks>): void {
    this.#quirks = { ...this.#quirks, ...quirks };
    if (quirks.versioning !== undefined) {
      for (const bucket of this.#buckets.values()) bucket.versioning = quirks.versioning;
    }
  }

  bucket(name: string): DevBucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) throw new TypeError(`the dev server has no bucket ${name}: name it in the option buckets`);
    return bucket;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const arrival = ++this.#sequence;
    const requestId = arrival.toString(16).padStart(16, '0');
    let request: S3Request | undefined;
    let refusal: unknown;
    let body: Buffer = Buffer.alloc(0);
    try {
      request = parseRequest(incoming, this.#domains, arrival);
    } catch (error) {
      refusal = error;
    }
    try {
      body = await readBody(incoming);
    } catch (error) {
      if (!(error instanceof S3Error)) return; // The client went away: nobody to answer.
      refusal ??= error;
    }
    const logged: LoggedRequest = {
      method: incoming.method ?? '',
      operation: request?.operation,
      bucket: request?.bucket ?? '',
      key: request?.key ?? '',
      headers: headersOf(incoming),
      bytesIn: body.length,
    };
    this.requests.push(logged);

    const fault = this.#quirks.fault?.(logged) ?? this.faults.take(logged);
    const prevented =
      fault === 'reset-before' ||
      (typeof fault === 'object' && 'after' in fault && fault.after === 'nothing');
    await pause(this.#quirks.latencyMs, outgoing);
    let response: S3Response | undefined;
    if (!prevented) {
      try {
        if (!request || refusal) throw refusal;
        response = answer(
          {
            buckets: this.#buckets,
            quirks: this.#quirks,
            nowMs: this.#nowMs(),
            sequence: ++this.#sequence,
          },
          request,
          body,
          this.credentials,
          this.region,
        );
      } catch (error) {
        response = errorResponse(error, requestId, incoming.url ?? '/', this.#quirks.emptyErrorBodies);
      }
    }
    await this.#respond(outgoing, logged, response, fault, requestId);
  }

  async #respond(
    outgoing: ServerResponse,
    logged: LoggedRequest,
    answered: S3Response | undefined,
    fault: Fault | undefined,
    requestId: string,
  ): Promise<void> {
    let response = answered;
    if (fault === 'reset-before' || fault === 'reset-after-effect') {
      outgoing.socket?.resetAndDestroy();
      return;
    }
    if (typeof fault === 'object' && 'delayMs' in fault) {
      await pause(fault.delayMs, outgoing);
      if (!response) {
        outgoing.destroy();
        return;
      }
    }
    const endless = typeof fault === 'object' && 'endlessBody' in fault ? fault : undefined;
    if (typeof fault === 'object' && 'status' in fault && fault.status !== undefined) {
      const error = new S3Error(
        fault.status,
        ('code' in fault ? fault.code : undefined) ?? 'InternalError',
        'A fault that a test asked for.',
      );
      const spoilt = errorResponse(error, requestId, logged.key, this.#quirks.emptyErrorBodies);
      response = { ...spoilt, headers: { ...spoilt.headers, ...headersOfFault(fault) } };
    }
    const { status, headers = {}, body = '' } = response!;
    const bytes = Buffer.from(body as string);
    const length = endless ? endless.announced : bytes.length;
    logged.status = status;
    outgoing.writeHead(status, {
      ...headers,
      'x-amz-request-id': requestId,
      server: 'holdfast-s3-dev-server',
      ...(status === 204 || status === 304 || length === undefined
        ? {}
        : { 'content-length': String(length) }),
    });
    // Where HTTP has no body there is none to go on.
    if (endless && logged.method !== 'HEAD' && status !== 204 && status !== 304) {
      await sendEndlessBody(outgoing, logged, endless.dripMs ?? 0);
      return;
    }
    if (fault === 'slow-close') {
      // Of an answer without a body, the head itself is cut: half an answer, whatever it is.
      if (bytes.length > 0 && logged.method !== 'HEAD') {
        outgoing.write(bytes.subarray(0, bytes.length >> 1));
        await pause(20, outgoing);
      } else {
        outgoing.socket?.write('HTTP/1.1 200 OK\r\nETa');
        await pause(20, outgoing);
      }
      outgoing.socket?.destroy();
      return;
    }
    if (logged.method === 'HEAD') outgoing.end();
    else outgoing.end(bytes);
  }
}

function headersOfFault(fault: Fault & object): Record<string, string> {
  const headers: Record<string, string> = {};
  if ('retryAfterSeconds' in fault) headers['retry-after'] = String(fault.retryAfterSeconds);
  if ('location' in fault) headers.location = String(fault.location);
  return headers;
}

/** Waits, but not longer than the connection lives, and without keeping the process alive. */
async function pause(milliseconds: number, outgoing: ServerResponse): Promise<void> {
  if (milliseconds <= 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    timer.unref();
    outgoing.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
