/**
 * Requests: what makes a repeated call act once. An entry for each request id lives in the state, written by
 * the very transaction it belongs to, so that the two can't part (I6).
 */
import { decodeValue, encodeKey, encodeValue, HoldfastError, type Sealing } from '@holdfast/core';
import type { StoredAndBytes } from './entry-reader.js';
import { inSpace, SYSTEM_SPACE, toStoredKey } from './space.js';
import type { TailEntry } from './tail.js';
import { formatVersionstamp, type Versionstamp } from './versionstamp.js';

/** What became of a request. */
export type Outcome =
  | {
      readonly status: 'committed';
      readonly version: number;
      readonly versionstamp: Versionstamp;
      readonly result: unknown;
    }
  /** Not in the state as of now. It may still commit; sending it again is safe. */
  | { readonly status: 'open' }
  /** It never commits, whoever sends it. */
  | { readonly status: 'closed' };

const REQUEST_ID_CHARACTERS_MAX = 512;

export function requestKey(requestId: string): StoredAndBytes {
  if (typeof requestId !== 'string' || requestId.length === 0 || requestId.length > REQUEST_ID_CHARACTERS_MAX)
    throw new TypeError(
      `requestId: expected a string of 1 to ${REQUEST_ID_CHARACTERS_MAX} characters, found ${typeof requestId === 'string' ? `${requestId.length} characters` : typeof requestId}.`,
    );
  const bytes = inSpace(SYSTEM_SPACE, encodeKey(['request', requestId]));
  return { stored: toStoredKey(bytes), bytes };
}

/** What the caller says the request is, so that one id can't stand for two different inputs. */
export function requestDigest(
  sha256: Sealing['provider']['sha256'],
  options: { digest?: string | Uint8Array | undefined; input?: unknown },
): Uint8Array {
  const { digest, input } = options;
  if (digest instanceof Uint8Array) return digest;
  if (typeof digest === 'string') return new TextEncoder().encode(digest);
  return input === undefined ? new Uint8Array(0) : sha256(encodeValue(input));
}

export function encodeRequest(digest: Uint8Array, result: unknown): Uint8Array {
  return encodeValue({ digest, result });
}

export function encodeClosed(): Uint8Array {
  return encodeValue({ closed: true });
}

export function outcomeOf(found: TailEntry | undefined): Outcome {
  if (found?.value === undefined) return { status: 'open' };
  const { closed, result } = decodeValue(found.value) as { closed?: true; result?: unknown };
  if (closed) return { status: 'closed' };
  return { status: 'committed', version: found.version, versionstamp: formatVersionstamp(found), result };
}

/**
 * The stored result of a request that was committed before; undefined: it was not.
 * @throws HoldfastError REQUEST_MISMATCH, REQUEST_CLOSED.
 */
export function replay(
  requestId: string,
  digest: Uint8Array,
  found: TailEntry | undefined,
): { result: unknown } | undefined {
  if (found?.value === undefined) return undefined;
  const stored = decodeValue(found.value) as { closed?: true; digest?: Uint8Array; result?: unknown };
  if (stored.closed)
    throw new HoldfastError(
      'REQUEST_CLOSED',
      `Request ${JSON.stringify(requestId)} was closed before it committed: it did not and will not take effect. Use a new request id.`,
    );
  const known = stored.digest ?? new Uint8Array(0);
  if (known.length !== digest.length || known.some((byte, i) => byte !== digest[i]))
    throw new HoldfastError(
      'REQUEST_MISMATCH',
      `Request ${JSON.stringify(requestId)} was committed before with another input. Nothing was changed; use a new request id for a new request.`,
    );
  return { result: stored.result };
}
