/**
 * Requests: what makes a repeated call act once. What became of one is written by the very transaction it
 * belongs to, so that the two can't part (I6).
 */
import { encodeValue, HoldfastError, type Sealing } from '@holdfast/core';
import type { StoredAndBytes } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import { formatVersionstamp, type Stamp, type Versionstamp } from '../state/versionstamp.js';

/** Names a request: a text of its own, or a number in a session. */
export type RequestId = string | SessionRequest;

/** One of a session's requests. A session takes one entry in the database, however many it makes. */
export interface SessionRequest {
  /** Names the session: 1 to 512 characters. */
  readonly session: string;
  /** From 1, growing; given by the caller. */
  readonly number: number;
  /**
   * The caller has heard what became of every number up to this one, and will not send them again. Below
   * `number`. Default `number - 1`: one request at a time.
   */
  readonly settled?: number | undefined;
}

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
  | { readonly status: 'closed' }
  /** Of a session: it ended as its caller was told, who then settled it. More is not kept. */
  | { readonly status: 'settled' };

/** What the state says of a request. */
export type Known =
  | {
      readonly status: 'committed';
      readonly digest: Uint8Array;
      readonly result: unknown;
      readonly stamp: Stamp;
    }
  | { readonly status: 'open' }
  | { readonly status: 'closed' }
  | { readonly status: 'settled' };

/** Where one request is kept, and how. */
export interface RequestEntry {
  /** What messages call the request. */
  readonly name: string;
  readonly at: StoredAndBytes;
  /** @param found the newest write at `at`. */
  read(found: TailEntry | undefined): Known;
  /** The entry once this request, open in `found`, is committed by the transaction that writes it. */
  committed(found: TailEntry | undefined, digest: Uint8Array, result: unknown): Uint8Array;
  /** The entry once this request, open in `found`, is closed. */
  closed(found: TailEntry | undefined): Uint8Array;
}

/**
 * What the caller says the request is, so that one id can't stand for two different inputs: a hash over typed parts,
 * so that a text is not its bytes, an empty digest is not none, and one that is given does not hide an input. Empty:
 * nothing was said, and the id alone is what the request is.
 * @param write what a call that is one write does.
 * @throws TypeError for an input that can't be encoded.
 */
export function requestDigest(
  sha256: Sealing['provider']['sha256'],
  {
    digest,
    input,
    write,
  }: {
    digest?: string | Uint8Array | undefined;
    input?: unknown;
    write?: readonly unknown[] | undefined;
  },
): Uint8Array {
  if (digest === undefined && input === undefined && write === undefined) return new Uint8Array(0);
  // Each in an array of its own: null is an input like any other.
  const typed = typeof digest === 'string' ? ['text', codeUnits(digest)] : digest;
  const parts = [typed, input, write].map((part) => (part === undefined ? [] : [part]));
  return sha256(encodeValue(parts));
}

/** A text as it is, lone surrogates too: UTF-8 has one replacement for all of them. */
function codeUnits(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i));
  return bytes;
}

export function outcomeOf(entry: RequestEntry, found: TailEntry | undefined): Outcome {
  const known = entry.read(found);
  if (known.status !== 'committed') return known;
  const { stamp, result } = known;
  return {
    status: 'committed',
    version: stamp.version,
    versionstamp: formatVersionstamp(stamp),
    result,
  };
}

/**
 * What a request came to that was committed before; undefined: it was not.
 * @throws HoldfastError REQUEST_MISMATCH, REQUEST_CLOSED, REQUEST_SETTLED.
 */
export function replay(
  entry: RequestEntry,
  digest: Uint8Array,
  found: TailEntry | undefined,
): { readonly result: unknown; readonly stamp: Stamp } | undefined {
  const known = entry.read(found);
  if (known.status === 'open') return undefined;
  if (known.status === 'closed')
    throw new HoldfastError(
      'REQUEST_CLOSED',
      `${entry.name} was closed before it committed: it did not and will not take effect. Use a new request id.`,
    );
  if (known.status === 'settled')
    throw new HoldfastError(
      'REQUEST_SETTLED',
      `${entry.name} was settled: expected a number above those that the session's caller has said it knows the outcome of, found one of them, sent late or again. This call changed nothing; what the request came to is no longer kept. Use a new number for a new request, and a lower \`settled\` while several are under way.`,
    );
  if (known.digest.length !== digest.length || known.digest.some((byte, i) => byte !== digest[i]))
    throw new HoldfastError(
      'REQUEST_MISMATCH',
      `${entry.name} was committed before with another input. Nothing was changed; use a new request id for a new request.`,
    );
  return known;
}
