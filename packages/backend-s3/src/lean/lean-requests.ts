/**
 * The requests, signed and sent by a few hundred lines: an order of magnitude less work than through the AWS SDK.
 *
 * Invariants, besides those of requests.ts:
 * - Bodies are sent whole, with a signed SHA-256, as the SDK does: a store that took other bytes than were sent would
 *   have to forge a signature.
 * - Redirects are not followed.
 */
import { StoreError } from '@holdfast/object-store';
import { answerBytesMax, answerTooLong } from '../bounds.js';
import type { S3Credentials } from '../options.js';
import type { RefusedError } from '../refused-error.js';
import type { ListPage, ListQuery, ObjectAnswer, ObjectHead, S3Requests, Undeleted } from '../requests.js';
import { takeBody } from '../take-body.js';
import { type Address, encodePart, pathOf } from './address.js';
import { readDeleteResult, readListPage, readVersioning } from './answers.js';
import type { CredentialsSource } from './credentials.js';
import type { Http, HttpAnswer, HttpRequest } from './http.js';
import { refusalOf } from './refusal.js';
import type { Signer } from './signer.js';
import { escapeText } from './xml.js';

export interface LeanParts {
  readonly http: Http;
  readonly signer: Signer;
  readonly credentials: CredentialsSource;
  readonly address: Address;
  readonly region: string;
}

type Headers = Readonly<Record<string, string>>;

const noBytesSha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** S3 refuses requests whose time is further off. */
const clockOffMsMax = 5 * 60_000;

const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'TokenRefreshRequired']);

export class LeanRequests implements S3Requests {
  readonly #parts: LeanParts;
  /** What the store's clock is ahead of ours, once it has refused a request for it. */
  #clockOffMs = 0;

  constructor(parts: LeanParts) {
    this.#parts = parts;
  }

  async getObject(key: string, range: string | undefined, signal: AbortSignal): Promise<ObjectAnswer> {
    const headers: Headers = range === undefined ? {} : { range };
    const answer = await this.#send({ method: 'GET', path: this.#pathOf(key), headers }, signal);
    return { ...headOf(answer), contentRange: answer.header('content-range'), body: answer.body };
  }

  async headObject(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const answer = await this.#send({ method: 'HEAD', path: this.#pathOf(key), headers: {} }, signal);
    await passOver(answer);
    return headOf(answer);
  }

