/** Every code a caller can meet; API.md's table says what to do about each. */
export type HoldfastErrorCode =
  | 'CONFLICT'
  | 'TRANSACTION_TOO_OLD'
  | 'SNAPSHOT_EXPIRED'
  | 'UNAVAILABLE'
  | 'OUTCOME_UNKNOWN'
  | 'WRONG_KEY'
  | 'CORRUPT'
  | 'ROLLBACK'
  | 'FORK'
  | 'STORE_UNSAFE'
  | 'STORE_REFUSED'
  | 'PREFIX_IN_USE'
  | 'NOT_FOUND'
  | 'READ_ONLY'
  | 'CLOSED'
  | 'LIMIT_EXCEEDED'
  | 'BUDGET_EXCEEDED'
  | 'REQUEST_MISMATCH'
  | 'REQUEST_CLOSED'
  | 'REQUEST_SETTLED'
  | 'UNSUPPORTED_FORMAT';

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  /** The same call, made again, may succeed without anything else being changed. */
  readonly retryable?: boolean;
  /** The call's writes may have taken effect. */
  readonly maybeCommitted?: boolean;
  /** Of FORK and ROLLBACK: what shows it, for anyone to check. */
  readonly evidence?: Uint8Array | undefined;
}

const RETRYABLE: ReadonlySet<HoldfastErrorCode> = new Set([
  'CONFLICT',
  'TRANSACTION_TOO_OLD',
  'SNAPSHOT_EXPIRED',
  'UNAVAILABLE',
]);

const BRAND = Symbol.for('holdfast.HoldfastError');

/** What Holdfast throws. Test `code`; the message says what was expected, what was found and what to do. */
export class HoldfastError extends Error {
  readonly code: HoldfastErrorCode;
  readonly retryable: boolean;
  readonly maybeCommitted: boolean;
  readonly evidence: Uint8Array | undefined;

  static {
    Object.defineProperty(HoldfastError.prototype, BRAND, { value: true });
    Object.defineProperty(HoldfastError, Symbol.hasInstance, { value: isBranded });
  }

  constructor(code: HoldfastErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.maybeCommitted = options.maybeCommitted ?? false;
    this.evidence = options.evidence;
  }
}

/** Whether it is an error of this kind, from whichever copy of this package; of a subclass: by its prototype. */
function isBranded(this: unknown, value: unknown): boolean {
  if (this !== HoldfastError)
    return Function.prototype[Symbol.hasInstance].call(this as typeof HoldfastError, value);
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** An object's bytes are not what its writer sealed. Names the object, the place and what was expected. */
export function corrupt(object: string, detail: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'CORRUPT',
    `${object} is corrupt: ${detail}. Nothing was returned from it. Restore the object from a replica of the bucket, or stop using this database.`,
    cause === undefined ? {} : { cause },
  );
}
