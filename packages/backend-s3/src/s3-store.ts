/**
 * An object store in a bucket of Amazon S3 or of a server that speaks its protocol.
 *
 * Invariants:
 * - a put is one PutObject, sent once (see requests.ts); its condition is decided by the server;
 * - a failed call is judged by the table in failure.ts and by nothing else.
 */
import {
  type CallOptions,
  type Capabilities,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutOptions,
  type PutResult,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';
import { connect, sdkReason } from './connect.js';
import { startDeadline } from './deadline.js';
import { deleteObjects } from './delete-objects.js';
import { environmentVariable } from './environment.js';
import { changes, readFailure, toStoreError } from './failure.js';
import { expectBucket, expectKey, readPrefix } from './keys.js';
import { listObjects } from './list-objects.js';
import type { S3StoreOptions } from './options.js';
import { etagOf, readObject } from './read-object.js';
import type { S3Requests } from './requests.js';
import type { Send } from './send.js';

/** A store in `options.bucket`. Nothing is sent before the first call. Throws TypeError for bad options. */
export function s3Store(options: S3StoreOptions): S3Store {
  return new S3Store(options);
}

export class S3Store implements ObjectStore {
  readonly capabilities: Capabilities;
  readonly identity: string | undefined;
  readonly #options: S3StoreOptions;
  readonly #prefix: string;
  readonly #requestTimeoutMs: number;
  readonly #credentialsHint: string;
  readonly #connect: (options: S3StoreOptions) => Promise<S3Requests>;
  #requests: Promise<S3Requests> | undefined;
  #bulkDelete: boolean;

  /** @param connector makes what sends the requests; for tests. */
  constructor(
    options: S3StoreOptions,
    connector: (options: S3StoreOptions) => Promise<S3Requests> = connect,
  ) {
    expectBucket(options.bucket);
    expectClient(options);
    const prefix = readPrefix(options.prefix ?? '');
    const { requestTimeoutMs = 30_000 } = options;
    if (!(requestTimeoutMs > 0)) {
      throw new TypeError(
        `requestTimeoutMs must be a number of milliseconds above 0, not ${requestTimeoutMs}`,
      );
    }
    // The SDK would read these too, but the identity must say where the bytes are.
    const stated =
      options.endpoint ??
      (typeof options.client === 'object'
        ? undefined
        : (environmentVariable('AWS_ENDPOINT_URL_S3') ?? environmentVariable('AWS_ENDPOINT_URL')));
    const endpoint = stated === undefined ? undefined : checkEndpoint(stated);
    this.#options = { ...options, endpoint: stated };
    this.#prefix = prefix;
    this.#connect = connector;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#credentialsHint =
      options.credentialsHint ??
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary ones), or pass credentials';
    this.#bulkDelete = options.bulkDelete ?? true;
    this.capabilities = {
      putIfAbsent: true,
      putIfMatch: options.createOnlyHeader === undefined,
      orderedList: options.orderedList ?? !options.bucket.endsWith('--x-s3'),
    };
    // A client of the caller's may go anywhere, so only a stated endpoint names its place.
    if (endpoint !== undefined || typeof options.client !== 'object') {
      this.identity = `${endpoint ?? 's3:/'}/${options.bucket}/${prefix}`;
    }
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    expectKey(key);
    return readObject(this.#send, this.#prefix, key, options);
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const { ifAbsent, ifMatch, signal: callerSignal } = options;
    expectKey(key);
    if (ifAbsent && ifMatch !== undefined) {
      throw new StoreError('INVALID', 'A put takes ifAbsent or ifMatch, not both.');
    }
    if (ifMatch !== undefined && !this.capabilities.putIfMatch) {
      throw new StoreError('INVALID', 'This store has no If-Match (capabilities.putIfMatch is false).');
    }
    // Bytes are known by their class: those of another realm are seen through one of ours.
    const ours = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const condition: Record<string, string> = {};
    const { createOnlyHeader } = this.#options;
    if (ifAbsent && createOnlyHeader === undefined) condition['if-none-match'] = '*';
    if (ifAbsent && createOnlyHeader !== undefined) condition[createOnlyHeader] = 'true';
    if (ifMatch !== undefined) condition['if-match'] = this.#writtenEtag(ifMatch);
    return this.#send<PutResult>('put', 'PutObject', key, callerSignal, async (requests, signal) => {
      try {
        const etag = await requests.putObject(this.#prefix + key, ours, condition, signal);
        return { etag: etagOf(etag, 'UNKNOWN_OUTCOME', key) };
      } catch (error) {
        const { status, code } = readFailure(error);
        const conditional = ifAbsent || ifMatch !== undefined;
        if (conditional && status === 412) return { occupied: true };
        if (ifAbsent && code === 'FileAlreadyExists') return { occupied: true };
        if (ifMatch !== undefined && status === 404 && code !== 'NoSuchBucket') return { occupied: true };
        throw error;
      }
    });
  }

  #writtenEtag(etag: string): string {
    const bare = etag.replace(/^"|"$/g, '');
    return this.#options.ifMatchQuoting === 'unquoted' ? bare : `"${bare}"`;
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    for (const key of keys) expectKey(key);
    this.#bulkDelete = await deleteObjects(this.#send, this.#prefix, keys, this.#bulkDelete, options.signal);
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    return listObjects(this.#send, this.#prefix, prefix, this.capabilities.orderedList, options);
  }

  /** Whether the bucket keeps old versions, now or since an earlier time; some conditions fail if so. */
  async bucketVersioning(options: CallOptions = {}): Promise<'none' | 'enabled' | 'suspended'> {
    return this.#send('get', 'GetBucketVersioning', '', options.signal, async (requests, signal) => {
      const status = await requests.bucketVersioning(signal);
      return status === undefined ? 'none' : status === 'Enabled' ? 'enabled' : 'suspended';
    });
  }

  async close(): Promise<void> {
    // What could not be made has nothing to close.
    const requests = await this.#requests?.catch(() => undefined);
    await requests?.close();
  }

  /** See `Send`. */
  readonly #send: Send = async (kind, operation, key, callerSignal, request) => {
    callerSignal?.throwIfAborted();
    const what = `${operation} of s3://${this.#options.bucket}/${this.#prefix}${key}`;
    this.#requests ??= this.#connect(this.#options);
    const requests = await this.#requests.catch((error: unknown) => {
      this.#requests = undefined;
      throw toStoreError('get', what, error, this.#credentialsHint);
    });
    callerSignal?.throwIfAborted();
    const deadline = startDeadline(this.#requestTimeoutMs, callerSignal);
    try {
      return await deadline.race(request(requests, deadline.signal));
    } catch (error) {
      // Of an abandoned change nobody knows whether it took effect: that is more than an abort.
      if (callerSignal?.aborted && !changes(kind)) throw callerSignal.reason;
      const cause = deadline.signal.aborted ? timeoutOrAbort(deadline.signal, deadline.expired) : error;
      throw toStoreError(kind, what, cause, this.#credentialsHint);
    } finally {
      deadline.end();
    }
  };
}

function timeoutOrAbort(signal: AbortSignal, expired: boolean): Error {
  const message = expired ? (signal.reason as Error).message : 'the caller gave it up';
  const error = new Error(message, { cause: signal.reason });
  error.name = expired ? 'TimeoutError' : 'AbortError';
  return error;
}

function expectClient(options: S3StoreOptions): void {
  const { client } = options;
  if (client !== undefined && client !== 'lean' && client !== 'sdk' && typeof client !== 'object')
    throw new TypeError(`client must be lean, sdk or an S3Client, not ${String(client)}`);
  const reason = client === 'lean' ? sdkReason(options) : undefined;
  if (reason !== undefined) throw new TypeError(`client must be sdk here, not lean: ${reason}`);
}

/** @returns the endpoint's origin and path, without a slash at its end. */
function checkEndpoint(endpoint: string): string {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw new TypeError(`endpoint must be a URL like https://host:port, not ${JSON.stringify(endpoint)}`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new TypeError(`endpoint must begin with https:// or http://, not ${url.protocol}//`);
  }
  if (url.username || url.password) {
    throw new TypeError(
      'endpoint must not hold credentials: put them into the environment or options.credentials',
    );
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}
