import { printable } from './printable.js';

/** What the caller of a store can tell apart. */
export type StoreErrorCode =
  /** Not now: nothing happened, or it was a read. Try again. */
  | 'UNAVAILABLE'
  /** Credentials are missing, wrong, or not allowed to do this. */
  | 'DENIED'
  /** The store refuses the call for good (no such bucket, a name it can't hold, a full disk), or its answer can't be true. */
  | 'INVALID'
  /** The answer is longer than the caller takes (`maxBytes`), or a listing does not end. Not tried again by itself. */
  | 'TOO_LARGE'
  /** A write was sent and no answer tells whether it took effect: read the object back. */
  | 'UNKNOWN_OUTCOME';

// In the registry of symbols that all copies of this package and all realms share.
const brand = Symbol.for('holdfast.StoreError');

/**
 * A failed call of an object store. Test `code`; the message is for people.
 *
 * `instanceof StoreError` also knows the errors of another copy of this package (another version, a bundle): an
 * adapter may bring its own.
 */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  /** How long the store asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  static {
    Object.defineProperty(StoreError.prototype, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: what is derived from it is asked for as itself.
    if (this !== StoreError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    // It may quote the store, which is not to drive the terminal or the log that it is written to.
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}
