/**
 * Seals the chunks of one object so that each opens at its own place only.
 *
 * Invariants:
 * - Every object has a key of its own: the key is derived from a salt and from where the object belongs, so
 *   an object moved, renamed or of another database does not open.
 * - A nonce is used once: it is made of the chunk's index and the last-chunk flag, and a cipher seals an
 *   index once only.
 * - The object's clear header commits to the key (AES-GCM alone does not), so a ciphertext opens under one key.
 *
 * The chunk nonces are those of STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption
 * and its Nonce-Reuse Misuse-Resistance, CRYPTO 2015, section 7): reordered, missing and cut-off chunks show.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { checkBytes } from './check.js';
import { constantTimeEqual } from './constant-time.js';
import type { AesGcm, CryptoProvider } from './provider.js';

/** 0: no secrecy, keyless checksums in place of tags. 1: HKDF-SHA-256, AES-256-GCM, key commitment. */
export type SuiteId = 0 | 1;

/** What an object is; part of the context its key is derived from, so kinds can't stand in for each other. */
export type ObjectKind = 1 | 2 | 3 | 4;
export const OBJECT_KIND: {
  readonly record: 1;
  readonly segment: 2;
  readonly page: 3;
  readonly intent: 4;
} = { record: 1, segment: 2, page: 3, intent: 4 };

