/** The checksums that S3 clients send with a body (Content-MD5, x-amz-checksum-*), verified. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { notImplemented, S3Error } from './s3-error.js';

const castagnoli = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ castagnoli[(value ^ byte) & 0xff]!;
  return (value ^ 0xffffffff) >>> 0;
}

function bigEndianBase64(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/** @returns the base64 checksum, or undefined for an algorithm that this server does not know. */
export function checksumOf(algorithm: string, bytes: Uint8Array): string | undefined {
  switch (algorithm) {
    case 'crc32':
      return bigEndianBase64(crc32(bytes));
    case 'crc32c':
      return bigEndianBase64(crc32c(bytes));
    case 'sha1':
    case 'sha256':
      return createHash(algorithm).update(bytes).digest('base64');
    default:
      return undefined;
  }
}

/** Verifies every checksum among `headers` (or trailers) against the decoded body. */
export function verifyChecksums(headers: Readonly<Record<string, string>>, bytes: Uint8Array): void {
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(bytes).digest('base64')) {
    throw new S3Error(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  for (const [name, given] of Object.entries(headers)) {
    const algorithm = /^x-amz-checksum-(\w+)$/.exec(name)?.[1];
    if (!algorithm || ['algorithm', 'mode', 'type'].includes(algorithm)) continue;
    const computed = checksumOf(algorithm, bytes);
    if (computed === undefined) throw notImplemented(name);
    if (computed !== given) {
      throw new S3Error(400, 'BadDigest', `The ${algorithm} you specified did not match what we received.`);
    }
  }
}
