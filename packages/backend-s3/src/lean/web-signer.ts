/** Signs by aws4fetch, over Web Crypto: for platforms without Node's modules. */
import { AwsV4Signer } from 'aws4fetch';
import type { Signer } from './signer.js';

export async function loadWebSigner(): Promise<Signer> {
  // The day's signing key, and few of them. Its names hold secrets, so it is nobody else's.
  const cache = new Map<string, ArrayBuffer>();
  return {
    async sha256(bytes) {
      const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
    },
    async sign({ method, origin, path, headers, region }, credentials) {
      if (cache.size > signingKeysMax) cache.clear();
      const signed = await new AwsV4Signer({
        service: 's3',
        method,
        url: origin + path,
        headers: { ...headers },
        region,
        datetime: headers['x-amz-date']!,
        cache,
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      }).sign();
      return Object.fromEntries(signed.headers as unknown as Iterable<[string, string]>);
    },
  };
}

const signingKeysMax = 16;
