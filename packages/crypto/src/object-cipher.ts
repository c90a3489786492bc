import type { CryptoProvider } from './provider.js';

/** 0: no secrecy, keyless checksums in place of tags. 1: HKDF-SHA-256, AES-256-GCM, key commitment. */
export type SuiteId = 0 | 1;

/** What an object is; part of the context its key is derived from, so kinds can't stand in for each other. */
export type ObjectKind = 1 | 2 | 3;
export const OBJECT_KIND: { readonly record: 1; readonly segment: 2; readonly page: 3 } = {
  record: 1,
  segment: 2,
  page: 3,
};

/** Where an object belongs. Two objects with different contexts never share a key. */
export interface ObjectContext {
  readonly kind: ObjectKind;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** 24 bytes: version (records) or base version, 8 bytes big-endian, then 16 random bytes. */
  readonly objectId: Uint8Array;
  /** Records only: the parent's hash, 32 bytes. */
  readonly parent?: Uint8Array | undefined;
}

/** Seals and opens the chunks of one object. */
export interface ObjectCipher {
  /** 32 bytes in the object's clear header: what the derived key must commit to. */
  readonly commitment: Uint8Array;
  /** Bytes that sealing adds to a chunk: 16. */
  readonly overheadBytes: number;
  /**
   * @param chunk the chunk's index in its object, 0 to 2^32-1, each sealed once.
   * @param last whether it is the object's last chunk, so that truncation shows.
   * @param aad bytes that are authenticated with the chunk, not stored in it.
   */
  seal(chunk: number, last: boolean, plaintext: Uint8Array, aad?: Uint8Array): Promise<Uint8Array>;
  /** @returns undefined where the chunk is not what was sealed at this place. */
  open(chunk: number, last: boolean, sealed: Uint8Array, aad?: Uint8Array): Promise<Uint8Array | undefined>;
}

/** Bytes that sealing adds to a chunk. */
export const CHUNK_OVERHEAD_BYTES = 16;

/**
 * Derives the cipher of one object (DESIGN: suite 1): HKDF-SHA-256(epoch key, salt, context) yields the
 * AES-256-GCM key (32 bytes), the base nonce (12) and the key commitment (32).
 * @param epochKey 32 bytes; ignored by suite 0.
 * @param salt 32 bytes from `hedgedSalt`.
 */
export declare function createObjectCipher(
  provider: CryptoProvider,
  suite: SuiteId,
  epochKey: Uint8Array,
  context: ObjectContext,
  salt: Uint8Array,
): Promise<ObjectCipher>;

/**
 * A salt that stays unique even if the random source repeats itself (a cloned worker, a rolled-back VM):
 * HMAC-SHA-256(salt key, random || object id || plaintext hash).
 * @param random 32 bytes.
 */
export declare function hedgedSalt(
  provider: CryptoProvider,
  epochKey: Uint8Array,
  random: Uint8Array,
  objectId: Uint8Array,
  plaintextHash: Uint8Array,
): Promise<Uint8Array>;
