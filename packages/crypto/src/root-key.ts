/**
 * Root keys, as callers give them.
 *
 * Invariant: a root key is taken when it is given. Whoever wipes or fills its array afterwards changes nothing.
 */
import { isUint8Array } from './bytes-of-any-realm.js';
import { checkBytes } from './check.js';

/**
 * A KMS or an enclave that holds the root key: it wraps small secrets and gives them back. It should
 * authenticate what it wraps; what it gives back is checked in any case.
 */
export interface KeyProvider {
  /** @param secret 48 bytes: an epoch key and 16 bytes that bind it to its database and epoch. */
  wrap(secret: Uint8Array): Promise<Uint8Array>;
  /**
   * Rejects when the wrapped secret was not made by this root key: with `code` (or `name`) `WRONG_KEY` or
   * `ACCESS_DENIED` where it can tell. Any other rejection counts as "not available now".
   */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
}

/** 32 bytes, or someone who holds them. */
export type RootKey = Uint8Array | KeyProvider;

export const ROOT_KEY_BYTES = 32;
const HEX = /^[0-9a-f]*$/i;

/**
 * A root key from what a caller gives: a copy of 32 bytes, the 32 bytes that 64 hex digits (of either case) stand
 * for, or a key provider as it is.
 * @throws TypeError for anything else. It names lengths and kinds, never what was given: that may be a key.
 */
export function rootKeyOf(given: RootKey | string): RootKey {
  if (typeof given === 'string') return fromHex(given);
  if (isUint8Array(given)) {
    checkBytes('root key', given, ROOT_KEY_BYTES);
    return new Uint8Array(given);
  }
  if (typeof given?.wrap === 'function' && typeof given.unwrap === 'function') return given;
  throw new TypeError(
    `root key: expected 32 bytes, 64 hex digits or an object with wrap and unwrap, found ${given === null ? 'null' : typeof given}`,
  );
}

function fromHex(text: string): Uint8Array {
  const digits = 2 * ROOT_KEY_BYTES;
  if (text.length !== digits)
    throw new TypeError(
      `root key: expected ${digits} hex digits, found a string of ${text.length} characters`,
    );
  if (!HEX.test(text))
    throw new TypeError(`root key: expected ${digits} hex digits, found other characters among them`);
  return Uint8Array.from({ length: ROOT_KEY_BYTES }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}
