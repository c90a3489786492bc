/**
 * Salts of objects. A salt that came twice with the same epoch key and context would repeat a key and its
 * nonces, so it must survive a random source that repeats itself.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { checkBytes } from './check.js';
import type { CryptoProvider } from './provider.js';

const SALT_DOMAIN = utf8ToBytes('holdfast/1 salt');
const NOTHING = new Uint8Array(0);

// By identity: a keyring hands out one array per epoch, so a commit pays for one HMAC and no HKDF.
const saltKeys = new WeakMap<Uint8Array, Uint8Array>();

/**
 * A salt that stays unique even if the random source repeats itself (a cloned worker, a rolled-back VM):
 * HMAC-SHA-256(salt key, random || object id || plaintext hash), where
 * salt key = HKDF-SHA-256(epoch key, no salt, "holdfast/1 salt", 32).
 * @param epochKey 32 bytes, not changed afterwards; 32 zero bytes in suite 0.
 * @param random 32 bytes.
 * @param objectId 24 bytes.
 * @param plaintextHash 32 bytes.
 */
export async function hedgedSalt(
  provider: CryptoProvider,
  epochKey: Uint8Array,
  random: Uint8Array,
  objectId: Uint8Array,
  plaintextHash: Uint8Array,
): Promise<Uint8Array> {
  checkBytes('epoch key', epochKey, 32);
  checkBytes('random', random, 32);
  checkBytes('object id', objectId, 24);
  checkBytes('plaintext hash', plaintextHash, 32);
  let saltKey = saltKeys.get(epochKey);
  if (!saltKey) {
    saltKey = await provider.hkdfSha256(epochKey, NOTHING, SALT_DOMAIN, 32);
    saltKeys.set(epochKey, saltKey);
  }
  return provider.hmacSha256(saltKey, random, objectId, plaintextHash);
}