  async putObject(
    key: string,
    bytes: Uint8Array,
    condition: Headers,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const headers = { ...condition, 'content-type': 'application/octet-stream' };
    const request = { method: 'PUT', path: this.#pathOf(key), headers, body: bytes } as const;
    const answer = await this.#send(request, signal);
    await passOver(answer);
    return answer.header('etag');
  }

  async deleteObject(key: string, signal: AbortSignal): Promise<void> {
    await passOver(await this.#send({ method: 'DELETE', path: this.#pathOf(key), headers: {} }, signal));
  }

  async deleteObjects(keys: readonly string[], signal: AbortSignal): Promise<readonly Undeleted[]> {
    const objects = keys.map((key) => `<Object><Key>${escapeText(key)}</Key></Object>`).join('');
    const text = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects}</Delete>`;
    const body = new TextEncoder().encode(text);
    const sha256 = await this.#parts.signer.sha256(body);
    // S3 wants a checksum here besides the signed one.
    const headers = {
      'content-type': 'application/xml',
      'x-amz-sdk-checksum-algorithm': 'SHA256',
      'x-amz-checksum-sha256': base64OfHex(sha256),
    };
    const request = { method: 'POST', path: `${this.#bucketPath()}?delete=`, headers, body } as const;
    return readDeleteResult(await wholeOf(await this.#send(request, signal, sha256), true));
  }

  async listObjects(query: ListQuery, signal: AbortSignal): Promise<ListPage> {
    const { keysMax, prefix, token, startAfter } = query;
    const parameters = [
      ['continuation-token', token],
      ['encoding-type', 'url'],
      ['list-type', '2'],
      ['max-keys', String(keysMax)],
      ['prefix', prefix],
      ['start-after', startAfter],
    ] as const;
    const search = parameters
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodePart(value)}`]))
      .join('&');
    const path = `${this.#bucketPath()}?${search}`;
    return readListPage(await wholeOf(await this.#send({ method: 'GET', path, headers: {} }, signal)));
  }

  async bucketVersioning(signal: AbortSignal): Promise<string | undefined> {
    const path = `${this.#bucketPath()}?versioning=`;
    return readVersioning(await wholeOf(await this.#send({ method: 'GET', path, headers: {} }, signal)));
  }

  close(): void {
    this.#parts.http.close();
  }

  #pathOf(key: string): string {
    return pathOf(this.#parts.address, key);
  }

  #bucketPath(): string {
    return this.#parts.address.path || '/';
  }

  /** @throws RefusedError for any status that is no success. */
  async #send(request: HttpRequest, signal: AbortSignal, sha256?: string): Promise<HttpAnswer> {
    const { http, signer, address, region, credentials } = this.#parts;
    const { method, path, body } = request;
    const who = await this.#credentials();
    const hash = sha256 ?? (body === undefined ? noBytesSha256 : await signer.sha256(body));
    const headers = await signer.sign(
      {
        method,
        path,
        origin: address.origin,
        host: address.host,
        region,
        headers: {
          ...request.headers,
          'x-amz-content-sha256': hash,
          'x-amz-date': timeOf(Date.now() + this.#clockOffMs),
        },
      },
      who,
    );
    const answer = await http.send({ method, path, headers, body }, signal);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const refusal = await refusalOf(answer);
    if (expired.has(refusal.code)) credentials.forget();
    this.#correctClock(refusal);
    throw refusal;
  }

  async #credentials(): Promise<S3Credentials> {
    try {
      return await this.#parts.credentials.current();
    } catch (error) {
      if (error instanceof StoreError || (error as Error)?.name === 'CredentialsProviderError') throw error;
      const said = error instanceof Error ? error.message : String(error);
      // What the SDK says in a bundle for browsers, where it has no chain.
      if (/^credential is missing/i.test(said))
        throw Object.assign(new Error(said), { name: 'CredentialsProviderError' });
      // Whatever was asked for, nothing of it was sent.
      throw new StoreError('UNAVAILABLE', `The provider of credentials failed: ${said}`, { cause: error });
    }
  }

  /** As the SDK does: the next request is signed for the store's time. */
  #correctClock({ status, code, serverTime }: RefusedError): void {
    if (status !== 403 && code !== 'RequestTimeTooSkewed') return;
    const theirMs = Date.parse(serverTime ?? '');
    // A time that can't be written as a signature wants it is none.
    if (!(theirMs > yearMs(2000) && theirMs < yearMs(9999))) return;
    const offMs = theirMs - Date.now();
    if (Math.abs(offMs - this.#clockOffMs) > clockOffMsMax) this.#clockOffMs = offMs;
  }
}

/** An HTTP date (RFC 9110, section 5.6.7) in milliseconds; undefined: it is none. */
function dateMs(date: string | undefined): number | undefined {
  const ms = Date.parse(date ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function headOf(answer: HttpAnswer): ObjectHead {
  const length = answer.header('content-length');
  return {
    etag: answer.header('etag'),
    contentLength: length !== undefined && /^\d{1,16}$/.test(length) ? Number(length) : undefined,
    modifiedMs: dateMs(answer.header('last-modified')),
  };
}

/** Of an answer whose headers are enough: read to its end, its connection serves again. */
async function passOver(answer: HttpAnswer): Promise<void> {
  await takeBody(answer.body, { max: answerBytesMax });
}

async function wholeOf(answer: HttpAnswer, changes = false): Promise<Uint8Array> {
  const { bytes, more } = await takeBody(answer.body, { max: answerBytesMax });
  if (more) throw answerTooLong(changes);
  return bytes;
}

function yearMs(year: number): number {
  return Date.UTC(year, 0);
}

/** ISO 8601 without punctuation, in seconds. */
function timeOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

function base64OfHex(hex: string): string {
  return btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))));
}
