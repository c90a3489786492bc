/**
 * No key, no value and no name made from one is in the bucket in clear (I9): not in an object, not in an object's
 * name, not in another encoding, not in pieces, not as a hash that a guesser could check.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { encodeKey, encodeValue } from '@holdfast/core';
import type { OpenOptions } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { beforeAll, describe, expect, test } from 'vitest';
import { openTestDatabase, TEST_KEY } from './support/database.js';

/** Where each marker is put. */
const MARKERS = {
  key: 'Kx7-marker-of-a-key-Qf',
  deletedKey: 'Dz4-marker-of-a-deleted-key-Wm',
  rangeKey: 'Rn2-marker-of-a-deleted-range-Ty',
  value: 'Vb9-marker-of-a-value-Lp',
  bytes: 'By6-marker-of-raw-bytes-Ch',
  field: 'Fd1-marker-of-a-field-name-Jw',
  large: 'Lg3-marker-of-a-large-value-Hu',
  bulkKey: 'Bk8-marker-of-a-bulk-key-Xe',
  bulkValue: 'Bv5-marker-of-a-bulk-value-Zo',
  requestId: 'Rq0-marker-of-a-request-id-Nd',
  result: 'Rs2-marker-of-a-result-Gi',
  digest: 'Dg7-marker-of-a-digest-Pk',
  checkpoint: 'Cp4-marker-of-a-checkpoint-Sa',
  namespace: 'Ns9-marker-of-a-namespace-Vr',
  atomic: 'At1-marker-of-an-atomic-write-Ub',
} as const;
/** Its bytes in a tuple spell six letters. */
const NUMBER = { digits: 0x4d61726b4e6f, letters: 'MarkNo' };
/** Keys share prefixes, so they may lie in pieces: these are sought, so that none of 13 bytes is missed. */
const PIECE_BYTES = 10;
const PIECE_STEP = 4;

async function build(key: OpenOptions['key']): Promise<MemoryStore> {
  const store = new MemoryStore();
  const db = await openTestDatabase(store, { key, maintenance: 'manual' });
  const M = MARKERS;
  await db.set(['k', M.key], 1);
  await db.set(M.key, { [M.field]: [M.value, new Map([[M.value, M.value]])] });
  await db.set(['n', NUMBER.digits], NUMBER.digits);
  await db.set(['bytes'], new TextEncoder().encode(M.bytes));
  await db.set(['gone', M.deletedKey], M.value);
  await db.set(['range', M.rangeKey], M.value);
  await db.flush();
  await db.delete(['gone', M.deletedKey]);
  await db.deleteRange({ prefix: 'range' });
  await db.transact(() => ({ result: M.result }), { requestId: M.requestId, digest: M.digest });
  await db.outcome(`${M.requestId} closed`, { close: true });
  await db.checkpoint(M.checkpoint);
  await db.set(['large'], M.large.repeat(4000));
  await db.flush();
  await db.transact((tx) => {
    for (let i = 0; i < 20; i++) tx.set([M.bulkKey, i], M.bulkValue.repeat(1200));
  });
  await db.namespace(M.namespace).set('x', M.value);
  await db.atomic().set('atomic', M.atomic).add(['sum', M.atomic], 1).commit();
  await db.close();
  return store;
}

type Encoding = readonly [name: string, bytes: Buffer];

