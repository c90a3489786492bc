import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { timesOutAfterEffect, timesOutBefore } from './faults.js';
import { providers } from './quirks.js';
import { type S3DevServer, startS3DevServer } from './server.js';
import { canonicalRequest, sha256Hex, signingKeyOf } from './sigv4.js';

let server: S3DevServer;

beforeEach(async () => {
  server = await startS3DevServer({ buckets: ['state'] });
});
afterEach(() => server.close());

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Sends a signed request; rejects when the connection is cut or `patienceMs` is over. */
async function send(
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string; host?: string; patienceMs?: number } = {},
): Promise<Answer> {
  const [rawPath = '', rawQuery = ''] = path.split('?');
  const body = options.body ?? '';
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    host: options.host ?? `127.0.0.1:${server.port}`,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': sha256Hex(body),
    ...options.headers,
  };
  const names = Object.keys(headers).sort();
  const canonical = canonicalRequest(
    { method, rawPath, rawQuery, headers },
    names,
    headers['x-amz-content-sha256']!,
  );
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${server.region}/s3/aws4_request`;
  const key = signingKeyOf(server.credentials.secretAccessKey, date, server.region);
  const text = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256Hex(canonical)}`;
  const signature = createHmac('sha256', key).update(text).digest('hex');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${server.credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.patienceMs ?? 10_000);
    const sent = httpRequest(
      { host: '127.0.0.1', port: server.port, method, path, headers, signal },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode!,
            headers: incoming.headers as Record<string, string>,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const put = (key: string, body: string, headers: Record<string, string> = {}) =>
  send('PUT', `/state/${key}`, { body, headers });
const codeIn = ({ body }: Answer) => /<Code>(.*?)<\/Code>/.exec(body)?.[1];

describe('operations', () => {
  test('an object is put, read, measured, listed and deleted', async () => {
    const { status, headers } = await put('a/b', 'hello', { 'x-amz-meta-colour': 'blue' });
    const etag = `"${createHash('md5').update('hello').digest('hex')}"`;
    expect([status, headers.etag]).toEqual([200, etag]);
    const got = await send('GET', '/state/a/b');
    expect([got.status, got.body, got.headers.etag]).toEqual([200, 'hello', etag]);
    expect(got.headers['x-amz-meta-colour']).toBe('blue');
    const head = await send('HEAD', '/state/a/b');
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '5']);
    expect((await send('GET', '/state?list-type=2&prefix=a')).body).toContain('<Key>a/b</Key>');
    expect((await send('DELETE', '/state/a/b')).status).toBe(204);
    const gone = await send('GET', '/state/a/b');
    expect([gone.status, codeIn(gone)]).toEqual([404, 'NoSuchKey']);
  });

  test.each([
    ['bytes=1-2', 206, 'el', 'bytes 1-2/5'],
    ['bytes=3-99', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=2-', 206, 'llo', 'bytes 2-4/5'],
    ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
    ['bytes=-99', 206, 'hello', 'bytes 0-4/5'],
    ['bytes=2-1', 200, 'hello', undefined],
    ['lines=1-2', 200, 'hello', undefined],
  ])('range %s answers %i %s', async (range, status, body, contentRange) => {
    server.bucket('state').put('a', Buffer.from('hello'));
    const answer = await send('GET', '/state/a', { headers: { range } });
    expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([
      status,
      body,
      contentRange,
    ]);
  });

  test.each(['bytes=5-', 'bytes=9-10', 'bytes=-0'])(
    'range %s of five bytes is InvalidRange',
    async (range) => {
      server.bucket('state').put('a', Buffer.from('hello'));
      const answer = await send('GET', '/state/a', { headers: { range } });
      expect([answer.status, codeIn(answer), answer.headers['content-range']]).toEqual([
        416,
        'InvalidRange',
        'bytes */5',
      ]);
    },
  );

  test('conditions of reads are honoured', async () => {
    const { etag } = server.bucket('state').put('a', Buffer.from('hello'));
    const status = async (headers: Record<string, string>) =>
      (await send('GET', '/state/a', { headers })).status;
    expect(await status({ 'if-match': etag })).toBe(200);
    expect(await status({ 'if-match': '"x"' })).toBe(412);
    expect(await status({ 'if-none-match': etag })).toBe(304);
    expect(await status({ 'if-none-match': '"x"' })).toBe(200);
    expect(await status({ 'if-modified-since': new Date(Date.now() + 1000).toUTCString() })).toBe(304);
    expect(await status({ 'if-unmodified-since': new Date(0).toUTCString() })).toBe(412);
  });

  test('a list goes on by token, and folds what a delimiter ends', async () => {
    for (const key of ['a', 'b/1', 'b/2', 'c d']) server.bucket('state').put(key, Buffer.from('x'));
    const first = (await send('GET', '/state?list-type=2&max-keys=2')).body;
    expect(first).toContain('<IsTruncated>true</IsTruncated>');
    const token = /<NextContinuationToken>(.*?)</.exec(first)![1]!;
    const second = (await send('GET', `/state?continuation-token=${token}&encoding-type=url&list-type=2`))
      .body;
    expect(second.match(/<Key>.*?<\/Key>/g)).toEqual(['<Key>b/2</Key>', '<Key>c+d</Key>']);
    const folded = (await send('GET', '/state?delimiter=%2F&list-type=2')).body;
    expect(folded).toContain('<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>');
    expect(folded).toContain('<KeyCount>3</KeyCount>');
  });

  test('buckets are made, found and listed, by path and by host', async () => {
    expect((await send('HEAD', '/other')).status).toBe(404);
    expect((await send('PUT', '/other')).status).toBe(200);
    expect((await send('HEAD', '/', { host: `other.localhost:${server.port}` })).status).toBe(200);
    expect((await send('GET', '/')).body).toContain('<Name>other</Name>');
    expect(codeIn(await send('PUT', '/other'))).toBe('BucketAlreadyOwnedByYou');
    expect(codeIn(await send('PUT', '/No'))).toBe('InvalidBucketName');
    expect(codeIn(await send('GET', '/nowhere/a'))).toBe('NoSuchBucket');
  });

  test('versioning is set and told', async () => {
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    expect((await send('GET', '/state?versioning')).body).not.toContain('Status');
    expect((await send('PUT', '/state?versioning', { body })).status).toBe(200);
    expect((await send('GET', '/state?versioning')).body).toContain('<Status>Enabled</Status>');
    expect((await put('a', 'x')).headers['x-amz-version-id']).toMatch(/\d/);
  });

  test('what it does not do is 501, and other hosts are refused', async () => {
    expect(codeIn(await send('GET', '/state/a?acl'))).toBe('NotImplemented');
    expect(codeIn(await send('POST', '/state/a?uploads'))).toBe('NotImplemented');
    expect(codeIn(await put('a', '', { 'x-amz-copy-source': '/state/b' }))).toBe('NotImplemented');
    expect(codeIn(await send('GET', '/state/a', { host: 'example.org' }))).toBe('InvalidRequest');
  });

  test('an answer that is XML escapes what it quotes', async () => {
    expect((await send('GET', `/state/${encodeURIComponent('<&>\r')}`)).body).toContain(
      '<Key>&lt;&amp;&gt;&#xd;</Key>',
    );
  });
});

