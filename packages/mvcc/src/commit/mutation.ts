/**
 * Writes that are a function of the value they find: they are resolved when the record is made, against the
 * state it is laid on, so they never conflict with one another.
 */
import { decodeValue, encodeValue } from '@holdfast/core';
import { kindOf } from '../context/call-options.js';
import { type Alive, alive, type Held } from '../state/alive.js';
import { type StoredKey, USER_SPACE } from '../state/space.js';

export type MutationKind = 'add' | 'max' | 'min';

export interface Mutation {
  readonly kind: MutationKind;
  readonly operand: number | bigint;
}

/** What a transaction does to one key: what it holds then (nothing: deletion), or changes to what is there. */
export type Change = Held | { readonly mutations: Mutation[] };

/**
 * One transaction writes at most this much that has to lie in the record itself: mutations and what they come to, deleted
 * ranges, the engine's own small entries.
 */
export const TRANSACTION_INLINE_BYTES_MAX: number = 16 * 1024 * 1024;

/** The engine's own entries up to here stay out of a large transaction's segments. */
const SYSTEM_INLINE_BYTES_MAX = 4096;

/**
 * Whether a large transaction puts this write into its segments. Mutations depend on the state they are laid
 * on, so they stay in the record. So does the request's entry: it sorts before every key of the user's, and in
 * a segment it would stretch its key range over all that come before, which every read of those then pays for.
 */
export function isBulkWrite(stored: StoredKey, change: Change): change is Held {
  if (!('value' in change)) return false;
  return stored.charCodeAt(0) === USER_SPACE || (change.value?.length ?? 0) > SYSTEM_INLINE_BYTES_MAX;
}

export function checkOperand(kind: MutationKind, operand: unknown): number | bigint {
  if (typeof operand === 'bigint' || (typeof operand === 'number' && !Number.isNaN(operand))) return operand;
  throw new TypeError(
    `${kind} takes a number or a bigint, found ${typeof operand === 'number' ? 'NaN' : typeof operand}.`,
  );
}

/**
 * What mutations make of what is there. Its expiry stays; what has expired is not there, and the result of nothing
 * does not expire.
 * @param nowMs the time of the transaction whose mutations they are.
 * @throws TypeError where the value there is of another type.
 */
export function applyMutations(
  base: Held | undefined,
  mutations: readonly Mutation[],
  nowMs: number,
  key: () => string,
): Alive<Held> {
  const found = alive(base, nowMs);
  let value: unknown = found && !found.stream ? decodeValue(found.value) : undefined;
  for (const { kind, operand } of mutations) {
    if (found?.stream)
      throw new TypeError(
        `${kind} of a ${typeof operand} to ${key()}: expected a ${typeof operand} there, found a stream. Nothing was changed.`,
      );
    if (value === undefined) {
      value = operand;
      continue;
    }
    if (typeof value !== typeof operand)
      throw new TypeError(
        `${kind} of a ${typeof operand} to ${key()}: expected a ${typeof operand} there, found ${kindOf(value)}. Nothing was changed.`,
      );
    const current = value as number | bigint;
    if (kind === 'add') value = (current as number) + (operand as number);
    else if ((kind === 'max') === operand > current) value = operand;
  }
  return { value: encodeValue(value), expiresMs: found?.expiresMs };
}
