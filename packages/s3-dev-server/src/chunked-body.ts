/**
 * Turns a request's body as sent into the object's bytes: plain, or in `aws-chunked` coding with or without
 * chunk signatures and trailers. Source: Amazon S3 API Reference, "Signature Calculations for the
 * Authorization Header: Transferring Payload in Multiple Chunks" and "… with trailing headers".
 *
 * Invariant: bytes leave here only if every hash, signature and checksum the client sent with them holds.
 */
import { verifyChecksums } from './checksums.js';
import { S3Error } from './s3-error.js';
import { hmacHex, type SigningContext, sameText, sha256Hex } from './sigv4.js';

const emptyHash = sha256Hex('');

function incomplete(message: string): S3Error {
  return new S3Error(400, 'IncompleteBody', `The request body is malformed: ${message}`);
}

function badChunkSignature(): S3Error {
  return new S3Error(
    403,
    'SignatureDoesNotMatch',
    'A chunk signature we calculated does not match the signature you provided.',
  );
}

/** @param headers the request's, lower-case. */
export function decodeBody(
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  signing: SigningContext,
): Uint8Array {
  const coding = headers['x-amz-content-sha256'] ?? '';
  let bytes: Uint8Array;
  let trailers: Record<string, string> = {};
  switch (coding) {
    case 'UNSIGNED-PAYLOAD':
      bytes = body;
      break;
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER': {
      const signed = coding !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
      const decoded = decodeChunks(body, signed ? signing : undefined, coding.endsWith('-TRAILER'));
      ({ bytes, trailers } = decoded);
      if (Number(headers['x-amz-decoded-content-length']) !== bytes.length) {
        throw incomplete(`x-amz-decoded-content-length does not say ${bytes.length}`);
      }
      for (const name of (headers['x-amz-trailer'] ?? '').split(',').filter((entry) => entry !== '')) {
        if (trailers[name.trim().toLowerCase()] === undefined) {
          throw new S3Error(400, 'MalformedTrailerError', `The announced trailer ${name} is missing.`);
        }
      }
      break;
    }
    default:
      if (!/^[0-9a-f]{64}$/.test(coding)) {
        throw new S3Error(400, 'InvalidArgument', `x-amz-content-sha256 has an unknown value: ${coding}`);
      }
      if (sha256Hex(body) !== coding) {
        throw new S3Error(
          400,
          'XAmzContentSHA256Mismatch',
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
      }
      bytes = body;
  }
  verifyChecksums({ ...headers, ...trailers }, bytes);
  return bytes;
}

function decodeChunks(
  body: Buffer,
  signing: SigningContext | undefined,
  withTrailers: boolean,
): { bytes: Uint8Array; trailers: Record<string, string> } {
  const chunks: Buffer[] = [];
  let previous = signing?.signature ?? '';
  let at = 0;
  const line = (): string => {
    const end = body.indexOf('\r\n', at);
    if (end < 0) throw incomplete('a line of the chunked coding does not end');
    const text = body.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const match = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line());
    if (!match) throw incomplete('a chunk does not begin with its size');
    const size = Number.parseInt(match[1]!, 16);
    const chunk = body.subarray(at, at + size);
    if (chunk.length !== size) throw incomplete('a chunk is shorter than its size');
    at += size;
    if (signing) {
      const { timestamp, scope, signingKey } = signing;
      const text = `AWS4-HMAC-SHA256-PAYLOAD\n${timestamp}\n${scope}\n${previous}\n${emptyHash}\n${sha256Hex(chunk)}`;
      previous = hmacHex(signingKey, text);
      if (!sameText(previous, match[2] ?? '')) throw badChunkSignature();
    }
    if (size === 0) break;
    if (line() !== '') throw incomplete('a chunk does not end where its size says');
    chunks.push(chunk);
  }
  const trailers: Record<string, string> = {};
  let signedText = '';
  for (let text = line(); text !== ''; text = line()) {
    const [name = '', value = ''] = text.split(/:(.*)/s);
    if (name === 'x-amz-trailer-signature') {
      trailers[name] = value.trim();
      continue;
    }
    trailers[name.toLowerCase()] = value.trim();
    signedText += `${name.toLowerCase()}:${value.trim()}\n`;
  }
  if (!withTrailers && Object.keys(trailers).length > 0)
    throw incomplete('it has trailers that were not announced');
  if (signing && withTrailers) {
    const { timestamp, scope, signingKey } = signing;
    const text = `AWS4-HMAC-SHA256-TRAILER\n${timestamp}\n${scope}\n${previous}\n${sha256Hex(signedText)}`;
    if (!sameText(hmacHex(signingKey, text), trailers['x-amz-trailer-signature'] ?? '')) {
      throw badChunkSignature();
    }
  }
  if (at !== body.length) throw incomplete('bytes follow its end');
  return { bytes: Buffer.concat(chunks), trailers };
}