describe('conditional puts', () => {
  const create = { 'if-none-match': '*' };

  test('as S3 documents them', async () => {
    const first = await put('a', '1', create);
    expect(first.status).toBe(200);
    expect(codeIn(await put('a', '2', create))).toBe('PreconditionFailed');
    expect((await put('a', '2', { 'if-match': first.headers.etag! })).status).toBe(200);
    expect((await put('a', '3', { 'if-match': first.headers.etag! })).status).toBe(412);
    expect((await put('b', '3', { 'if-match': first.headers.etag! })).status).toBe(404);
    expect((await put('a', '3', { 'if-match': '"x"', ...create })).status).toBe(501);
    expect((await put('a', '3', { 'if-none-match': '"x"' })).status).toBe(501);
    expect(server.bucket('state').get('a')?.bytes).toEqual(new Uint8Array([0x32]));
  });

  test('of fifty racing creates one wins, whatever the latency', async () => {
    server.setQuirks({ latencyMs: 20 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => put('a', String(index), create)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
  });

  test.each([409, 500] as const)(
    'losers of a race may get %i, and late comers still 412',
    async (loserStatus) => {
      server.setQuirks({ latencyMs: 1000, loserStatus });
      const answers = await Promise.all(
        Array.from({ length: 5 }, (_, index) => put('a', String(index), create)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(4).fill(loserStatus)]);
      expect((await put('a', 'late', create)).status).toBe(412);
    },
  );

  test('quirks change what conditions do', async () => {
    server.bucket('state').put('a', Buffer.from('1'));
    const etag = server.bucket('state').get('a')!.etag;
    server.setQuirks(providers.backblaze);
    expect((await put('a', '2', create)).status).toBe(501);
    server.setQuirks({ conditions: 'honour', ifMatchQuoting: 'unquoted', ifMatchMissing: 412 });
    expect((await put('a', '1', { 'if-match': etag })).status).toBe(412);
    expect((await put('a', '1', { 'if-match': etag.slice(1, -1) })).status).toBe(200);
    expect((await put('b', '1', { 'if-match': 'x' })).status).toBe(412);
    server.setQuirks(providers.minioBefore202509);
    expect((await put('b', '1', { 'if-match': 'x' })).status).toBe(200);
    server.setQuirks({ emptyErrorBodies: true });
    expect(await put('a', '2', create)).toMatchObject({ status: 412, body: '' });
    server.setQuirks(providers.garage);
    expect((await put('a', '2', create)).status).toBe(200);
  });

  test('forbid-overwrite works like OSS: only without versioning, and If-* is refused', async () => {
    server.setQuirks(providers.oss);
    const forbid = { 'x-oss-forbid-overwrite': 'true' };
    expect((await put('a', '1', forbid)).status).toBe(200);
    expect(await put('a', '2', forbid).then((answer) => [answer.status, codeIn(answer)])).toEqual([
      409,
      'FileAlreadyExists',
    ]);
    expect((await put('a', '2', create)).status).toBe(501);
    server.setQuirks({ versioning: 'suspended' });
    expect((await put('a', '2', forbid)).status).toBe(200);
  });
});

describe('faults', () => {
  const objects = () => server.bucket('state').keys();

  test('a connection is cut before or after the effect', async () => {
    server.faults.next('PutObject', 'reset-before');
    await expect(put('a', '1')).rejects.toThrow();
    expect(objects()).toEqual([]);
    server.faults.next('PutObject', 'reset-after-effect');
    await expect(put('a', '1')).rejects.toThrow();
    expect(objects()).toEqual(['a']);
    expect(server.requests.map(({ status }) => status)).toEqual([undefined, undefined]);
  });

  test('an answer is cut in its middle, whether it has a body or not', async () => {
    server.faults.next('*', 'slow-close', 3);
    await expect(put('a', 'hello')).rejects.toThrow();
    await expect(send('GET', '/state/a')).rejects.toThrow();
    await expect(send('DELETE', '/state/a')).rejects.toThrow();
    expect(objects()).toEqual([]);
  });

  test('an error is answered before or after the effect', async () => {
    server.faults.next('PutObject', {
      status: 503,
      code: 'SlowDown',
      after: 'nothing',
      retryAfterSeconds: 7,
    });
    const slow = await put('a', '1');
    expect([slow.status, codeIn(slow), slow.headers['retry-after']]).toEqual([503, 'SlowDown', '7']);
    expect(objects()).toEqual([]);
    server.faults.next('PutObject', { status: 500, after: 'effect' });
    expect((await put('a', '1')).status).toBe(500);
    expect(objects()).toEqual(['a']);
  });

  test('the next put times out, before or after it took effect', async () => {
    server.faults.next('PutObject', timesOutBefore);
    await expect(send('PUT', '/state/a', { patienceMs: 200 })).rejects.toThrow();
    expect(objects()).toEqual([]);
    server.faults.next('PutObject', timesOutAfterEffect);
    await expect(send('PUT', '/state/a', { patienceMs: 1500 })).rejects.toThrow();
    expect(objects()).toEqual(['a']);
  });

  test('a fault meets only the operation and the number of requests it was asked for', async () => {
    server.faults.next('GetObject', { status: 500, after: 'nothing' }, 2);
    expect((await put('a', '1')).status).toBe(200);
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await send('GET', '/state/a')).status);
    expect(statuses).toEqual([500, 500, 200]);
    expect(server.faults.pending).toBe(0);
  });

  test('a hook decides by the request', async () => {
    server.setQuirks({ fault: ({ key }) => (key === 'bad' ? { status: 500, after: 'nothing' } : undefined) });
    expect((await put('good', '1')).status).toBe(200);
    expect((await put('bad', '1')).status).toBe(500);
  });
});

