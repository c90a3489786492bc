/**
 * Verifies AWS Signature Version 4 in the Authorization header.
 * Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
 *
 * Invariants:
 * - `host` and every x-amz-* / x-oss-* / x-cos-* header that is present must be signed, so nothing that
 *   changes what a request does escapes the signature;
 * - the canonical request is built from what arrived (raw path and headers), never from parsed values.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { S3Error } from './s3-error.js';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The parts of a request that a signature covers. */
export interface SignedParts {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly rawPath: string;
  readonly rawQuery: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What the signatures of a chunked body go on from. */
export interface SigningContext {
  readonly signingKey: Uint8Array;
  /** `YYYYMMDD/region/s3/aws4_request`. */
  readonly scope: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly timestamp: string;
  /** Hex; the seed of the first chunk's signature. */
  readonly signature: string;
}

export const clockSkewMaxMs: number = 15 * 60_000;

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmacHex(key: Uint8Array, data: string): string {
  return createHmac('sha256', key).update(data).digest('hex');
}

export function sameText(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

/** RFC 3986 encoding as AWS does it: everything but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

export function canonicalRequest(
  parts: SignedParts,
  signedHeaders: readonly string[],
  payloadHash: string,
): string {
  const path = parts.rawPath
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
  const query = parts.rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return [encode(decode(name.replaceAll('+', ' '))), encode(decode(value.replaceAll('+', ' ')))] as const;
    })
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = signedHeaders.map(
    (name) => `${name}:${(parts.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  return [parts.method, path, query, headers.join(''), signedHeaders.join(';'), payloadHash].join('\n');
}

export function signingKeyOf(secretAccessKey: string, date: string, region: string): Uint8Array {
  const hmac = (key: string | Uint8Array, data: string) => createHmac('sha256', key).update(data).digest();
  return hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, date), region), 's3'), 'aws4_request');
}

/** @returns milliseconds since the epoch, or undefined if this is no `YYYYMMDDTHHMMSSZ`. */
function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function malformed(message: string, details: Record<string, string> = {}): S3Error {
  return new S3Error(400, 'AuthorizationHeaderMalformed', message, details);
}

interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

function parseAuthorization(header: string): Authorization {
  if (!header.startsWith('AWS4-HMAC-SHA256 ')) {
    throw new S3Error(
      400,
      'InvalidRequest',
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    );
  }
  const fields = new Map(
    header
      .slice('AWS4-HMAC-SHA256 '.length)
      .split(',')
      .map((field) => field.trim().split(/=(.*)/s) as [string, string]),
  );
  const scope = (fields.get('Credential') ?? '').split('/');
  const signature = fields.get('Signature');
  const signedHeaders = fields.get('SignedHeaders')?.split(';');
  if (scope.length < 5 || !signature || !signedHeaders) {
    throw malformed(
      'The authorization header is malformed: Credential, SignedHeaders or Signature is missing.',
    );
  }
  const [date, region, service, terminator] = scope.slice(-4) as [string, string, string, string];
  if (service !== 's3' || terminator !== 'aws4_request') {
    throw malformed(`The authorization header is malformed; incorrect service or terminator: ${service}.`);
  }
  return { accessKeyId: scope.slice(0, -4).join('/'), date, region, signedHeaders, signature };
}

/** @throws S3Error, with S3's own code, unless the request is signed by `credentials` for `region`. */
export function verifySignature(
  parts: SignedParts,
  credentials: Credentials,
  region: string,
  nowMs: number,
): SigningContext {
  const header = parts.headers.authorization;
  if (header === undefined)
    throw new S3Error(403, 'AccessDenied', 'Access Denied: the request is anonymous.');
  const given = parseAuthorization(header);
  if (given.region !== region) {
    throw malformed(
      `The authorization header is malformed; the region '${given.region}' is wrong; expecting '${region}'`,
      { Region: region },
    );
  }
  if (given.accessKeyId !== credentials.accessKeyId) {
    throw new S3Error(
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      { AWSAccessKeyId: given.accessKeyId },
    );
  }
  if (parts.headers['x-amz-security-token'] !== undefined) {
    throw new S3Error(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  }
  const timestamp = parts.headers['x-amz-date'] ?? '';
  const signedAtMs = parseTimestamp(timestamp);
  if (signedAtMs === undefined) {
    throw new S3Error(403, 'AccessDenied', 'AWS authentication requires a valid x-amz-date header');
  }
  if (Math.abs(nowMs - signedAtMs) > clockSkewMaxMs) {
    throw new S3Error(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { RequestTime: timestamp, ServerTime: new Date(nowMs).toISOString() },
    );
  }
  if (given.date !== timestamp.slice(0, 8)) {
    throw malformed(`The authorization header is malformed; "${given.date}" is not the day of x-amz-date.`);
  }
  const unsigned = Object.keys(parts.headers).filter(
    (name) => (name === 'host' || /^x-(amz|oss|cos)-/.test(name)) && !given.signedHeaders.includes(name),
  );
  if (unsigned.length > 0) {
    throw new S3Error(
      403,
      'AccessDenied',
      'There were headers present in the request which were not signed',
      { HeadersNotSigned: unsigned.join(', ') },
    );
  }
  const payloadHash = parts.headers['x-amz-content-sha256'];
  if (payloadHash === undefined) {
    throw new S3Error(
      400,
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
    );
  }
  const scope = `${given.date}/${region}/s3/aws4_request`;
  const canonical = canonicalRequest(parts, given.signedHeaders, payloadHash);
  const stringToSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256Hex(canonical)}`;
  const signingKey = signingKeyOf(credentials.secretAccessKey, given.date, region);
  if (!sameText(hmacHex(signingKey, stringToSign), given.signature)) {
    throw new S3Error(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {
        AWSAccessKeyId: given.accessKeyId,
        StringToSign: stringToSign,
        SignatureProvided: given.signature,
        CanonicalRequest: canonical,
      },
    );
  }
  return { signingKey, scope, timestamp, signature: given.signature };
}
