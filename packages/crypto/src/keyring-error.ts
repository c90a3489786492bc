/**
 * - `WRONG_KEY`: the root key given is not this ring's. Nothing is damaged; give the right one.
 * - `CORRUPT`: the ring's bytes are not what was written. Do not write; restore or report.
 * - `UNAVAILABLE`: the key provider failed (see `cause`). Try again.
 */
export type KeyringErrorCode = 'WRONG_KEY' | 'CORRUPT' | 'UNAVAILABLE';

const BRAND = Symbol.for('holdfast.KeyringError');

/** Messages name lengths, epochs and what to do; never a byte of a key. */
export class KeyringError extends Error {
  override readonly name: string = 'KeyringError';
  readonly code: KeyringErrorCode;

  static {
    Object.defineProperty(KeyringError.prototype, BRAND, { value: true });
    Object.defineProperty(KeyringError, Symbol.hasInstance, { value: isBranded });
  }

  constructor(code: KeyringErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether it is an error of this kind, from whichever copy of this package; of a subclass: by its prototype. */
function isBranded(this: unknown, value: unknown): boolean {
  if (this !== KeyringError)
    return Function.prototype[Symbol.hasInstance].call(this as typeof KeyringError, value);
  return typeof value === 'object' && value !== null && BRAND in value;
}
