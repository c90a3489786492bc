import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes } from '../object/bytes.js';
import { BlockCache } from './block-cache.js';
import { endsBefore, type SegmentEntry, segmentBegin } from './segment-entry.js';
import { CountingStore, testSealing } from './segment-fixture.js';
import { SegmentReaders } from './segment-readers.js';

const sealing = testSealing();
const NOTHING = new Uint8Array(0);

/** Only what a search looks at is true of it. */
function segment([from, length, version, isRange]: readonly [number, number, number, boolean]): SegmentEntry {
  const [begin, last] = [Uint8Array.of(from), Uint8Array.of(from + length)];
  return {
    id: NOTHING,
    bytes: 0,
    metaBytes: 0,
    root: Uint8Array.of(from, length, version, isRange ? 1 : 0),
    epoch: 0,
    entries: isRange ? 0 : 1,
    tombstones: 0,
    ranges: isRange ? 1 : 0,
    rangeBegin: isRange ? begin : NOTHING,
    rangeEnd: isRange ? Uint8Array.of(from + length, 0) : NOTHING,
    earliestExpiryMs: 0,
    minVersion: 1,
    maxVersion: version,
    firstKey: isRange ? NOTHING : begin,
    lastKey: isRange ? NOTHING : last,
    level: 0,
    run: 1,
    stampVersion: 0,
    stampOrder: 0,
  };
}

const some = fc.array(
  fc
    .tuple(fc.nat(40), fc.nat(20), fc.integer({ min: 1, max: 9 }), fc.boolean())
    .map((fields) => segment(fields)),
  { maxLength: 30 },
);

test('an index finds the segments over a key that a look at each of them finds, the newest first', () => {
  fc.assert(
    fc.property(some, fc.nat(10), (segments, from) => {
      const readers = new SegmentReaders({ store: new CountingStore(), sealing, cache: new BlockCache(0) });
      for (let at = 0; at < 62; at++) {
        const key = Uint8Array.of(at);
        const found = readers
          .index(segments)
          .over(key, from)
          .map((reader) => reader.entry);
        const expected = segments.filter(
          (entry) =>
            entry.maxVersion >= from &&
            compareBytes(segmentBegin(entry), key) <= 0 &&
            !endsBefore(entry, key),
        );
        expect(new Set(found)).toEqual(new Set(expected));
        expect(found.length).toBe(expected.length);
        const versions = found.map(({ maxVersion }) => maxVersion);
        expect(versions).toEqual(versions.toSorted((a, b) => b - a));
      }
    }),
  );
});

test('a reader stands for its entry, for as long as that lives', () => {
  const readers = new SegmentReaders({ store: new CountingStore(), sealing, cache: new BlockCache(0) });
  const one = segment([1, 2, 3, false]);
  expect(readers.of(one)).toBe(readers.of(one));
  // What stands elsewhere in a manifest has another stamp, perhaps.
  expect(readers.of({ ...one })).not.toBe(readers.of(one));
});
