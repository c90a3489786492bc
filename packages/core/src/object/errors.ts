/** Every code a caller can meet, and what it does about it. */
export type HoldfastErrorCode =
  /** What was read has changed, `maxRetries` times: run it again, as `transact` did. */
  | 'CONFLICT'
  /** The version that it read is no longer retained: run it again, as `transact` does. */
  | 'TRANSACTION_TOO_OLD'
  /** That version is no longer retained: take a newer one; a checkpoint keeps one. */
  | 'SNAPSHOT_EXPIRED'
  /** The store does not answer: back off and retry. `maybeCommitted` says whether the writes may have happened. */
  | 'UNAVAILABLE'
  /** The commit was sent, and nobody can say: ask `outcome(requestId)`, or read back. */
  | 'OUTCOME_UNKNOWN'
  /** The key does not open this database: give the right one. Nothing was changed. */
  | 'WRONG_KEY'
  /** Bytes are not what was written, or something that is named is missing: stop; restore it from a replica. */
  | 'CORRUPT'
  /** The store shows an older state than is known to have been: stop, keep `evidence`, compare replicas. */
  | 'ROLLBACK'
  /** The store shows two histories, or another database: stop, keep `evidence`, compare replicas. */
  | 'FORK'
  /** The store ignores conditional creates: use another. Nothing was written. */
  | 'STORE_UNSAFE'
  /** No access, no such bucket, disk full: as the message says. Nothing was changed. */
  | 'STORE_REFUSED'
  /** Something else lies under the prefix: choose another. Nothing was changed. */
  | 'PREFIX_IN_USE'
  /** No database here, and none was to be made: check the location. */
  | 'NOT_FOUND'
  /** Opened with `readOnly`: write through a handle that may. */
  | 'READ_ONLY'
  /** The database was closed, or the transaction has ended: open it again; await a body's calls inside of it. */
  | 'CLOSED'
  /** A key, a value, a transaction or a session is too large: make it smaller, split it, pass `settled`. */
  | 'LIMIT_EXCEEDED'
  /** The next request would overspend the budget: nothing was changed; give it more, or give it up. */
  | 'BUDGET_EXCEEDED'
  /** This request id stands for another input: use a new id for a new request. */
  | 'REQUEST_MISMATCH'
  /** This request was closed before it committed, and never will: use a new id. */
  | 'REQUEST_CLOSED'
  /** This number of a session had ended, as its caller has said that it knows: a late duplicate, nothing to do. */
  | 'REQUEST_SETTLED'
  /** Written by a newer version: use a newer build. */
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

const missing = new WeakSet<HoldfastError>();

/** An object that something names is not in the store: never "absent" (I7). @param detail who names it. */
export function missingObject(object: string, detail: string): HoldfastError {
  const error = corrupt(object, detail);
  missing.add(error);
  return error;
}

/** Whether it says that an object is not there. It may have been collected: whoever read an old version asks. */
export function isMissing(error: unknown): boolean {
  return error instanceof HoldfastError && missing.has(error);
}
