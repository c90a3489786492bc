/** Values that no compression makes smaller, each a function of its number. */
import { createCipheriv } from 'node:crypto';

const BYTES_MIN = 1024;
const BYTES_SPREAD = 3072;
const zeros = Buffer.alloc(BYTES_MIN + BYTES_SPREAD);
const cipherKey = Buffer.from('holdfast-memory!');

/** @param {number} n @returns {number} bytes: 1 to 4 KiB */
export const lengthOf = (n) => BYTES_MIN + ((Math.imul(n, 2654435761) >>> 0) % BYTES_SPREAD);

/** The first `length` bytes of item n. @param {number} n @param {number} [length] */
export function bytesOf(n, length = lengthOf(n)) {
  const start = Buffer.alloc(16);
  start.writeUInt32LE(n);
  return createCipheriv('aes-128-ctr', cipherKey, start).update(zeros.subarray(0, length));
}
