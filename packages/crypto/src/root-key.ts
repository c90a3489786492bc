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
