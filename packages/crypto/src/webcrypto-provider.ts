/**
 * The primitives from WebCrypto (W3C Web Cryptography Level 2): AES-GCM and HKDF by `subtle`. Hashing must be
 * synchronous and `subtle.digest` is not, so hashes come from noble.
 */
import { checkBytes, checkHkdfLength } from './check.js';
import { nobleProvider } from './noble-provider.js';
import type { CryptoProvider } from './provider.js';

export const webCryptoProvider: CryptoProvider = {
  name: 'webcrypto',
  sha256: nobleProvider.sha256,
  hmacSha256: nobleProvider.hmacSha256,

  async hkdfSha256(ikm, salt, info, length) {
    checkHkdfLength(length);
    const key = await subtle().importKey('raw', source(ikm), 'HKDF', false, ['deriveBits']);
    const parameters = { name: 'HKDF', hash: 'SHA-256', salt: source(salt), info: source(info) };
    return new Uint8Array(await subtle().deriveBits(parameters, key, length * 8));
  },

  async aesGcm(key) {
    checkBytes('AES-256 key', key, 32);
    const ownKey = await subtle().importKey('raw', source(key), 'AES-GCM', false, ['encrypt', 'decrypt']);
    return {
      async seal(nonce, plaintext, aad) {
        checkBytes('GCM nonce', nonce, 12);
        return new Uint8Array(await subtle().encrypt(parameters(nonce, aad), ownKey, source(plaintext)));
      },
      async open(nonce, sealed, aad) {
        checkBytes('GCM nonce', nonce, 12);
        if (sealed.length < 16) return undefined;
        try {
          return new Uint8Array(await subtle().decrypt(parameters(nonce, aad), ownKey, source(sealed)));
        } catch (error) {
          // A tag that does not fit is an OperationError; anything else is not about the data.
          if ((error as { name?: unknown }).name === 'OperationError') return undefined;
          throw error;
        }
      },
    };
  },
};

type Subtle = typeof globalThis.crypto.subtle;

function subtle(): Subtle {
  const found = globalThis.crypto?.subtle;
  if (!found) {
    throw new Error(
      'WebCrypto: expected globalThis.crypto.subtle, found none (browsers offer it on https and localhost ' +
        'only); serve the page securely or use nobleProvider',
    );
  }
  return found;
}

function parameters(
  iv: Uint8Array,
  additionalData: Uint8Array,
): { name: string; iv: Uint8Array<ArrayBuffer>; additionalData: Uint8Array<ArrayBuffer>; tagLength: number } {
  return { name: 'AES-GCM', iv: source(iv), additionalData: source(additionalData), tagLength: 128 };
}

/** WebCrypto refuses views of shared memory; everything else is passed on as it is. */
function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
