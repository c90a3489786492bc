/**
 * The error table: what a failure of the SDK or of a lean request, the network or the server means to the caller of a store.
 * Everything here is a pure function of the error. The table is in the README.
 *
 * Invariant: a put or delete that may have been sent and was not clearly refused is UNKNOWN_OUTCOME.
 */
import { StoreError, type StoreErrorCode } from '@holdfast/object-store';
import { RefusedError } from './refused-error.js';

export type CallKind = 'get' | 'put' | 'delete' | 'list';

export function changes(kind: CallKind): boolean {
  return kind === 'put' || kind === 'delete';
}

/** What can be told from any error, whoever threw it. */
export interface Failure {
  /** HTTP status; undefined if no answer arrived. */
  readonly status: number | undefined;
  /** S3's code, or the system's (ECONNRESET), or the error's name. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  /** The region that the server says the bucket is in. */
  readonly region: string | undefined;
  /** It came as a page for people, so from somebody before the store. */
  readonly isPage: boolean;
}

interface ErrorParts {
  name?: string;
  message?: string;
  code?: unknown;
  Code?: unknown;
  syscall?: unknown;
  Region?: unknown;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number; headers?: Record<string, string> };
}

const page = /^\s*text\/html/i;

export function readFailure(error: unknown): Failure {
  if (error instanceof RefusedError) {
    const { status, code, message, region, retryAfter, contentType } = error;
    const isPage = page.test(contentType ?? '');
    return { status, code, message, region, retryAfterMs: parseRetryAfter(retryAfter), isPage };
  }
  const parts = (typeof error === 'object' && error !== null ? error : {}) as ErrorParts;
  const headers = parts.$response?.headers ?? {};
  const status = parts.$metadata?.httpStatusCode ?? parts.$response?.statusCode;
  const systemCode = typeof parts.code === 'string' ? parts.code : undefined;
  const region = typeof parts.Region === 'string' ? parts.Region : headers['x-amz-bucket-region'];
  return {
    status,
    code: typeof parts.Code === 'string' ? parts.Code : (systemCode ?? parts.name ?? 'Error'),
    message: parts.message || String(error),
    retryAfterMs: parseRetryAfter(headers['retry-after']),
    region,
    isPage: page.test(headers['content-type'] ?? ''),
  };
}

/** An hour: longer than anybody waits, and what is asked for by a maintenance page, or a date in 2099, is no more. */
export const retryAfterMsMax: number = 3_600_000;

/** RFC 9110 section 10.2.3: seconds, or a date. */
function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.min(retryAfterMsMax, Math.max(0, milliseconds));
}

/** The connection was never made, so nothing was sent. */
const notConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
]);

const denied = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
]);

/** The request can't be written as it is: credentials or a name with a character that no header takes. Nothing was sent. */
const notWritten = new Set(['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS']);

/** TLS refused the server before anything was sent: waiting does not help. */
const untrusted = /^(CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** What the SDK says, of one that is empty too. */
const noRegion = /region is missing|region not accepted/i;

/** @returns what the failure of a call of this kind is to the caller. */
export function storeErrorCode(kind: CallKind, { status, code, message, isPage }: Failure): StoreErrorCode {
  const notAnswered: StoreErrorCode = changes(kind) ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
  if (denied.has(code)) return 'DENIED';
  if (!changes(kind) && lacksXmlReader(code, message)) return 'INVALID';
  if (status === undefined) {
    if (notConnected.has(code)) return 'UNAVAILABLE';
    if (notWritten.has(code)) return 'INVALID';
    if (untrusted.test(code) || noRegion.test(message)) return 'INVALID';
    return notAnswered;
  }
  if (status === 401) return 'DENIED';
  // Both clients set their clocks by this answer: the next try is signed for the right time.
  if (code === 'RequestTimeTooSkewed') return 'UNAVAILABLE';
  if (status === 403) return 'DENIED';
  if (status === 429) return 'UNAVAILABLE';
  if (status === 501) return 'INVALID';
  // Somebody before the store, who is not the store: it may be back.
  if (status === 404 && isPage) return notAnswered;
  // 409 is "a conflicting operation is under way", which may have been our own.
  if (status === 408 || status === 409 || code === 'RequestTimeout' || status >= 500 || status < 300)
    return notAnswered;
  return 'INVALID';
}

/** In bundles for browsers the SDK reads answers with what pages have, and workers don't. */
function lacksXmlReader(code: string, message: string): boolean {
  return code === 'ReferenceError' && /^(DOMParser|Node)\b/.test(message);
}

/** @param what e.g. `PutObject of s3://bucket/key`. */
export function toStoreError(
  kind: CallKind,
  what: string,
  error: unknown,
  credentialsHint: string,
): StoreError {
  if (error instanceof StoreError) return error;
  const failure = readFailure(error);
  const code = storeErrorCode(kind, failure);
  const found = failure.status === undefined ? failure.code : `${failure.status} ${failure.code}`;
  const said = shorten(failure.message, 300).replace(/\.+$/, '');
  const message = `${shorten(what, 200)} failed: ${found}: ${said}. ${advice(code, failure, credentialsHint)}`;
  return new StoreError(code, message, { cause: error, retryAfterMs: failure.retryAfterMs });
}

/** Keys and a server's words can be of any length; the ends are what tells them apart. */
function shorten(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax / 2)}…${text.slice(-lengthMax / 2)}`;
}

function advice(code: StoreErrorCode, failure: Failure, credentialsHint: string): string {
  switch (code) {
    case 'DENIED':
      return failure.code === 'AccessDenied'
        ? `These credentials may not do this (needed: s3:GetObject, PutObject, DeleteObject, ListBucket), or there are none: ${credentialsHint}.`
        : `Credentials are missing, wrong or expired: ${credentialsHint}.`;
    case 'INVALID':
      if (failure.region !== undefined)
        return `The bucket is in region ${failure.region}: give that as the region.`;
      if (failure.code === 'NoSuchBucket') return 'Create the bucket first, or correct its name.';
      if (noRegion.test(failure.message)) return 'Give a region, or set AWS_REGION.';
      if (lacksXmlReader(failure.code, failure.message))
        return 'The AWS SDK in a bundle for browsers needs the globals DOMParser and Node, which workers lack: set both before the database is opened (from @xmldom/xmldom, for one), or bundle for Node.';
      if (failure.status === 301) return 'The bucket is in another region: give that as the region.';
      if (failure.status === 501) return 'The store does not implement this.';
      return 'The store refuses this call for good.';
    case 'TOO_LARGE':
      return 'The store sends more than there can be: check that it is the right endpoint and bucket.';
    case 'UNKNOWN_OUTCOME':
      return 'Whether it took effect is not known: read it back.';
    case 'UNAVAILABLE':
      return failure.code === 'RequestTimeTooSkewed'
        ? 'Check the clock of this machine.'
        : 'Try again later.';
  }
}
