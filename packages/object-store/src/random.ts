import type { RandomBytes } from './clock.js';

// Web Cryptography API, section 10.1.1: a longer request is a QuotaExceededError.
const bytesMax = 65_536;

/** The platform's cryptographic random number generator. */
export const systemRandom: RandomBytes = (length) => {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += bytesMax) {
    globalThis.crypto.getRandomValues(bytes.subarray(offset, offset + bytesMax));
  }
  return bytes;
};

/** `length` random bytes in lower-case hex, for names. */
export function randomHex(random: RandomBytes, length: number): string {
  return Array.from(random(length), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
