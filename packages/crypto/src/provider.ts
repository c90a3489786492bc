/**
 * The primitives that suite 1 is built from. Three providers give the same bytes: node:crypto, WebCrypto
 * and the noble libraries (portable, and the oracle that the other two are tested against).
 *
 * Hashing is synchronous in all of them: Merkle trees and record hashes are computed in loops that must
 * not be torn by awaits. (WebCrypto has no synchronous digest; that provider hashes with noble.)
 */
export interface CryptoProvider {
  readonly name: 'node' | 'webcrypto' | 'noble';
  /** SHA-256 (FIPS 180-4) of the concatenation of `parts`: 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC-SHA-256 (RFC 2104) of the concatenation of `parts`: 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF-SHA-256 (RFC 5869), extract and expand. `length` in bytes, at most 8160. */
  hkdfSha256(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array>;
  /**
   * Prepares AES-256-GCM (NIST SP 800-38D) with one key.
   * @param key 32 bytes.
   */
  aesGcm(key: Uint8Array): Promise<AesGcm>;
}

export interface AesGcm {
  /**
   * @param nonce 12 bytes, never used twice with one key.
   * @returns ciphertext followed by the 16-byte tag.
   */
  seal(nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** @returns the plaintext, or undefined where the tag does not fit. */
  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array | undefined>;
}
