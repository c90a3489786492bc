/**
 * The primitives from a `node:crypto` module that the caller hands in, so that this file needs no `node:`
 * import and can be part of the portable entry. All the work is synchronous: at our sizes (chunks of tens of
 * KiB) a native call costs less than a trip to the thread pool.
 */
import { checkBytes, checkHkdfLength } from './check.js';
import { constantTimeEqual } from './constant-time.js';
import type { CryptoProvider } from './provider.js';

export type NodeCrypto = typeof import('node:crypto');

const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

// Up to here copying the parts together costs less than a streaming hash object does.
const ONE_SHOT_BYTES_MAX = 2048;

export function createNodeProvider(crypto: NodeCrypto): CryptoProvider {
  const { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } = crypto;
  // crypto.hash is missing from some of the runtimes that offer node:crypto.
  const oneShot = typeof crypto.hash === 'function' ? crypto.hash : undefined;

  return {
    name: 'node',

    sha256(...parts) {
      if (oneShot) {
        const whole = parts.length === 1 ? parts[0]! : joinSmall(parts);
        if (whole) return plain(oneShot('sha256', whole, 'buffer'));
      }
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return plain(hash.digest());
    },

    hmacSha256(key, ...parts) {
      const mac = createHmac('sha256', key);
      for (const part of parts) mac.update(part);
      return plain(mac.digest());
    },

    async hkdfSha256(ikm, salt, info, length) {
      checkHkdfLength(length);
      return new Uint8Array(hkdfSync('sha256', ikm, salt, info, length));
    },

    async aesGcm(key) {
      checkBytes('AES-256 key', key, 32);
      const ownKey = new Uint8Array(key);
      return {
        async seal(nonce, plaintext, aad) {
          checkBytes('GCM nonce', nonce, 12);
          const cipher = createCipheriv(CIPHER, ownKey, nonce, { authTagLength: TAG_BYTES });
          if (aad.length > 0) cipher.setAAD(aad);
          const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
          sealed.set(cipher.update(plaintext));
          // GCM is a stream: the final call yields no bytes, it only computes the tag.
          cipher.final();
          sealed.set(cipher.getAuthTag(), plaintext.length);
          return sealed;
        },
        async open(nonce, sealed, aad) {
          checkBytes('GCM nonce', nonce, 12);
          const length = sealed.length - TAG_BYTES;
          if (length < 0) return undefined;
          const decipher = createDecipheriv(CIPHER, ownKey, nonce, { authTagLength: TAG_BYTES });
          if (aad.length > 0) decipher.setAAD(aad);
          decipher.setAuthTag(sealed.subarray(length));
          const plaintext = plain(decipher.update(sealed.subarray(0, length)));
          try {
            decipher.final();
          } catch {
            return undefined;
          }
          return plaintext;
        },
      };
    },
  };
}

/**
 * Whether this module can really do what the provider needs. Some platforms offer `node:crypto` with parts
 * missing or throwing; one known answer (GCM specification, test case 13) tells.
 */
export function nodeCryptoWorks(crypto: NodeCrypto): boolean {
  try {
    const cipher = crypto.createCipheriv(CIPHER, new Uint8Array(32), new Uint8Array(12));
    cipher.final();
    const tag = Uint8Array.of(
      ...[0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9, 0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b],
    );
    const empty = new Uint8Array(0);
    return (
      constantTimeEqual(cipher.getAuthTag(), tag) &&
      crypto.createHash('sha256').update(empty).digest().length === 32 &&
      crypto.createHmac('sha256', tag).update(empty).digest().length === 32 &&
      crypto.hkdfSync('sha256', tag, empty, empty, 76).byteLength === 76 &&
      typeof crypto.createDecipheriv === 'function'
    );
  } catch {
    return false;
  }
}

function joinSmall(parts: readonly Uint8Array[]): Uint8Array | undefined {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > ONE_SHOT_BYTES_MAX) return undefined;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

// A Buffer's slice() shares memory and its JSON differs: callers get plain bytes, as from the other providers.
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
