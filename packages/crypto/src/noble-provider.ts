/**
 * The primitives in plain JavaScript: runs anywhere, and is the oracle that the native providers are tested
 * against.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { checkBytes, checkHkdfLength } from './check.js';
import type { CryptoProvider } from './provider.js';

export const nobleProvider: CryptoProvider = {
  name: 'noble',

  sha256(...parts) {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },

  hmacSha256(key, ...parts) {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },

  async hkdfSha256(ikm, salt, info, length) {
    checkHkdfLength(length);
    return hkdf(sha256, ikm, salt, info, length);
  },

  async aesGcm(key) {
    checkBytes('AES-256 key', key, 32);
    const ownKey = new Uint8Array(key);
    return {
      async seal(nonce, plaintext, aad) {
        checkBytes('GCM nonce', nonce, 12);
        return gcm(ownKey, nonce, aad).encrypt(plaintext);
      },
      async open(nonce, sealed, aad) {
        checkBytes('GCM nonce', nonce, 12);
        if (sealed.length < 16) return undefined;
        const cipher = gcm(ownKey, nonce, aad);
        try {
          return cipher.decrypt(sealed);
        } catch {
          // Lengths were checked above: what is left is a tag that does not fit.
          return undefined;
        }
      },
    };
  },
};
