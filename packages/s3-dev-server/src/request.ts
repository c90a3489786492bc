/** A request as it arrived: which operation it asks for, of which bucket and key. */
import type { IncomingMessage } from 'node:http';
import { notImplemented, S3Error } from './s3-error.js';
import type { SignedParts } from './sigv4.js';

export type OperationName =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'GetBucketVersioning'
  | 'PutBucketVersioning'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject';

export interface S3Request extends SignedParts {
  readonly operation: OperationName;
  readonly query: URLSearchParams;
  /** Empty for ListBuckets. */
  readonly bucket: string;
  /** Empty for operations on buckets. */
  readonly key: string;
  /** Place among everything that arrived at or took effect in this server. */
  readonly arrival: number;
}

/** One line of the server's log. */
export interface LoggedRequest {
  readonly method: string;
  /** Undefined if the request could not even be read as an operation. */
  readonly operation: OperationName | undefined;
  readonly bucket: string;
  readonly key: string;
  /** As sent, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytesIn: number;
  /** Of the answer's body, as the connection took them. Only of one without end. */
  bytesOut?: number;
  /** Of the answer; undefined as long as there is none, and for good if the connection was cut. */
  status?: number;
}

/** Query parameters that carry arguments or nothing; any other one names a subresource we don't have. */
const plainParameters = new Set(['x-id']);
const listParameters = new Set([
  'list-type',
  'prefix',
  'start-after',
  'continuation-token',
  'max-keys',
  'encoding-type',
  'delimiter',
  'fetch-owner',
]);

/** Repeated headers are joined by commas, which is how they are signed. */
export function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    const name = incoming.rawHeaders[index]!.toLowerCase();
    const value = incoming.rawHeaders[index + 1]!;
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return headers;
}

/** @returns the bucket in the Host header, if the host is `bucket.<one of domains>`. */
function bucketInHost(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (name === '127.0.0.1' || name === '[::1]' || domains.includes(name)) return undefined;
  const domain = domains.find((candidate) => name.endsWith(`.${candidate}`));
  if (domain === undefined) {
    throw new S3Error(400, 'InvalidRequest', `This server answers on loopback names only, not as ${name}.`);
  }
  return name.slice(0, -domain.length - 1);
}

export function parseRequest(
  incoming: IncomingMessage,
  domains: readonly string[],
  arrival: number,
): S3Request {
  const method = incoming.method ?? '';
  const [rawPath = '/', rawQuery = ''] = (incoming.url ?? '/').split(/\?(.*)/s);
  const headers = headersOf(incoming);
  const query = new URLSearchParams(rawQuery);
  if (query.has('X-Amz-Signature')) throw notImplemented('presigned URLs');
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
  let bucket = bucketInHost(headers.host ?? '', domains);
  let key = path.slice(1);
  if (bucket === undefined) {
    const slash = key.indexOf('/');
    bucket = slash < 0 ? key : key.slice(0, slash);
    key = slash < 0 ? '' : key.slice(slash + 1);
  }
  if (Buffer.byteLength(key) > 1024) throw new S3Error(400, 'KeyTooLongError', 'Your key is too long.');
  const operation = operationOf(method, bucket, key, query);
  if (operation === 'PutObject' && headers['x-amz-copy-source'] !== undefined)
    throw notImplemented('CopyObject');
  return { method, rawPath, rawQuery, headers, query, bucket, key, arrival, operation };
}

function operationOf(method: string, bucket: string, key: string, query: URLSearchParams): OperationName {
  const parameters = [...query.keys()].filter((name) => !plainParameters.has(name));
  const only = (...names: string[]) =>
    parameters.length === names.length && names.every((name) => parameters.includes(name));
  if (bucket === '') {
    if (method === 'GET') return 'ListBuckets';
  } else if (key === '') {
    if (method === 'GET' && only('versioning')) return 'GetBucketVersioning';
    if (method === 'PUT' && only('versioning')) return 'PutBucketVersioning';
    if (method === 'POST' && only('delete')) return 'DeleteObjects';
    if (method === 'PUT' && only()) return 'CreateBucket';
    if (method === 'HEAD' && only()) return 'HeadBucket';
    if (
      method === 'GET' &&
      query.get('list-type') === '2' &&
      parameters.every((name) => listParameters.has(name))
    ) {
      return 'ListObjectsV2';
    }
  } else if (only()) {
    if (method === 'PUT') return 'PutObject';
    if (method === 'GET') return 'GetObject';
    if (method === 'HEAD') return 'HeadObject';
    if (method === 'DELETE') return 'DeleteObject';
  }
  throw notImplemented(`${method} of a ${key ? 'key' : 'bucket'} with parameters [${parameters.join(', ')}]`);
}

/** Larger than anything that tests store, small enough for a server that keeps all of it in memory. */
export const bodyBytesMax: number = 256 * 1024 * 1024;

export async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax) {
      throw new S3Error(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
