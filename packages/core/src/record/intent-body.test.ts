import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../object/bytes.js';
import { HoldfastError } from '../object/errors.js';
import { anyIntent, exactly } from '../test/record-fixture.js';
import { decodeIntent, encodeIntent, INTENT_NONCE_BYTES, type Intent } from './intent-body.js';

const NONCE = new Uint8Array(16).fill(0x77);

/** What is decoded of hostile bytes is refused, or is what those bytes say and no others. */
function expectFaithful(plaintext: Uint8Array): boolean {
  try {
    const intent = decodeIntent(plaintext, 'an intent');
    expect(encodeIntent(intent, plaintext.subarray(0, INTENT_NONCE_BYTES))).toEqual(plaintext);
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    expect(error.code).toBe('CORRUPT');
    return false;
  }
}

const NOTHING = new Uint8Array(0);
const key = (...bytes: number[]): Uint8Array => Uint8Array.of(1, ...bytes);
const segment = {
  id: new Uint8Array(24).fill(6),
  bytes: 5000,
  metaBytes: 400,
  root: new Uint8Array(32).fill(7),
  epoch: 1,
  minVersion: 0,
  maxVersion: 0,
  entries: 3,
  tombstones: 1,
  ranges: 0,
  rangeBegin: NOTHING,
  rangeEnd: NOTHING,
  earliestExpiryMs: 0,
  firstKey: key(1),
  lastKey: key(1, 9),
};
const part = { ...segment, entries: 1, tombstones: 0, lastKey: key(1) };
const flushed = { ...segment, minVersion: 4, maxVersion: 5 };
const transaction = {
  readVersion: 9,
  nowMs: 1,
  reads: { points: [], ranges: [] },
  rangeDeletes: [],
  changes: [],
};
const intent: Intent = {
  processId: new Uint8Array(16).fill(4),
  base: 9,
  recordsMade: 0,
  roundTripMs: 0,
  turnMs: 0,
  losses: 0,
  transactions: [],
};
const withTransaction = (more: Partial<Intent['transactions'][number]>): Intent => ({
  ...intent,
  transactions: [{ ...transaction, ...more }],
});
const withBulk = (...segments: (typeof segment)[]): Intent =>
  withTransaction({ staged: { kind: 'bulk', segments } });
const withParts = (...segments: (typeof segment)[]): Intent =>
  withTransaction({ staged: { kind: 'stream', segments } });
const withFlush = (...segments: (typeof segment)[]): Intent => ({
  ...intent,
  flush: { after: 3, through: 5, runs: [segments] },
});

