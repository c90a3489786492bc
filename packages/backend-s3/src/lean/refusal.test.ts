import { describe, expect, test } from 'vitest';
import { readFailure, toStoreError } from '../failure.js';
import { refusalOf } from './refusal.js';

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const taken = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return { status, body: taken, header: (name: string) => headers[name] };
}

const moved = (inner: string) =>
  `<?xml version="1.0"?><Error><Code>PermanentRedirect</Code><Message>elsewhere &amp; far</Message>${inner}</Error>`;

test('an error document tells its code, words and region', async () => {
  const refusal = await refusalOf(answer(301, moved('<Region>eu-west-3</Region>')));
  expect(readFailure(refusal)).toEqual({
    status: 301,
    code: 'PermanentRedirect',
    message: 'elsewhere & far',
    region: 'eu-west-3',
    retryAfterMs: undefined,
    isPage: false,
  });
});

test('a bucket in another region is INVALID, and the region to give is named', async () => {
  for (const refusal of [
    await refusalOf(answer(301, moved(''), { 'x-amz-bucket-region': 'eu-west-3' })),
    // The answer to a HEAD has no body.
    await refusalOf(answer(301, undefined, { 'x-amz-bucket-region': 'eu-west-3' })),
  ]) {
    const error = toStoreError('get', 'GetObject of s3://b/k', refusal, '');
    expect(error.code).toBe('INVALID');
    expect(error.message).toContain('The bucket is in region eu-west-3: give that as the region');
  }
});

describe('of what is no error document the status counts', () => {
  test.each(['', 'gateway time-out', '<html><Code>NoSuchBucket</Code></html>', '<Error>', '\u0000'])(
    '%j',
    async (body) => {
      const refusal = await refusalOf(answer(502, body, { 'retry-after': '2' }));
      expect(readFailure(refusal)).toMatchObject({ status: 502, code: 'Unknown', retryAfterMs: 2000 });
    },
  );

  test('also where it does not end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1024).fill(60);
    }
    expect(readFailure(await refusalOf(answer(403, endless())))).toMatchObject({
      status: 403,
      code: 'Unknown',
    });
  });
});

test("a gateway's page is an answer of nobody: it never says that an object is absent", async () => {
  const html = new TextEncoder().encode('<html>default backend - 404</html>');
  const refusal = await refusalOf(answer(404, html, { 'content-type': 'text/html; charset=utf-8' }));
  expect(readFailure(refusal)).toMatchObject({ status: 404, isPage: true });
  expect(toStoreError('get', 'GetObject of s3://b/k', refusal, '').code).toBe('UNAVAILABLE');
  expect(toStoreError('put', 'PutObject of s3://b/k', refusal, '').code).toBe('UNKNOWN_OUTCOME');
});
