/**
 * When an entry begins to read as absent, as the caller of a `set` says it.
 *
 * Invariant: it is taken at the call, and becomes a moment only in a run of the transaction, by that run's own time.
 */
import { checkKnown, kindOf } from '../context/call-options.js';

/** At most one of them. Without either the entry stays, and what it replaces may have expired or not. */
export interface ExpiryOptions {
  /** Milliseconds after the transaction's time (`tx.now`), a whole number from 1. */
  readonly expireInMs?: number | undefined;
  /** A Date, or whole milliseconds since 1970, from 1. What lies in the past reads as absent at once. */
  readonly expireAt?: Date | number | undefined;
}

export const EXPIRY_OPTIONS = ['expireInMs', 'expireAt'] as const;

/** An expiry as it was given. */
export type Expiry = { readonly inMs: number } | { readonly atMs: number };

/** The last moment that a Date can say. */
const LAST_MS = 8_640_000_000_000_000;

/**
 * Checks and copies it; what else the options say is not looked at.
 * @param call how messages name it.
 * @throws TypeError, RangeError.
 */
export function takeExpiry(call: string, options: ExpiryOptions | undefined): Expiry | undefined {
  const { expireInMs, expireAt } = options ?? {};
  if (expireInMs !== undefined && expireAt !== undefined)
    throw new TypeError(`${call}: expected expireInMs or expireAt, found both. Nothing was done.`);
  if (expireInMs !== undefined) {
    if (typeof expireInMs !== 'number')
      throw new TypeError(`${call}: expireInMs: expected a number, found ${kindOf(expireInMs)}.`);
    if (!isMoment(expireInMs))
      throw new RangeError(
        `${call}: expireInMs: expected a whole number of milliseconds from 1, found ${expireInMs}.`,
      );
    return { inMs: expireInMs };
  }
  if (expireAt === undefined) return undefined;
  if (typeof expireAt !== 'number' && !(expireAt instanceof Date))
    throw new TypeError(
      `${call}: expireAt: expected a Date or milliseconds since 1970, found ${kindOf(expireAt)}.`,
    );
  const atMs = Number(expireAt);
  if (!isMoment(atMs))
    throw new RangeError(
      `${call}: expireAt: expected a valid Date after 1970, or whole milliseconds from 1, found ${Number.isNaN(atMs) ? 'an invalid one' : atMs}.`,
    );
  return { atMs };
}

/** The same, of a call that takes nothing else. */
export function takeOnlyExpiry(call: string, options: ExpiryOptions | undefined): Expiry | undefined {
  checkKnown(call, options, EXPIRY_OPTIONS);
  return takeExpiry(call, options);
}

/** The moment, for a run at `nowMs`, within what an entry can say. */
export function expiresMs(expiry: Expiry | undefined, nowMs: number): number | undefined {
  if (expiry === undefined) return undefined;
  return 'atMs' in expiry ? expiry.atMs : Math.max(1, Math.min(Math.ceil(nowMs + expiry.inMs), LAST_MS));
}

function isMoment(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 1 && ms <= LAST_MS;
}
