/** Signs by aws4: synchronous, over Node's own SHA-256, with a day's signing key kept. */
import { createHash } from 'node:crypto';
import { giveBundleRequire } from '../bundle-require.js';
import type { Signer } from './signer.js';

export async function loadNodeSigner(): Promise<Signer> {
  giveBundleRequire();
  const { default: aws4 } = await import('aws4');
  return {
    sha256: (bytes) => createHash('sha256').update(bytes).digest('hex'),
    sign({ method, host, path, headers, region }, credentials) {
      const request = { service: 's3', method, host, path, region, headers: { ...headers, host } };
      return aws4.sign(request, credentials).headers;
    },
  };
}
