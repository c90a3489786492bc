/** Vectors: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)", its worked examples. */
import { describe, expect, test } from 'vitest';
import { decodeBody } from './chunked-body.js';
import { S3Error } from './s3-error.js';
import { type SignedParts, type SigningContext, verifySignature } from './sigv4.js';

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const nowMs = Date.parse('2013-05-24T00:00:00Z');
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function parts(
  method: string,
  rawPath: string,
  rawQuery: string,
  headers: Record<string, string>,
  signature: string,
): SignedParts {
  const signed = Object.keys(headers).sort().join(';');
  const scope = `${credentials.accessKeyId}/20130524/us-east-1/s3/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=${signed},Signature=${signature}`;
  return { method, rawPath, rawQuery, headers: { ...headers, authorization } };
}

const base = {
  host: 'examplebucket.s3.amazonaws.com',
  'x-amz-date': '20130524T000000Z',
  'x-amz-content-sha256': emptyHash,
};
const getObject = parts(
  'GET',
  '/test.txt',
  '',
  { ...base, range: 'bytes=0-9' },
  'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
);

function verify(request: SignedParts, at: number = nowMs): SigningContext {
  return verifySignature(request, credentials, 'us-east-1', at);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

describe('the signature of a request', () => {
  test("Amazon's example GET Object is accepted", () => {
    expect(verify(getObject).scope).toBe('20130524/us-east-1/s3/aws4_request');
  });

  test("Amazon's example PUT Object is accepted, with a $ in its key", () => {
    const headers = {
      ...base,
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    };
    const signature = '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd';
    verify(parts('PUT', '/test$file.text', '', headers, signature));
    verify(parts('PUT', '/test%24file.text', '', headers, signature));
  });

  test("Amazon's example GET Bucket is accepted with its query, in any order", () => {
    const signature = '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7';
    verify(parts('GET', '/', 'max-keys=2&prefix=J', base, signature));
    verify(parts('GET', '/', 'prefix=J&max-keys=2', base, signature));
    expect(codeOf(() => verify(parts('GET', '/', 'prefix=K&max-keys=2', base, signature)))).toBe(
      'SignatureDoesNotMatch',
    );
  });

  test("Amazon's example of a query without a value is accepted", () => {
    const signature = 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543';
    verify(parts('GET', '/', 'lifecycle', base, signature));
  });

  test('anything changed after signing is SignatureDoesNotMatch', () => {
    const { headers } = getObject;
    for (const changed of [
      { ...getObject, method: 'PUT' },
      { ...getObject, rawPath: '/test.tx' },
      { ...getObject, rawQuery: 'a' },
      { ...getObject, headers: { ...headers, range: 'bytes=0-8' } },
      { ...getObject, headers: { ...headers, 'x-amz-content-sha256': emptyHash.replace('e', 'f') } },
    ]) {
      expect(codeOf(() => verify(changed))).toBe('SignatureDoesNotMatch');
    }
  });

  test('a header that decides what happens must be signed', () => {
    for (const name of ['x-amz-acl', 'x-oss-forbid-overwrite', 'x-cos-forbid-overwrite']) {
      const added = { ...getObject, headers: { ...getObject.headers, [name]: 'true' } };
      expect(codeOf(() => verify(added))).toBe('AccessDenied');
    }
  });

  test('a signature counts for fifteen minutes around its time', () => {
    const minutesMs = 60_000;
    verify(getObject, nowMs + 15 * minutesMs);
    expect(codeOf(() => verify(getObject, nowMs + 15 * minutesMs + 1000))).toBe('RequestTimeTooSkewed');
    expect(codeOf(() => verify(getObject, nowMs - 15 * minutesMs - 1000))).toBe('RequestTimeTooSkewed');
  });

  test('what else is wrong has its own code', () => {
    const { headers } = getObject;
    const but = (change: Record<string, string>) => () =>
      verify({ ...getObject, headers: { ...headers, ...change } });
    const auth = headers.authorization!;
    const { authorization: _, ...anonymous } = headers;
    expect(codeOf(() => verify({ ...getObject, headers: anonymous }))).toBe('AccessDenied');
    expect(codeOf(but({ authorization: 'AWS AKIA:x' }))).toBe('InvalidRequest');
    expect(codeOf(but({ authorization: 'AWS4-HMAC-SHA256 Credential=x' }))).toBe(
      'AuthorizationHeaderMalformed',
    );
    expect(codeOf(but({ authorization: auth.replace('us-east-1', 'eu-west-1') }))).toBe(
      'AuthorizationHeaderMalformed',
    );
    expect(codeOf(but({ authorization: auth.replace('AKIA', 'AKIB') }))).toBe('InvalidAccessKeyId');
    expect(codeOf(but({ 'x-amz-security-token': 'x' }))).toBe('InvalidToken');
    expect(codeOf(but({ 'x-amz-date': 'yesterday' }))).toBe('AccessDenied');
  });
});

describe('a chunked body', () => {
  const chunks = [new Uint8Array(65536).fill(97), new Uint8Array(1024).fill(97), new Uint8Array(0)];

  function encode(signatures: readonly (string | undefined)[], trailers = ''): Buffer {
    const framed = chunks.flatMap((chunk, index) => {
      const signature = signatures[index];
      const extension = signature === undefined ? '' : `;chunk-signature=${signature}`;
      const head = Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`);
      return [head, chunk, Buffer.from(chunk.length === 0 ? '' : '\r\n')];
    });
    return Buffer.concat([...framed, Buffer.from(`${trailers}\r\n`)]);
  }

  const whole = Buffer.concat(chunks);
  const common = {
    host: 's3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
  };
  const signedHeaders = {
    ...common,
    'content-length': '66824',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  };
  const signed = parts(
    'PUT',
    '/examplebucket/chunkObject.txt',
    '',
    signedHeaders,
    '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  );
  const signatures = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ];

  test("Amazon's example of signed chunks is decoded", () => {
    const body = encode(signatures);
    expect(body).toHaveLength(66824);
    expect(whole.equals(decodeBody(body, signed.headers, verify(signed)))).toBe(true);
  });

  const trailerHeaders = {
    ...common,
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    'x-amz-trailer': 'x-amz-checksum-crc32c',
  };
  const withTrailer = parts(
    'PUT',
    '/examplebucket/chunkObject.txt',
    '',
    trailerHeaders,
    '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
  );
  const trailerSignatures = [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  ];
  const trailers =
    'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n';

  test("Amazon's example with a trailing checksum is decoded", () => {
    const body = encode(trailerSignatures, trailers);
    expect(whole.equals(decodeBody(body, withTrailer.headers, verify(withTrailer)))).toBe(true);
  });

  test('one changed byte, anywhere, is refused', () => {
    const signing = verify(withTrailer);
    const body = encode(trailerSignatures, trailers);
    for (let at = 0; at < body.length; at += 997) {
      const broken = Buffer.from(body);
      broken[at] = broken[at]! ^ 1;
      expect(codeOf(() => decodeBody(broken, withTrailer.headers, signing))).toMatch(
        /^(SignatureDoesNotMatch|IncompleteBody|MalformedTrailerError|BadDigest)$/,
      );
    }
  });

  test('unsigned chunks are protected by their trailing checksum', () => {
    const headers = { ...trailerHeaders, 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
    const signing = verify(withTrailer);
    const right = encode([], 'x-amz-checksum-crc32c:sOO8/Q==\r\n');
    expect(whole.equals(decodeBody(right, headers, signing))).toBe(true);
    const wrong = encode([], 'x-amz-checksum-crc32c:AAAAAA==\r\n');
    expect(codeOf(() => decodeBody(wrong, headers, signing))).toBe('BadDigest');
    expect(codeOf(() => decodeBody(encode([]), headers, signing))).toBe('MalformedTrailerError');
    expect(codeOf(() => decodeBody(right.subarray(0, -9), headers, signing))).toBe('IncompleteBody');
    const unknown = encode([], 'x-amz-checksum-crc64nvme:AAAAAAAAAAA=\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n');
    expect(codeOf(() => decodeBody(unknown, headers, signing))).toBe('NotImplemented');
  });

  test('a length that is not that of the object is refused', () => {
    const headers = { ...signed.headers, 'x-amz-decoded-content-length': '66561' };
    expect(codeOf(() => decodeBody(encode(signatures), headers, verify(signed)))).toBe('IncompleteBody');
  });

  test('a plain body must have the hash that was signed', () => {
    const signing = verify(getObject);
    expect(decodeBody(Buffer.alloc(0), getObject.headers, signing)).toHaveLength(0);
    expect(codeOf(() => decodeBody(Buffer.from('x'), getObject.headers, signing))).toBe(
      'XAmzContentSHA256Mismatch',
    );
    const free = { ...getObject.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    expect(decodeBody(Buffer.from('x'), free, signing)).toHaveLength(1);
  });
});
