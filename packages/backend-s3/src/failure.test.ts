import { describe, expect, test } from 'vitest';
import { type CallKind, readFailure, retryAfterMsMax, storeErrorCode, toStoreError } from './failure.js';

/** An error as the SDK throws it for an answer of the server. */
function answered(status: number, code: string, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error('words'), {
    name: code,
    Code: code,
    $metadata: { httpStatusCode: status },
    $response: { statusCode: status, headers },
  });
}

function network(code: string): Error {
  return Object.assign(new Error('words'), { code });
}

const codes = (error: Error) =>
  (['get', 'put', 'delete', 'list'] satisfies CallKind[]).map((kind) =>
    storeErrorCode(kind, readFailure(error)),
  );

const same = (code: string) => [code, code, code, code];
const doubtful = ['UNAVAILABLE', 'UNKNOWN_OUTCOME', 'UNKNOWN_OUTCOME', 'UNAVAILABLE'];

describe('the error table, for get, put, delete and list', () => {
  test.each<[string, Error, string[]]>([
    ['no connection', network('ECONNREFUSED'), same('UNAVAILABLE')],
    ['no such host', network('ENOTFOUND'), same('UNAVAILABLE')],
    ['an untrusted certificate', network('DEPTH_ZERO_SELF_SIGNED_CERT'), same('INVALID')],
    ['a cut connection', network('ECONNRESET'), doubtful],
    ['a broken pipe', network('EPIPE'), doubtful],
    ['an error that nobody knows', new TypeError('fetch failed'), doubtful],
    ['no region', new Error('Region is missing'), same('INVALID')],
    ['500', answered(500, 'InternalError'), doubtful],
    ['502', answered(502, 'Unknown'), doubtful],
    ['503 SlowDown', answered(503, 'SlowDown'), doubtful],
    ['409', answered(409, 'ConditionalRequestConflict'), doubtful],
    ['408', answered(408, 'RequestTimeout'), doubtful],
    ['200 with a body that makes no sense', answered(200, 'SyntaxError'), doubtful],
    ['429', answered(429, 'TooManyRequests'), same('UNAVAILABLE')],
    ['a wrong clock', answered(403, 'RequestTimeTooSkewed'), same('UNAVAILABLE')],
    ['403', answered(403, 'AccessDenied'), same('DENIED')],
    ['401', answered(401, 'Unknown'), same('DENIED')],
    ['an expired token', answered(400, 'ExpiredToken'), same('DENIED')],
    ['301', answered(301, 'PermanentRedirect'), same('INVALID')],
    ['400', answered(400, 'InvalidRequest'), same('INVALID')],
    ['404 NoSuchBucket', answered(404, 'NoSuchBucket'), same('INVALID')],
    ['501', answered(501, 'NotImplemented'), same('INVALID')],
    [
      'an answer that nothing here can read',
      Object.assign(new ReferenceError('DOMParser is not defined'), { $metadata: { httpStatusCode: 200 } }),
      ['INVALID', 'UNKNOWN_OUTCOME', 'UNKNOWN_OUTCOME', 'INVALID'],
    ],
  ])('%s', (_, error, expected) => {
    expect(codes(error)).toEqual(expected);
  });
});

test('Retry-After is read as seconds and as a date', () => {
  expect(readFailure(answered(503, 'SlowDown', { 'retry-after': '3' })).retryAfterMs).toBe(3000);
  const past = new Date(0).toUTCString();
  expect(readFailure(answered(503, 'SlowDown', { 'retry-after': past })).retryAfterMs).toBe(0);
  expect(readFailure(answered(503, 'SlowDown', { 'retry-after': 'soon' })).retryAfterMs).toBeUndefined();
  for (const header of [new Date(Date.UTC(2099, 0)).toUTCString(), '3601', '9'.repeat(400)]) {
    expect(readFailure(answered(503, 'SlowDown', { 'retry-after': header })).retryAfterMs).toBe(
      retryAfterMsMax,
    );
  }
});

test('a redirect names the region that the server named', () => {
  const error = answered(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-3' });
  expect(toStoreError('get', 'GetObject of s3://b/k', error, '').message).toContain('in region eu-west-3');
});

test('a message stays short however long the key', () => {
  const error = toStoreError('get', `GetObject of s3://b/${'k'.repeat(5000)}`, network('ECONNRESET'), '');
  expect(error.message.length).toBeLessThan(700);
});
