/** Transactions of one write, as they are at the call: key, value and range are encoded before it returns. */
import type { Key, KeyRange, Sealing } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Change, checkOperand, type MutationKind } from '../commit/mutation.js';
import { userBounds, userKey, userValue } from '../reading/entry-reader.js';
import type { RequestId } from '../requests/requests.js';
import type { StoredKey } from '../state/space.js';
import type { Versionstamp } from '../state/versionstamp.js';
import { EXPIRY_OPTIONS, type ExpiryOptions, expiresMs, takeExpiry } from './expiry.js';
import type { TransactionAttempt } from './transaction.js';

export interface WriteOptions extends CallOptions {
  /** Makes a repeated call act once. Another key or value under the same id is refused. */
  readonly requestId?: RequestId | undefined;
}

export interface SetOptions extends WriteOptions, ExpiryOptions {}

/** Where a write stands in the history. */
export interface WriteResult {
  readonly version: number;
  readonly versionstamp: Versionstamp;
}

export interface OneWrite {
  readonly apply: (tx: TransactionAttempt) => void;
  /** What a request id stands for: encoded, so that equal ones are equal. */
  readonly input: () => readonly unknown[];
  /** What it does to one key, reading nothing; a range delete says none. @param nowMs the transaction's time. */
  readonly change?: (nowMs: number) => readonly [StoredKey, Change];
  /** The options that it takes beside those of every write. */
  readonly takes?: readonly string[];
}

const DELETED = { value: undefined, expiresMs: undefined };

export function setting(
  sha256: Sealing['provider']['sha256'],
  key: Key,
  value: unknown,
  options: ExpiryOptions | undefined,
): OneWrite {
  const { stored, bytes } = userKey(key);
  const encoded = userValue(value);
  const expiry = takeExpiry('set', options);
  return {
    apply: (tx) => tx.setStored(stored, encoded, expiry),
    change: (nowMs) => [stored, { value: encoded, expiresMs: expiresMs(expiry, nowMs) }],
    // Its hash: together with the key it might be longer than a value can be. And its expiry as it was given, so that
    // the same call later is the same request.
    input: () => ['set', bytes, sha256(encoded), ...(expiry ? [expiry] : [])],
    takes: EXPIRY_OPTIONS,
  };
}

export function deleting(key: Key): OneWrite {
  const { stored, bytes } = userKey(key);
  return {
    apply: (tx) => tx.setStored(stored, undefined),
    change: () => [stored, DELETED],
    input: () => ['delete', bytes],
  };
}

export function deletingRange(range: KeyRange): OneWrite {
  const bounds = userBounds(range);
  return { apply: (tx) => tx.deleteBounds(bounds), input: () => ['deleteRange', bounds.begin, bounds.end] };
}

export function mutating(kind: MutationKind, key: Key, n: number | bigint): OneWrite {
  const { stored, bytes } = userKey(key);
  const operand = checkOperand(kind, n);
  return {
    apply: (tx) => tx.mutateStored(stored, kind, operand),
    change: () => [stored, { mutations: [{ kind, operand }] }],
    input: () => [kind, bytes, operand],
  };
}
