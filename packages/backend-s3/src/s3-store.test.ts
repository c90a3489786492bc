import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { StoreError, type StoreErrorCode } from '@holdfast/object-store';
import {
  type Fault,
  providers,
  type Quirks,
  type S3DevServer,
  startS3DevServer,
} from '@holdfast/s3-dev-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { S3StoreOptions } from './options.js';
import type { S3Store } from './s3-store.js';
import { clients } from './test/clients-fixture.js';

const bytes = (...values: number[]) => new Uint8Array(values);
const text = (value: string) => new TextEncoder().encode(value);

describe.each(clients)('through $name', (client) => {
  let server: S3DevServer;
  let store: S3Store;
  const opened: S3Store[] = [];
  const closing: (() => void)[] = [];

  function open(options: Partial<S3StoreOptions> = {}): S3Store {
    const made = client.open({
      bucket: 'state',
      prefix: 'db',
      endpoint: server.url,
      region: server.region,
      credentials: server.credentials,
      ...options,
    });
    opened.push(made);
    return made;
  }

  /** A server that knows no ranges: every GET is answered with the first zeros of an object of `size` bytes. */
  async function wholeObjects(size: number): Promise<string> {
    const http = createServer((_, answer) => {
      answer.writeHead(200, { etag: '"1"', 'content-length': String(size) });
      answer.write(new Uint8Array(1_000));
    });
    closing.push(() => {
      http.closeAllConnections();
      http.close();
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  async function start(quirks: Partial<Quirks> = {}): Promise<void> {
    server = await startS3DevServer({ buckets: ['state'], quirks });
  }

  async function expectCode(
    promise: Promise<unknown>,
    code: StoreErrorCode,
    message = '',
  ): Promise<StoreError> {
    const error = await promise.then(
      (value) => expect.fail(`expected ${code}, got ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(StoreError);
    expect((error as StoreError).message).toContain(message);
    expect(`${(error as StoreError).code} ${(error as StoreError).message}`).toMatch(new RegExp(`^${code} `));
    return error as StoreError;
  }

  async function keysOf(listing: AsyncIterable<{ key: string }>): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of listing) keys.push(key);
    return keys;
  }

  beforeAll(() => start());
  afterAll(() => server.close());
  beforeEach(() => {
    store = open();
  });
  afterEach(async () => {
    for (const made of opened.splice(0)) await made.close();
    for (const close of closing.splice(0)) close();
    server.faults.clear();
    server.requests.length = 0;
    for (const key of server.bucket('state').keys()) server.bucket('state').delete(key);
  });

  describe('reads', () => {
    test('an object comes back with its bytes, ETag and size', async () => {
      const { etag } = await store.put('a', bytes(1, 2, 3));
      expect(await store.get('a')).toMatchObject({ bytes: bytes(1, 2, 3), etag, size: 3 });
      expect(server.bucket('state').keys()).toEqual(['db/a']);
    });

    test('an object that is not there is undefined', async () => {
      expect(await store.get('a')).toBeUndefined();
      expect(await store.get('a', { range: { offset: 0, length: 0 } })).toBeUndefined();
      expect(await store.get('a', { range: { offset: -3, length: 3 } })).toBeUndefined();
    });

    test.each([
      [{ offset: 1, length: 2 }, [2, 3]],
      [{ offset: 3, length: 99 }, [4, 5]],
      [{ offset: -2, length: 2 }, [4, 5]],
      [{ offset: -4, length: 2 }, [2, 3]],
      [{ offset: -99, length: 3 }, [1, 2, 3]],
      [{ offset: 5, length: 1 }, []],
      [{ offset: 99, length: 1 }, []],
      [{ offset: 2, length: 0 }, []],
      [{ offset: 0, length: Number.MAX_SAFE_INTEGER }, [1, 2, 3, 4, 5]],
    ])('range %o of five bytes is %o', async (range, expected) => {
      const { etag } = await store.put('a', bytes(1, 2, 3, 4, 5));
      expect(await store.get('a', { range })).toMatchObject({
        bytes: new Uint8Array(expected),
        etag,
        size: 5,
      });
      const ranges = server.requests
        .map(({ headers }) => headers.range)
        .filter((header) => header !== undefined);
      for (const header of ranges) expect(header).toMatch(/^bytes=(\d+-\d+|-\d+)$/);
    });

    test('any range of an empty object is empty', async () => {
      await store.put('a', bytes());
      for (const offset of [0, 1, -1]) {
        expect(await store.get('a', { range: { offset, length: 1 } })).toMatchObject({
          bytes: bytes(),
          size: 0,
        });
      }
    });

    test('an answer that is cut in the middle is UNAVAILABLE, never half an object', async () => {
      await store.put('a', new Uint8Array(100_000));
      server.faults.next('GetObject', 'slow-close');
      await expectCode(store.get('a'), 'UNAVAILABLE');
    });

    test('a server that does not answer is UNAVAILABLE after requestTimeoutMs', async () => {
      const hasty = open({ requestTimeoutMs: 100 });
      server.faults.next('GetObject', { delayMs: 60_000 });
      await expectCode(hasty.get('a'), 'UNAVAILABLE', '100 ms');
    });

    test('an aborted read rejects with the reason of its signal', async () => {
      const controller = new AbortController();
      server.faults.next('GetObject', { delayMs: 60_000 });
      const reading = store.get('a', { signal: controller.signal });
      setTimeout(() => controller.abort(new RangeError('enough')), 50);
      await expect(reading).rejects.toThrow(new RangeError('enough'));
    });
  });

  describe('conditional puts', () => {
    test('a create of an existing object is occupied and changes nothing', async () => {
      expect(await store.put('a', bytes(1), { ifAbsent: true })).toHaveProperty('etag');
      expect(await store.put('a', bytes(2), { ifAbsent: true })).toEqual({ occupied: true });
      expect((await store.get('a'))?.bytes).toEqual(bytes(1));
    });

    test('a body is sent whole, with its hash signed, and with no other checksum', async () => {
      await store.put('a', text('abc'), { ifAbsent: true });
      const { headers } = server.requests[0]!;
      expect(headers['x-amz-content-sha256']).toBe(createHash('sha256').update('abc').digest('hex'));
      expect(headers.authorization).toMatch(/SignedHeaders=[^,]*if-none-match;x-amz-content-sha256/);
      expect(headers['content-length']).toBe('3');
      expect(headers.expect).toBeUndefined();
      expect(Object.keys(headers).filter((name) => /checksum|md5|trailer|encoding/.test(name))).toEqual(
        // That of answers is fetch's own.
        headers['accept-encoding'] === undefined ? [] : ['accept-encoding'],
      );
    });

    test('bodies of any size arrive as they were', async () => {
      for (const size of [0, 1, 16_383, 16_384, 16_385, 100_000]) {
        const body = new Uint8Array(size).map((_, index) => (index * 7) % 256);
        await store.put('a', body);
        // Vitest takes seconds to compare arrays of that length.
        const stored = server.bucket('state').get('db/a')?.bytes;
        const read = (await store.get('a'))?.bytes;
        expect([stored, read].map((found) => found && Buffer.compare(found, body))).toEqual([0, 0]);
      }
    });

    test('of fifty racing creates one wins', async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => store.put('a', bytes(index), { ifAbsent: true })),
      );
      const winners = results.flatMap(({ occupied }, index) => (occupied ? [] : [index]));
      expect(winners).toHaveLength(1);
      expect((await store.get('a'))?.bytes).toEqual(bytes(winners[0]!));
    });

    test('a replacement needs the ETag of the object that is there', async () => {
      const first = await store.put('a', bytes(1));
      const second = await store.put('a', bytes(2), { ifMatch: first.etag! });
      expect(second).toHaveProperty('etag');
      expect(await store.put('a', bytes(3), { ifMatch: first.etag! })).toEqual({ occupied: true });
      expect(await store.put('b', bytes(3), { ifMatch: first.etag! })).toEqual({ occupied: true });
      expect((await store.get('a'))?.bytes).toEqual(bytes(2));
    });

    test('both conditions at once are INVALID', async () => {
      await expectCode(store.put('a', bytes(1), { ifAbsent: true, ifMatch: '"x"' }), 'INVALID', 'not both');
    });

    test.each<[string, Fault]>([
      ['a connection cut before the effect', 'reset-before'],
      ['a connection cut after it', 'reset-after-effect'],
      ['half an answer', 'slow-close'],
      ['500', { status: 500, after: 'effect' }],
      ['503 SlowDown', { status: 503, code: 'SlowDown', after: 'nothing' }],
      [
        '409 ConditionalRequestConflict',
        { status: 409, code: 'ConditionalRequestConflict', after: 'nothing' },
      ],
      ['400 RequestTimeout', { status: 400, code: 'RequestTimeout', after: 'nothing' }],
    ])('%s is UNKNOWN_OUTCOME, and the put is sent once', async (_, fault) => {
      server.faults.next('PutObject', fault, 2);
      await expectCode(store.put('a', bytes(1), { ifAbsent: true }), 'UNKNOWN_OUTCOME');
      expect(server.requests).toHaveLength(1);
    });

    test('a put that is not answered in time is UNKNOWN_OUTCOME', async () => {
      const hasty = open({ requestTimeoutMs: 1000 });
      server.faults.next('PutObject', { delayMs: 60_000 });
      await expectCode(hasty.put('a', bytes(1), { ifAbsent: true }), 'UNKNOWN_OUTCOME', '1000 ms');
      expect(server.bucket('state').keys()).toEqual(['db/a']);
    });

    test('a put that is aborted on its way is UNKNOWN_OUTCOME, and one before it is sent is not', async () => {
      const controller = new AbortController();
      server.faults.next('PutObject', { delayMs: 60_000 });
      const putting = expectCode(
        store.put('a', bytes(1), { ifAbsent: true, signal: controller.signal }),
        'UNKNOWN_OUTCOME',
      );
      await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 10_000 });
      controller.abort(new RangeError('enough'));
      await putting;
      const late = store.put('b', bytes(1), { signal: controller.signal });
      await expect(late).rejects.toThrow(new RangeError('enough'));
    });

    test('a server that is not there is UNAVAILABLE: nothing was sent', async () => {
      const gone = await startS3DevServer();
      await gone.close();
      const nowhere = open({ endpoint: gone.url });
      await expectCode(nowhere.put('a', bytes(1), { ifAbsent: true }), 'UNAVAILABLE', 'ECONNREFUSED');
    });

    test('429 is UNAVAILABLE and says how long to wait', async () => {
      server.faults.next('PutObject', {
        status: 429,
        after: 'nothing',
        code: 'SlowDown',
        retryAfterSeconds: 2,
      });
      const error = await expectCode(store.put('a', bytes(1), { ifAbsent: true }), 'UNAVAILABLE');
      expect(error.retryAfterMs).toBe(2000);
    });
  });

  describe('deletes and lists', () => {
    test('2,500 keys are deleted in three requests, and missing ones are no error', async () => {
      const keys = Array.from({ length: 2500 }, (_, index) => `k${index}`);
      for (const key of keys) server.bucket('state').put(`db/${key}`, bytes());
      server.bucket('state').put('db/kept', bytes());
      await store.delete([...keys, 'missing']);
      expect(server.requests.map(({ operation }) => operation)).toEqual(Array(3).fill('DeleteObjects'));
      expect(server.bucket('state').keys()).toEqual(['db/kept']);
    });

    test('a server without DeleteObjects is asked for single deletes, and remembered', async () => {
      server.setQuirks({ bulkDelete: 'refuse501' });
      for (const key of ['a', 'b', 'c', 'd']) await store.put(key, bytes());
      await store.delete(['a', 'b']);
      await store.delete(['c', 'd']);
      server.setQuirks({ bulkDelete: 'honour' });
      expect(server.bucket('state').keys()).toEqual([]);
      expect(server.requests.filter(({ operation }) => operation === 'DeleteObjects')).toHaveLength(1);
    });

    test('a delete whose answer is lost is UNKNOWN_OUTCOME', async () => {
      server.faults.next('DeleteObject', 'reset-after-effect');
      await expectCode(store.delete(['a']), 'UNKNOWN_OUTCOME');
    });

    test('keys with any characters come back from put, list and delete', async () => {
      const keys = [
        'a b',
        'a+b',
        'a%20b',
        'a&<>"\'b',
        'é\u{1f600}',
        '\u0001\n',
        'x/y//z',
        '~!*()',
        '%',
        '#?=;,',
      ];
      for (const key of keys) await store.put(key, text(key));
      for (const key of keys) expect((await store.get(key))?.bytes).toEqual(text(key));
      expect((await keysOf(store.list(''))).sort()).toEqual([...keys].sort());
      await store.delete(keys);
      expect(await keysOf(store.list(''))).toEqual([]);
    });

    test('a listing of 2,100 objects goes on over pages, from after on, up to limit', async () => {
      const keys = Array.from({ length: 2100 }, (_, index) => `log/${String(index).padStart(5, '0')}`);
      for (const key of keys) server.bucket('state').put(`db/${key}`, bytes(1));
      server.bucket('state').put('db/seg/1', bytes(1));
      expect(await keysOf(store.list('log/'))).toEqual(keys);
      expect(await keysOf(store.list('log/', { after: keys[2]!, limit: 3 }))).toEqual(keys.slice(3, 6));
      expect(await keysOf(store.list('log/', { after: 'a' }))).toHaveLength(2100);
      expect(server.requests.map(({ operation }) => operation)).toEqual(Array(7).fill('ListObjectsV2'));
    });

    test('an unordered store is asked for whole folders and sifted', async () => {
      server.setQuirks({ unorderedList: true });
      const express = open({ orderedList: false });
      for (const key of ['log/1', 'log/2', 'log/3', 'seg/1']) await store.put(key, bytes(1));
      expect((await keysOf(express.list('log/', { after: 'log/1' }))).sort()).toEqual(['log/2', 'log/3']);
      expect(await keysOf(express.list('se'))).toEqual(['seg/1']);
      server.setQuirks({ unorderedList: false });
    });
  });

  describe('what a store sends without end', () => {
    // What is in the sockets' buffers when we hang up.
    const underWay = 32 * 1024 * 1024;
    const sentBytes = (): number => server.requests.reduce((sum, { bytesOut = 0 }) => sum + bytesOut, 0);

    test.each([
      ['a whole object', { maxBytes: 1_000 }],
      ['a range', { range: { offset: 1, length: 2 } }],
      ['a range with a larger bound', { range: { offset: 1, length: 2 }, maxBytes: 10_000 }],
      ['a range from the end', { range: { offset: -2, length: 2 } }],
    ])('is not taken beyond the bound of %s', async (_, options) => {
      await store.put('a', bytes(1, 2, 3, 4));
      server.faults.next('GetObject', { endlessBody: true });
      const error = await expectCode(store.get('a', options), 'TOO_LARGE');
      expect(error.message).toContain('went on sending a');
      expect(sentBytes()).toBeLessThan(underWay);
    });

    test('is not begun with where the announced length is beyond the bound', async () => {
      await store.put('a', bytes(1, 2, 3, 4));
      server.faults.next('GetObject', { endlessBody: true, announced: 2 ** 40 });
      await expectCode(store.get('a', { maxBytes: 1_000 }), 'TOO_LARGE', `${2 ** 40} bytes`);
      expect(sentBytes()).toBeLessThan(underWay);
    });

    test('is cut to the range by a server that answers a range with all there is', async () => {
      // Its length is known, and what lies behind the range is not waited for.
      const whole = client.open({
        bucket: 'state',
        endpoint: await wholeObjects(2 ** 40),
        credentials: server.credentials,
      });
      opened.push(whole);
      expect(await whole.get('a', { range: { offset: 3, length: 4 } })).toMatchObject({
        bytes: bytes(0, 0, 0, 0),
        size: 2 ** 40,
      });
    });

    test('an error without end counts as the error that it is', async () => {
      for (const [status, code] of [
        [403, 'DENIED'],
        [500, 'UNAVAILABLE'],
        [400, 'INVALID'],
      ] as const) {
        server.faults.next('GetObject', { endlessBody: true, status });
        await expectCode(store.get('a'), code);
      }
      server.faults.next('GetObject', { endlessBody: true, status: 404 });
      expect(await store.get('a')).toBeUndefined();
      server.faults.next('PutObject', { endlessBody: true, status: 412 });
      expect(await store.put('a', bytes(1), { ifAbsent: true })).toEqual({ occupied: true });
      server.faults.next('PutObject', { endlessBody: true, status: 503 });
      await expectCode(store.put('a', bytes(1)), 'UNKNOWN_OUTCOME');
      server.faults.next('ListObjectsV2', { endlessBody: true, status: 500 });
      await expectCode(keysOf(store.list('')), 'UNAVAILABLE');
      expect(sentBytes()).toBeLessThan(8 * underWay);
    });

    test('a listing, and what follows on an answer that needs none', async () => {
      server.faults.next('ListObjectsV2', { endlessBody: true });
      await expectCode(keysOf(store.list('')), 'TOO_LARGE');
      server.faults.next('PutObject', { endlessBody: true });
      expect(await store.put('a', bytes(1), { ifAbsent: true })).toHaveProperty('etag');
      server.faults.next('DeleteObjects', { endlessBody: true });
      await expectCode(store.delete(['a', 'b']), 'UNKNOWN_OUTCOME');
      server.faults.next('GetBucketVersioning', { endlessBody: true });
      await expectCode(store.bucketVersioning(), 'TOO_LARGE');
      expect(sentBytes()).toBeLessThan(4 * underWay);
    });

    test('drop by drop ends by requestTimeoutMs, and the connection with it', async () => {
      const hasty = open({ requestTimeoutMs: 200 });
      await store.put('a', bytes(1, 2, 3));
      for (const [operation, call] of [
        ['GetObject', () => hasty.get('a', { maxBytes: 1_000_000 })],
        ['ListObjectsV2', () => keysOf(hasty.list(''))],
      ] as const) {
        server.faults.next(operation, { endlessBody: true, dripMs: 5 });
        await expectCode(call(), 'UNAVAILABLE', 'no answer within 200 ms');
        const dropped = server.requests.at(-1)!;
        await vi.waitFor(async () => {
          const before = dropped.bytesOut;
          await new Promise((resolve) => setTimeout(resolve, 40));
          expect(dropped.bytesOut).toBe(before);
        });
      }
    });

    test('redirects are not followed', async () => {
      for (const status of [301, 302, 307, 308]) {
        server.requests.length = 0;
        const location = `${server.url}/state/db/a`;
        server.faults.next('*', { status, after: 'nothing', code: 'TemporaryRedirect', location });
        await expectCode(store.get('a'), 'INVALID');
        expect(server.requests).toHaveLength(1);
      }
    });

    test('bodies that are read to their end leave their connection for the next one', async () => {
      await store.put('a', new Uint8Array(100_000));
      const before = server.connections;
      for (let i = 0; i < 5; i++) {
        await store.get('a');
        await store.get('a', { maxBytes: 100_000, range: { offset: -10, length: 10 } });
        await store.get('missing');
        await keysOf(store.list(''));
      }
      expect(server.connections).toBe(before);
    });
  });

  describe('listings that can not be true', () => {
    beforeEach(() => {
      for (let i = 0; i < 5; i++) server.bucket('state').put(`db/log/${i}`, bytes(i));
    });
    afterEach(() => server.setQuirks({ listing: 'right', unorderedList: false }));

    test.each([
      ['repeats', 'ascending order', 2],
      ['reversed', 'ascending order', 1],
      ['html', 'ListBucketResult', 1],
    ] as const)('%s is INVALID after a request or two', async (listing, words, requests) => {
      server.setQuirks({ listing });
      await expectCode(keysOf(store.list('log/')), 'INVALID', words);
      expect(server.requests).toHaveLength(requests);
    });

    test('the same page again is INVALID where there is no order, by its token', async () => {
      server.setQuirks({ listing: 'repeats', unorderedList: true });
      await expectCode(keysOf(open({ orderedList: false }).list('log/')), 'INVALID', 'continuation token');
      expect(server.requests).toHaveLength(2);
    });

    test('pages without objects end, by and by', async () => {
      server.setQuirks({ listing: 'empty' });
      await expectCode(keysOf(store.list('log/')), 'TOO_LARGE', 'without an object');
      expect(server.requests).toHaveLength(1_001);
    });

    test('what was not asked for is left out', async () => {
      server.bucket('state').put('another/log/1', bytes(1));
      server.bucket('state').put('db/seg/1', bytes(1));
      server.setQuirks({ listing: 'ignores-prefix' });
      expect(await keysOf(store.list('log/', { after: 'log/2' }))).toEqual(['log/3', 'log/4']);
    });

    test('the marker of the folder that the store is in is none of its objects', async () => {
      server.bucket('state').put('db/', bytes());
      expect(await keysOf(store.list(''))).toEqual(['log/0', 'log/1', 'log/2', 'log/3', 'log/4']);
    });
  });

  describe('keys and prefixes', () => {
    test.each(['', '/a', '..', 'a/..', '../a', 'a/../../other/b', '.', 'a/./b', '\ud800'])(
      'key %j is INVALID before anything is sent',
      async (key) => {
        for (const call of [store.get(key), store.put(key, bytes()), store.delete(['a', key])]) {
          await expectCode(call, 'INVALID', 'key');
        }
        await expectCode(store.get(key, { range: { offset: 0, length: 0 } }), 'INVALID');
        expect(server.requests).toEqual([]);
      },
    );

    test.each(['..', 'a/..', '../a', 'a/../b', '.', 'a/./b', 'a//b', '\ud800'])(
      'prefix %j is refused',
      (prefix) => {
        expect(() => open({ prefix })).toThrow(TypeError);
      },
    );

    test.each(['', '.', '..', 'a/b', 'a?b', 'a#b', 'a%2fb', 'a\\b', 'a b', 'a\nb'])(
      'bucket %j is refused',
      (bucket) => {
        expect(() => open({ bucket })).toThrow(TypeError);
      },
    );

    test('names with dots in them, and folder markers, are names', async () => {
      for (const key of ['...', '.a', 'a..', 'a/.b', '..a/b', 'folder/']) {
        await store.put(key, text(key));
        expect((await store.get(key))?.bytes).toEqual(text(key));
      }
    });

    test('bytes of another realm are sent as bytes', async () => {
      await store.put('a', runInNewContext('Uint8Array.of(1, 2, 3).subarray(1)') as Uint8Array);
      expect(server.bucket('state').get('db/a')?.bytes).toEqual(bytes(2, 3));
    });
  });

  describe('what is wrong is said', () => {
    test('missing, wrong and refused credentials are DENIED, with the variables to set', async () => {
      const missing = open({ credentials: async () => Promise.reject(named('CredentialsProviderError')) });
      await expectCode(missing.put('a', bytes()), 'DENIED', 'AWS_ACCESS_KEY_ID');
      const wrong = open({ credentials: { ...server.credentials, secretAccessKey: 'other' } });
      await expectCode(wrong.get('a'), 'DENIED', 'SignatureDoesNotMatch');
      const unknown = open({ credentials: { ...server.credentials, accessKeyId: 'other' } });
      await expectCode(unknown.get('a'), 'DENIED', 'InvalidAccessKeyId');
      server.faults.next('PutObject', { status: 403, code: 'AccessDenied', after: 'nothing' });
      await expectCode(store.put('a', bytes()), 'DENIED', 's3:GetObject');
    });

    test('a bucket that is not there is INVALID for every call', async () => {
      const lost = open({ bucket: 'nowhere' });
      await expectCode(lost.get('a'), 'INVALID', 'Create the bucket');
      await expectCode(lost.put('a', bytes()), 'INVALID', 'Create the bucket');
      await expectCode(lost.put('a', bytes(), { ifMatch: '"x"' }), 'INVALID', 'Create the bucket');
      await expectCode(lost.delete(['a']), 'INVALID', 'Create the bucket');
      await expectCode(lost.delete(['a', 'b']), 'INVALID', 'Create the bucket');
      await expectCode(keysOf(lost.list('')), 'INVALID', 'Create the bucket');
    });

    test('a wrong region is INVALID and the right one is named', async () => {
      await expectCode(open({ region: 'eu-west-3' }).get('a'), 'INVALID', 'in region us-east-1');
    });

    test('a store that refuses conditions is INVALID: they were not honoured and nothing was written', async () => {
      server.setQuirks({ conditions: 'refuse501' });
      await expectCode(store.put('a', bytes(1), { ifAbsent: true }), 'INVALID', 'NotImplemented');
      server.setQuirks({ conditions: 'honour' });
      expect(server.bucket('state').keys()).toEqual([]);
    });

    test('a clock that is wrong by an hour is UNAVAILABLE once, and then corrected', async () => {
      const late = await startS3DevServer({ buckets: ['state'], nowMs: () => Date.now() + 3_600_000 });
      const skewed = open({ endpoint: late.url });
      await expectCode(skewed.put('a', bytes(1), { ifAbsent: true }), 'UNAVAILABLE', 'clock');
      expect(await skewed.put('a', bytes(1), { ifAbsent: true })).toHaveProperty('etag');
      await late.close();
    });

    test('bad options are TypeErrors that name the option', () => {
      expect(() => open({ bucket: 'a/b' })).toThrow(/^bucket must be/);
      expect(() => open({ endpoint: 'localhost:9000' })).toThrow(/^endpoint must begin/);
      expect(() => open({ endpoint: 'http://me:secret@localhost:9000' })).toThrow(
        /must not hold credentials/,
      );
      expect(() => open({ requestTimeoutMs: 0 })).toThrow(/^requestTimeoutMs must be/);
    });

    test('the identity names the place and no credentials', () => {
      expect(open({ prefix: '/a/b/' }).identity).toBe(`${server.url}/state/a/b/`);
      vi.stubEnv('AWS_ENDPOINT_URL', '');
      vi.stubEnv('AWS_ENDPOINT_URL_S3', '');
      expect(open({ prefix: undefined, endpoint: undefined }).identity).toBe('s3://state/');
      vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1/');
      expect(open({ endpoint: undefined }).identity).toBe('http://127.0.0.1:1/state/db/');
      vi.unstubAllEnvs();
    });
  });

  describe('other servers', () => {
    test('Ceph 16: empty errors, unquoted ETags, 412 for a missing object', async () => {
      const ceph = await startS3DevServer({ buckets: ['state'], quirks: providers.ceph16 });
      const unquoted = open({ endpoint: ceph.url, ifMatchQuoting: 'unquoted' });
      const { etag } = await unquoted.put('a', bytes(1), { ifAbsent: true });
      expect(await unquoted.put('a', bytes(2), { ifAbsent: true })).toEqual({ occupied: true });
      expect(await unquoted.put('a', bytes(2), { ifMatch: etag! })).toHaveProperty('etag');
      expect(await unquoted.put('a', bytes(3), { ifMatch: etag! })).toEqual({ occupied: true });
      expect(await unquoted.put('b', bytes(3), { ifMatch: etag! })).toEqual({ occupied: true });
      expect(await unquoted.get('b')).toBeUndefined();
      await ceph.close();
    });

    test.each([409, 500] as const)(
      'a race whose losers get %i has one winner and no loser who is told so',
      async (loserStatus) => {
        const racing = await startS3DevServer({
          buckets: ['state'],
          quirks: { loserStatus, latencyMs: 150 },
        });
        const racer = open({ endpoint: racing.url });
        await racer.get('warm');
        const results = await Promise.allSettled(
          Array.from({ length: 8 }, (_, index) => racer.put('a', bytes(index), { ifAbsent: true })),
        );
        const won = results.filter(
          (result) => result.status === 'fulfilled' && result.value.occupied === undefined,
        );
        expect(won).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'UNKNOWN_OUTCOME' });
        }
        await racing.close();
      },
    );
  });
});

function named(name: string): Error {
  return Object.assign(new Error('Could not load credentials from any providers'), { name });
}
