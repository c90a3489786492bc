/** Signature Version 4 in headers, https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
import type { S3Credentials } from '../options.js';

export interface Signer {
  /** In hex. */
  sha256(bytes: Uint8Array): string | Promise<string>;
  /** @returns all headers to send: those of `request` and the signature's. */
  sign(
    request: ToSign,
    credentials: S3Credentials,
  ): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

export interface ToSign {
  readonly method: string;
  /** `https://host:port` */
  readonly origin: string;
  readonly host: string;
  /** With the query, percent-encoded as RFC 3986 section 2.3 has it. */
  readonly path: string;
  /** Names in lower case. `x-amz-content-sha256` and `x-amz-date` are among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
}

export type LoadSigner = () => Promise<Signer>;