/** A marker in every disguise that a careless format could give it. */
function disguises(text: string): Encoding[] {
  const utf8 = Buffer.from(text);
  const utf16 = Buffer.from(text, 'utf16le');
  const base64 = [0, 1, 2].flatMap((shift): Encoding[] => {
    const encoded = Buffer.concat([Buffer.alloc(shift), utf8])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and last groups also depend on what is before and behind.
    const inner = encoded.slice(shift === 0 ? 0 : 4, -4);
    return [
      [`base64 at alignment ${shift}`, Buffer.from(inner)],
      [`base64url at alignment ${shift}`, Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_'))],
    ];
  });
  return [
    ['utf-8', utf8],
    ['utf-16 little-endian', utf16],
    ['utf-16 big-endian', Buffer.from(utf16).swap16()],
    ['reversed', Buffer.from(utf8).reverse()],
    ['complemented', utf8.map((byte) => byte ^ 0xff) as Buffer],
    ['hex', Buffer.from(utf8.toString('hex'))],
    ['upper-case hex', Buffer.from(utf8.toString('hex').toUpperCase())],
    ...base64,
    ['MessagePack', Buffer.from(encodeValue(text))],
    ['a tuple', Buffer.from(encodeKey([text]))],
  ];
}

/** Hashes that need no key to make: whoever guesses the text could check the guess. */
function fingerprints(text: string): Encoding[] {
  const forms = [Buffer.from(text), Buffer.from(encodeValue(text)), Buffer.from(encodeKey(text))];
  const stored = forms.map((form) => Buffer.concat([Buffer.of(1), form]));
  return [...forms, ...stored].flatMap((form) =>
    ['sha256', 'sha1', 'md5'].flatMap((name): Encoding[] => {
      const hash = createHash(name).update(form).digest();
      return [
        [name, hash.subarray(0, 8)],
        [`${name} in hex`, Buffer.from(hash.toString('hex').slice(0, 16))],
      ];
    }),
  );
}

function* pieces([, bytes]: Encoding): Generator<Buffer> {
  const length = Math.min(bytes.length, PIECE_BYTES);
  for (let at = 0; at + length <= bytes.length; at += PIECE_STEP) yield bytes.subarray(at, at + length);
}

/** All there is to see in a bucket: names and bytes. */
function bucketOf(store: MemoryStore): Buffer {
  return Buffer.concat(
    [...store.objects()].flatMap(([name, bytes]) => [Buffer.from(name), Buffer.of(0), bytes]),
  );
}

function found(bucket: Buffer, text: string): string[] {
  const encodings = disguises(text).filter((encoding) => {
    for (const piece of pieces(encoding)) if (bucket.includes(piece)) return true;
    return false;
  });
  const hashes = fingerprints(text).filter(([, bytes]) => bucket.includes(bytes));
  return [...encodings, ...hashes].map(([name]) => name);
}

/** Whether 24 bytes of what one bucket's segments begin with are somewhere in the other. */
function sharesStretch(bucket: Buffer, other: MemoryStore): boolean {
  const segments = [...other.objects()].filter(([name]) => name.startsWith('seg/'));
  return segments.some(([, bytes]) => {
    for (let at = 0; at + 24 <= Math.min(bytes.length, 4096); at += 24)
      if (bucket.includes(Buffer.from(bytes.subarray(at, at + 24)))) return true;
    return false;
  });
}

let sealed: MemoryStore;
let plain: MemoryStore;
beforeAll(async () => {
  [sealed, plain] = await Promise.all([build(TEST_KEY), build('plaintext')]);
});

describe('in an encrypted database', () => {
  test.each(Object.entries(MARKERS))('the %s is nowhere in the bucket', (_, text) => {
    expect(found(bucketOf(sealed), text)).toEqual([]);
  });

  test('nor is a number in a key', () => {
    expect(bucketOf(sealed).includes(NUMBER.letters)).toBe(false);
  });

  test('there are objects of each kind that holds data, and they hold the markers', async () => {
    const names = [...sealed.objects().keys()];
    expect(names.filter((name) => name.startsWith('log/')).length).toBeGreaterThan(12);
    expect(names.filter((name) => name.startsWith('seg/')).length).toBeGreaterThanOrEqual(3);
    const db = await openTestDatabase(sealed, { readOnly: true });
    expect(await db.get(['large'])).toContain(MARKERS.large);
    expect(await db.count({ prefix: MARKERS.bulkKey })).toBe(20);
    expect(await db.outcome(MARKERS.requestId)).toMatchObject({ result: { result: MARKERS.result } });
  });

  test('names of objects say their kind, a version and chance, no more', () => {
    for (const name of sealed.objects().keys())
      expect(name).toMatch(/^(log\/[0-9a-f]{14}|(seg|man)\/[0-9a-f]{14}-[0-9a-f]{32})$/);
  });

  test('repetition in values does not show: the bytes do not compress', () => {
    const bucket = bucketOf(sealed);
    expect(deflateRawSync(bucket).length).toBeGreaterThan(bucket.length * 0.95);
  });

  test('the same writes made twice leave no stretch of bytes in common', async () => {
    expect(sharesStretch(bucketOf(sealed), await build(TEST_KEY))).toBe(false);
  });

  test('the key is nowhere in the bucket', () => {
    const bucket = bucketOf(sealed);
    expect(bucket.includes(Buffer.from(TEST_KEY))).toBe(false);
    expect(bucket.includes(createHash('sha256').update(TEST_KEY).digest())).toBe(false);
  });
});

describe('controls: the search would find them', () => {
  test.each(Object.entries(MARKERS))('without encryption, the %s is found', (_, text) => {
    expect(found(bucketOf(plain), text)).toContain('utf-8');
  });

  test('without encryption a number in a key is found, and the bytes compress', () => {
    const bucket = bucketOf(plain);
    expect(bucket.includes(NUMBER.letters)).toBe(true);
    expect(deflateRawSync(bucket).length).toBeLessThan(bucket.length * 0.5);
  });

  test('without encryption the same writes made twice look alike', async () => {
    expect(sharesStretch(bucketOf(plain), await build('plaintext'))).toBe(true);
  });

  test('every disguise is found where it is planted, at any place', () => {
    const noise = createHash('sha512').update('noise').digest();
    for (const [name, bytes] of [...disguises(MARKERS.value), ...fingerprints(MARKERS.value)])
      expect(found(Buffer.concat([noise, bytes, noise]), MARKERS.value)).toContain(name);
    for (const shift of [0, 1, 2]) {
      const secret = Buffer.concat([noise.subarray(0, 30 + shift), Buffer.from(MARKERS.value), noise]);
      const bucket = Buffer.from(secret.toString('base64'));
      expect(found(bucket, MARKERS.value)).toContain(`base64 at alignment ${shift}`);
    }
  });
});