/** Where an object belongs. Two objects with different contexts never share a key. */
export interface ObjectContext {
  readonly kind: ObjectKind;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** 24 bytes: version (records) or base version, 8 bytes big-endian, then 16 random bytes; FORMAT.md has intents'. */
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
   * Rejects with a TypeError where this cipher has sealed that index before: a nonce used twice would give
   * the object's key stream away.
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

const OBJECT_DOMAIN = utf8ToBytes('holdfast/1 object');
const PLAIN_COMMITMENT_DOMAIN = utf8ToBytes('holdfast/1 plain commitment');
const PLAIN_CHUNK_DOMAIN = utf8ToBytes('holdfast/1 plain chunk');
const NOTHING = new Uint8Array(0);

/**
 * Derives the cipher of one object (DESIGN: suite 1): HKDF-SHA-256(epoch key, salt, context) yields the
 * AES-256-GCM key (32 bytes), the base nonce (12) and the key commitment (32).
 *
 * Who opens an object compares `commitment` with the one in its header first.
 *
 * Suite 0 neither hides anything nor stops anyone: its "tags" are hashes that whoever changes a chunk can
 * compute as well. They detect accidents, not an adversary.
 * @param epochKey 32 bytes; ignored by suite 0.
 * @param salt 32 bytes from `hedgedSalt`.
 */
export async function createObjectCipher(
  provider: CryptoProvider,
  suite: SuiteId,
  epochKey: Uint8Array,
  context: ObjectContext,
  salt: Uint8Array,
): Promise<ObjectCipher> {
  checkBytes('salt', salt, 32);
  const info = encodeContext(suite, context);
  if (suite === 0) return createPlainCipher(provider, info, new Uint8Array(salt));

  checkBytes('epoch key', epochKey, 32);
  const derived = await provider.hkdfSha256(epochKey, salt, info, 76);
  const gcm = await provider.aesGcm(derived.subarray(0, 32));
  return createSealingCipher(gcm, derived.slice(32, 44), derived.slice(44));
}

/** HKDF `info`. Every field has a fixed length and the kind says whether a parent follows: injective. */
function encodeContext(suite: SuiteId, context: ObjectContext): Uint8Array {
  const { kind, databaseId, objectId, parent } = context;
  if (suite !== 0 && suite !== 1) throw new TypeError(`suite: expected 0 or 1, found ${suite}`);
  if (kind !== 1 && kind !== 2 && kind !== 3 && kind !== 4)
    throw new TypeError(`object kind: expected 1 to 4, found ${kind}`);
  checkBytes('database id', databaseId, 16);
  checkBytes('object id', objectId, 24);
  if (kind === OBJECT_KIND.record) {
    if (!parent) throw new TypeError('parent: a record needs the 32-byte hash of its parent, found none');
    checkBytes('parent', parent, 32);
  } else if (parent) {
    throw new TypeError(`parent: only a record has one, found one on kind ${kind}`);
  }
  return concatBytes(OBJECT_DOMAIN, Uint8Array.of(suite, kind), databaseId, objectId, parent ?? NOTHING);
}

function createSealingCipher(gcm: AesGcm, baseNonce: Uint8Array, commitment: Uint8Array): ObjectCipher {
  const once = sealOnce();
  return {
    commitment,
    overheadBytes: CHUNK_OVERHEAD_BYTES,
    async seal(chunk, last, plaintext, aad = NOTHING) {
      once(chunk);
      return gcm.seal(chunkNonce(baseNonce, chunk, last), plaintext, aad);
    },
    async open(chunk, last, sealed, aad = NOTHING) {
      checkChunk(chunk);
      return gcm.open(chunkNonce(baseNonce, chunk, last), sealed, aad);
    },
  };
}

/** Base nonce XOR (seven zero bytes || last flag || chunk index, 4 bytes big-endian). */
function chunkNonce(baseNonce: Uint8Array, chunk: number, last: boolean): Uint8Array {
  const nonce = baseNonce.slice();
  if (last) nonce[7]! ^= 1;
  nonce[8]! ^= chunk >>> 24;
  nonce[9]! ^= chunk >>> 16;
  nonce[10]! ^= chunk >>> 8;
  nonce[11]! ^= chunk;
  return nonce;
}

function createPlainCipher(provider: CryptoProvider, info: Uint8Array, salt: Uint8Array): ObjectCipher {
  const once = sealOnce();

  const checksum = (chunk: number, last: boolean, plaintext: Uint8Array, aad: Uint8Array): Uint8Array => {
    const place = new Uint8Array(13);
    const view = new DataView(place.buffer);
    view.setUint32(0, chunk);
    view.setUint8(4, last ? 1 : 0);
    view.setBigUint64(5, BigInt(aad.length));
    const hash = provider.sha256(PLAIN_CHUNK_DOMAIN, info, salt, place, aad, plaintext);
    return hash.subarray(0, CHUNK_OVERHEAD_BYTES);
  };

  return {
    commitment: provider.sha256(PLAIN_COMMITMENT_DOMAIN, info, salt),
    overheadBytes: CHUNK_OVERHEAD_BYTES,
    async seal(chunk, last, plaintext, aad = NOTHING) {
      once(chunk);
      return concatBytes(plaintext, checksum(chunk, last, plaintext, aad));
    },
    async open(chunk, last, sealed, aad = NOTHING) {
      checkChunk(chunk);
      const length = sealed.length - CHUNK_OVERHEAD_BYTES;
      if (length < 0) return undefined;
      const plaintext = new Uint8Array(sealed.subarray(0, length));
      const found = sealed.subarray(length);
      return constantTimeEqual(found, checksum(chunk, last, plaintext, aad)) ? plaintext : undefined;
    },
  };
}

function checkChunk(chunk: number): void {
  if (!Number.isInteger(chunk) || chunk < 0 || chunk > 0xffff_ffff) {
    throw new TypeError(`chunk: expected an index from 0 to 2^32-1, found ${chunk}`);
  }
}

/** Refuses to seal an index again, whatever its last flag. Writers go upwards, so the set stays empty. */
function sealOnce(): (chunk: number) => void {
  let next = 0;
  const ahead = new Set<number>();
  return (chunk) => {
    checkChunk(chunk);
    if (chunk < next || ahead.has(chunk)) {
      throw new TypeError(
        `chunk ${chunk} was sealed before by this cipher; a changed object needs a new salt`,
      );
    }
    ahead.add(chunk);
    while (ahead.delete(next)) next++;
  };
}
