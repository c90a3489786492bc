/** What the caller of a store can tell apart. */
export type StoreErrorCode =
  /** Not now: nothing happened, or it was a read. Try again. */
  | 'UNAVAILABLE'
  /** Credentials are missing, wrong, or not allowed to do this. */
  | 'DENIED'
  /** The store refuses the call for good: no such bucket, a name it can't hold, a read-only or full disk. */
  | 'INVALID'
  /** The answer is longer than the caller takes (`maxBytes`), or a listing does not end. */
  | 'TOO_LARGE'
  /** A write was sent and no answer tells whether it took effect: read the object back. */
  | 'UNKNOWN_OUTCOME';

/** A failed call of an object store. Test `code`; the message is for people. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  /** How long the store asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}
