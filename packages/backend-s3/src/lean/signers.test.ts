import { createHash } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodePart, pathOf } from './address.js';
import { loadNodeSigner } from './node-signer.js';
import type { Signer, ToSign } from './signer.js';
import { loadWebSigner } from './web-signer.js';

/** A signer, and the headers that it does not sign. */
const signers: [string, () => Promise<Signer>, string[]][] = [
  ['aws4', loadNodeSigner, ['range']],
  ['aws4fetch', loadWebSigner, ['range', 'content-type']],
];

const noBytes = createHash('sha256').digest('hex');

describe.each(signers)('%s', (_, load, unsigned) => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, the last two examples.
  test.each([
    ['/?lifecycle=', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['/?max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])("signs Amazon's example %s as it says", async (path, signature) => {
    const signer = await load();
    const host = 'examplebucket.s3.amazonaws.com';
    const headers = await signer.sign(
      {
        method: 'GET',
        origin: `https://${host}`,
        host,
        path,
        region: 'us-east-1',
        headers: { 'x-amz-content-sha256': noBytes, 'x-amz-date': '20130524T000000Z' },
      },
      { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    );
    expect(authorizationOf(headers)).toContain(`Signature=${signature}`);
  });

  test("signs any request as the SDK's signer does", async () => {
    const signer = await load();
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
    const anyKey = fc
      .oneof(name, fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 12 }))
      // What keys.ts refuses is never signed.
      .filter((key) => !key.startsWith('/') && !key.split('/').some((part) => part === '.' || part === '..'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'PUT', 'DELETE', 'POST', 'HEAD'),
        anyKey,
        fc.dictionary(
          fc.constantFrom('prefix', 'start-after', 'list-type', 'delete'),
          fc.string({ unit: 'grapheme' }),
        ),
        fc.dictionary(
          fc.constantFrom('if-match', 'if-none-match', 'x-oss-forbid-overwrite', 'content-type', 'range'),
          fc.constantFrom('*', '"abc"', 'true', 'a/b', 'bytes=0-9'),
        ),
        fc.option(fc.constant('token+/='), { nil: undefined }),
        fc.constantFrom('us-east-1', 'cn-hangzhou'),
        fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
        async (method, key, query, more, sessionToken, region, date) => {
          const credentials = {
            accessKeyId: 'id',
            secretAccessKey: 'secret',
            ...(sessionToken === undefined ? {} : { sessionToken }),
          };
          const host = 'bucket.example.com:9000';
          const path = pathOf({ origin: '', host, path: '/base' }, key);
          const search = Object.keys(query)
            .sort()
            .map((each) => `${each}=${encodePart(query[each]!)}`)
            .join('&');
          const time = date.toISOString().replace(/[-:]|\.\d{3}/g, '');
          const toSign: ToSign = {
            method,
            origin: `http://${host}`,
            host,
            path: search === '' ? path : `${path}?${search}`,
            region,
            headers: { ...more, 'x-amz-content-sha256': noBytes, 'x-amz-date': time },
          };
          const signed = await signer.sign(toSign, credentials);
          const theirs = await theirSigner(region, credentials).sign(
            {
              method,
              protocol: 'http:',
              hostname: 'bucket.example.com',
              port: 9000,
              path,
              query,
              headers: { ...more, host, 'x-amz-content-sha256': noBytes },
            },
            { signingDate: date, unsignableHeaders: new Set(unsigned) },
          );
          expect(authorizationOf(signed)).toBe(theirs.headers.authorization);
          for (const header of Object.keys(more)) expect(signed[header]).toBe(more[header]);
        },
      ),
    );
  });

  test('hashes bytes as everybody does', async () => {
    const signer = await load();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await signer.sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
      }),
    );
  });
});

function authorizationOf(headers: Readonly<Record<string, string>>): string | undefined {
  return headers.Authorization ?? headers.authorization;
}

function theirSigner(
  region: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): SignatureV4 {
  return new SignatureV4({ credentials, region, service: 's3', sha256: Sha256, uriEscapePath: false });
}

class Sha256 {
  readonly #bytes: Uint8Array[] = [];
  readonly #key: Uint8Array | undefined;
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    if (key !== undefined) this.#key = typeof key === 'string' ? Buffer.from(key) : bytesOf(key);
  }
  update(data: Uint8Array): void {
    this.#bytes.push(data);
  }
  async digest(): Promise<Uint8Array> {
    const { createHmac } = await import('node:crypto');
    const hash = this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key);
    for (const bytes of this.#bytes) hash.update(bytes);
    return hash.digest();
  }
  reset(): void {
    this.#bytes.length = 0;
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