describe('answers without end', () => {
  test.each([
    ['as it is asked for', { endlessBody: true }, 200],
    ['of an error', { endlessBody: true, status: 503 }, 503],
    ['with a length that is announced', { endlessBody: true, announced: 2 ** 40 }, 200],
    ['drop by drop', { endlessBody: true, dripMs: 1 }, 200],
  ] as const)('a body goes on until the client hangs up, %s', async (_, fault, status) => {
    server.bucket('state').put('key', new Uint8Array(3));
    server.faults.next('GetObject', fault);
    await expect(send('GET', '/state/key', { patienceMs: 300 })).rejects.toThrow();
    const [logged] = server.requests;
    expect(logged).toMatchObject({ operation: 'GetObject', status });
    expect(logged!.bytesOut).toBeGreaterThan(3);
  });

  test('a HEAD has no body that could go on', async () => {
    server.bucket('state').put('key', new Uint8Array(3));
    server.faults.next('HeadObject', { endlessBody: true });
    expect(await send('HEAD', '/state/key')).toMatchObject({ status: 200, body: '' });
  });
});

describe('listings that are wrong', () => {
  const list = (query: string) => send('GET', `/state?list-type=2&max-keys=2${query}`);
  const names = (answer: Answer) => [...answer.body.matchAll(/<Key>(.*?)<\/Key>/g)].map((match) => match[1]);
  const tokenOf = (answer: Answer) => /<NextContinuationToken>(.*?)</.exec(answer.body)?.[1];

  beforeEach(() => {
    for (const key of ['a/1', 'b/1', 'b/2', 'b/3']) server.bucket('state').put(key, new Uint8Array(1));
  });

  test('repeats: each page is the first one', async () => {
    server.setQuirks({ listing: 'repeats' });
    const first = await list('&prefix=b%2F');
    const second = await list(`&prefix=b%2F&continuation-token=${tokenOf(first)}`);
    expect([names(first), names(second)]).toEqual([
      ['b/1', 'b/2'],
      ['b/1', 'b/2'],
    ]);
    expect(tokenOf(second)).toBe(tokenOf(first));
  });

  test('reversed: a page goes backwards, and the next one goes on', async () => {
    server.setQuirks({ listing: 'reversed' });
    const first = await list('');
    expect(names(first)).toEqual(['b/1', 'a/1']);
    expect(names(await list(`&continuation-token=${tokenOf(first)}`))).toEqual(['b/3', 'b/2']);
  });

  test('empty: there is always another page, by another token', async () => {
    server.setQuirks({ listing: 'empty' });
    const first = await list('');
    const second = await list(`&continuation-token=${tokenOf(first)}`);
    expect([names(first), names(second)]).toEqual([[], []]);
    expect(tokenOf(second)).not.toBe(tokenOf(first));
  });

  test('ignores-prefix, html', async () => {
    server.setQuirks({ listing: 'ignores-prefix' });
    expect(names(await list('&prefix=b%2F'))).toEqual(['a/1', 'b/1']);
    server.setQuirks({ listing: 'html' });
    expect(await list('')).toMatchObject({ status: 200, body: expect.stringContaining('log in') });
  });
});