describe("an intent's content", () => {
  test('has one encoding: bytes that say the same are the same', () => {
    fc.assert(
      fc.property(anyIntent, exactly(16), (any, nonce) => {
        const plaintext = encodeIntent(any, nonce);
        expect(decodeIntent(plaintext, 'an intent')).toEqual(any);
        expect(expectFaithful(plaintext)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('that a key holder made wrongly is refused, or is taken as it stands, and never crashes a reader', () => {
    let taken = 0;
    fc.assert(
      fc.property(
        anyIntent,
        fc.array(
          fc.record({
            at: fc.nat(),
            cut: fc.nat(4),
            put: fc.oneof(
              fc.uint8Array({ maxLength: 4 }),
              fc.constant(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 15)),
              fc.constant(Uint8Array.of(128, 0)),
            ),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        (any, edits) => {
          let plaintext = encodeIntent(any, NONCE).slice();
          for (const { at, cut, put } of edits) {
            const place = at % (plaintext.length + 1);
            plaintext = concatBytes(plaintext.subarray(0, place), put, plaintext.subarray(place + cut));
          }
          if (plaintext.length >= INTENT_NONCE_BYTES && expectFaithful(plaintext)) taken++;
        },
      ),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(0);
  });

  test('is refused wherever it is cut off or goes on', () => {
    fc.assert(
      fc.property(anyIntent, (any) => {
        const plaintext = encodeIntent(any, NONCE);
        for (let length = 0; length < plaintext.length; length += 1 + (length >> 5))
          expect(() => decodeIntent(plaintext.subarray(0, length), 'an intent')).toThrow(HoldfastError);
        expect(() => decodeIntent(concatBytes(plaintext, NOTHING, key()), 'an intent')).toThrow(
          'expected the end',
        );
      }),
      { numRuns: 20 },
    );
  });

  const ranges = { ranges: 1, rangeBegin: key(1), rangeEnd: key(2) };
  test.each<[string, Intent, string]>([
    [
      'a key that is changed twice',
      withTransaction({
        changes: [
          { key: key(1), value: key() },
          { key: key(1), value: undefined },
        ],
      }),
      'of each key one',
    ],
    ['a turn beyond a minute', { ...intent, turnMs: 60_001 }, 'expected at most 60000 ms, found 60001'],
    ['a read version above its base', withTransaction({ readVersion: 10 }), 'up to the base, 9, found 10'],
    [
      'keys read that do not ascend',
      withTransaction({ reads: { points: [key(2), key(1)], ranges: [] } }),
      'keys read in ascending order',
    ],
    [
      'a key read twice',
      withTransaction({ reads: { points: [key(2), key(2)], ranges: [] } }),
      'keys read in ascending order',
    ],
    [
      'range deletes that touch',
      withTransaction({
        rangeDeletes: [
          { begin: key(1), end: key(2) },
          { begin: key(2), end: key(3) },
        ],
      }),
      'ranges in ascending order',
    ],
    [
      'no mutation of a key',
      withTransaction({ changes: [{ key: key(1), mutations: [] }] }),
      'a mutation at least',
    ],
    [
      'a staged segment with versions',
      withBulk({ ...segment, minVersion: 1, maxVersion: 1 }),
      'without a version',
    ],
    ['a staged segment with range tombstones', withBulk({ ...segment, ...ranges }), 'no range tombstones'],
    ['staged segments that overlap', withBulk(segment, segment), 'in the order of their keys, apart'],
    ['a part of two entries', withParts(segment), 'one value in a part of a stream'],
    [
      'parts of two streams',
      withParts(part, { ...part, firstKey: key(2), lastKey: key(2) }),
      'to have its key',
    ],
    ['sizes that no segment has', withBulk({ ...segment, metaBytes: 123 }), 'meta bytes from 124 to 5000'],
    ['a segment of nothing', withBulk({ ...segment, entries: 0, tombstones: 0 }), 'found neither'],
    ['more tombstones than entries', withBulk({ ...segment, tombstones: 4 }), 'at most 3 tombstones'],
    ['a flush of nothing', { ...intent, flush: { after: 3, through: 3, runs: [] } }, 'in (3, 9], found 3'],
    ['a flush beyond its base', { ...intent, flush: { after: 3, through: 10, runs: [] } }, 'found 10'],
    ['flushed segments of no run', withFlush(), 'a segment at least in a flush run'],
    ['flushed entries without versions', withFlush(segment), 'versions from 1 up in a flush'],
    ['flushed entries below the flush', withFlush({ ...flushed, minVersion: 3 }), 'versions in (3, 5]'],
    ['flushed entries above the flush', withFlush({ ...flushed, maxVersion: 6 }), 'versions in (3, 5]'],
  ])('is refused with %s', (_, bad, message) => {
    expect(() => decodeIntent(encodeIntent(bad, NONCE), 'an intent')).toThrow(message);
  });

  test('is taken with what these are next to', () => {
    for (const good of [
      withBulk(segment, { ...segment, firstKey: key(2), lastKey: key(3) }),
      withParts(part, part),
      withFlush({ ...flushed, ...ranges }),
      { ...intent, flush: { after: 3, through: 9, runs: [] } },
    ])
      expect(decodeIntent(encodeIntent(good, NONCE), 'an intent')).toEqual(good);
  });
});
