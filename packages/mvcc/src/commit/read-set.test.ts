/** What of a proposal's writes hits what was read. */
import { compareBytes, hullOf } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RangeTombstones } from '../state/range-tombstones.js';
import { type Bounds, fromStoredKey } from '../state/space.js';
import { ReadSet } from './read-set.js';

const points = (...keys: string[]): ReadSet => {
  const reads = new ReadSet();
  for (const key of keys) reads.addPoint(key);
  return reads;
};
const range = (begin: string, end: string | undefined): ReadSet => {
  const reads = new ReadSet();
  reads.addRange({ begin: fromStoredKey(begin), end: end === undefined ? undefined : fromStoredKey(end) });
  return reads;
};
const writes = (...keys: string[]): Map<string, unknown> => new Map(keys.map((key) => [key, true]));
const deletes = (begin: string, end: string): RangeTombstones =>
  RangeTombstones.none.with([{ begin, end, version: 0, order: 0 }]);
const NO_WRITES = new Map<string, unknown>();
const { none } = RangeTombstones;

test('a write of a key that was read hits, one beside it does not', () => {
  expect(points('a', 'b').isHitBy(writes('b', 'c', 'd'), none)).toBe(true);
  expect(points('a', 'b').isHitBy(writes('c', 'd', 'e'), none)).toBe(false);
});

test('a deleted range hits the keys in it, its end not among them', () => {
  expect(points('b').isHitBy(NO_WRITES, deletes('a', 'c'))).toBe(true);
  expect(points('c').isHitBy(NO_WRITES, deletes('a', 'c'))).toBe(false);
});

test('a range that was read is hit by keys in it and by deleted ranges that reach into it', () => {
  expect(range('b', 'd').isHitBy(writes('b'), none)).toBe(true);
  expect(range('b', 'd').isHitBy(writes('a', 'd'), none)).toBe(false);
  expect(range('b', undefined).isHitBy(writes('z'), none)).toBe(true);
  expect(range('b', 'd').isHitBy(NO_WRITES, deletes('a', 'c'))).toBe(true);
  expect(range('b', 'd').isHitBy(NO_WRITES, deletes('d', 'e'))).toBe(false);
});

test('who has read nothing is hit by nothing', () => {
  expect(new ReadSet().isHitBy(writes('a'), deletes('a', 'z'))).toBe(false);
});

const bounds = (begin: string, end: string | undefined): Bounds => ({
  begin: fromStoredKey(begin),
  end: end === undefined ? undefined : fromStoredKey(end),
});
const both = (keys: string[], ...ranges: [begin: string, end: string | undefined][]): ReadSet => {
  const reads = points(...keys);
  for (const [begin, end] of ranges) reads.addRange(bounds(begin, end));
  return reads;
};

describe('two of them meet', () => {
  test.each<[string, ReadSet, ReadSet, boolean]>([
    ['in a key', points('a', 'b'), points('b', 'c'), true],
    ['not in different keys', points('a', 'b'), points('c', 'd'), false],
    ['in a key of a range', points('a', 'c'), range('b', 'd'), true],
    ['in where a range begins', points('b'), range('b', 'd'), true],
    ['not in where it ends', points('d'), range('b', 'd'), false],
    ['in a range without an end', points('z'), range('b', undefined), true],
    ['in ranges that overlap', range('a', 'c'), range('b', 'd'), true],
    ['not in ranges that touch', range('a', 'b'), range('b', 'c'), false],
    ['in one range within another', range('a', 'z'), range('m', 'n'), true],
    ['in ranges without ends', range('a', undefined), range('x', undefined), true],
    ['not where one has read nothing', new ReadSet(), range('a', undefined), false],
  ])('%s', (_, one, other, do_) => {
    expect(one.meets(other)).toBe(do_);
    expect(other.meets(one)).toBe(do_);
  });

  test('everything meets whatever was read', () => {
    expect(ReadSet.everything.meets(points(''))).toBe(true);
    expect(ReadSet.everything.meets(range('\xff', undefined))).toBe(true);
    expect(ReadSet.everything.meets(new ReadSet())).toBe(false);
  });
});

/** Of the keys of one letter and two. */
const KEYS = [...'abcd'].flatMap((a) => [a, ...[...'abcd'].map((b) => a + b)]);
const anyReads = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.option(fc.constantFrom(...KEYS), { nil: undefined })), {
      maxLength: 2,
    }),
  )
  .map(([keys, ranges]) => {
    const isSome = ([begin, end]: [string, string | undefined]): boolean => end === undefined || begin < end;
    return both(keys, ...ranges.filter(isSome));
  });
const hits = (reads: ReadSet): string[] => KEYS.filter((key) => reads.isHitBy(writes(key), none));

test('what a union has read is what any of them has, and its hull holds all of it', () => {
  fc.assert(
    fc.property(fc.array(anyReads, { maxLength: 3 }), (all) => {
      const union = ReadSet.union(all);
      expect(hits(union)).toEqual(KEYS.filter((key) => all.some((one) => hits(one).includes(key))));
      expect(union.isEmpty).toBe(all.every((one) => one.isEmpty));
      if (union.isEmpty) return;
      const hull = ReadSet.from(hullOf(union.toKeysRead()));
      expect(hits(hull)).toEqual(expect.arrayContaining(hits(union)));
      expect(hull.toKeysRead().points).toEqual([]);
      expect(hull.toKeysRead().ranges).toHaveLength(1);
      for (const one of all) if (!one.isEmpty) expect(hull.meets(one)).toBe(true);
    }),
  );
});

test('two meet if there is a key that either has read', () => {
  fc.assert(
    fc.property(anyReads, anyReads, (one, other) => {
      if (hits(one).some((key) => hits(other).includes(key))) expect(one.meets(other)).toBe(true);
      expect(one.meets(other)).toBe(other.meets(one));
    }),
  );
});

test('what an intent says of it comes back as the same', () => {
  fc.assert(
    fc.property(anyReads, (reads) => {
      const said = reads.toKeysRead();
      expect(said.points).toEqual([...said.points].sort(compareBytes));
      expect(hits(ReadSet.from(said))).toEqual(hits(reads));
      expect(ReadSet.from(said).toKeysRead()).toEqual(said);
    }),
  );
});
