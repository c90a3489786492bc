/**
 * Where a bucket and its objects are: `https://bucket.host/key` or `https://host/bucket/key`.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html, and the SDK's rules, which the
 * tests hold this against.
 */
import type { S3StoreOptions } from '../options.js';

export interface Address {
  /** `https://host:port` */
  readonly origin: string;
  readonly host: string;
  /** Of the bucket, without a slash at its end: empty where the host names the bucket. */
  readonly path: string;
}

export function addressOf(
  { bucket, endpoint, forcePathStyle }: Pick<S3StoreOptions, 'bucket' | 'endpoint' | 'forcePathStyle'>,
  region: string,
): Address {
  const url = new URL(
    endpoint ?? `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`,
  );
  const base = url.pathname.replace(/\/+$/, '');
  const pathStyle = forcePathStyle ?? endpoint !== undefined;
  if (!pathStyle && canBeHost(bucket, url)) {
    const host = `${bucket}.${url.host}`;
    return { origin: `${url.protocol}//${host}`, host, path: base };
  }
  return { origin: url.origin, host: url.host, path: `${base}/${encodePart(bucket)}` };
}

/** One label: a certificate for `*.host` is good for no more. And no name stands before an address. */
function canBeHost(bucket: string, { hostname }: URL): boolean {
  if (hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(hostname)) return false;
  return /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket);
}

/** RFC 3986 section 2.3, which signatures ask for: all but unreserved characters are encoded. */
export function encodePart(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The path of an object; slashes in its key stay slashes. */
export function pathOf({ path }: Address, key: string): string {
  if (/^[\w.~/-]*$/.test(key)) return `${path}/${key}`;
  return `${path}/${encodePart(key).replaceAll('%2F', '/')}`;
}
