/**
 * - `WRONG_KEY`: the root key given is not this ring's. Nothing is damaged; give the right one.
 * - `CORRUPT`: the ring's bytes are not what was written. Do not write; restore or report.
 * - `UNAVAILABLE`: the key provider failed (see `cause`). Try again.
 */
export type KeyringErrorCode = 'WRONG_KEY' | 'CORRUPT' | 'UNAVAILABLE';

/** Messages name lengths, epochs and what to do; never a byte of a key. */
export class KeyringError extends Error {
  override readonly name: string = 'KeyringError';
  readonly code: KeyringErrorCode;

  constructor(code: KeyringErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
