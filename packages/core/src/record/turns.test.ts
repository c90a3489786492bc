import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, compareBytes } from '../object/bytes.js';
import { anyBytes, anyTurn } from '../test/record-fixture.js';
import { keysReadBytes } from './keys-read.js';
import { readTurns, TURN_READS_BYTES_MAX, TURNS_MAX, type Turn, writeTurns } from './turns.js';

const turn: Turn = {
  processId: new Uint8Array(16).fill(9),
  waitMs: 60_000,
  reads: { points: [Uint8Array.of(1)], ranges: [] },
};

function encoded(turns: readonly Turn[]): Uint8Array {
  const writer = new ByteWriter();
  writeTurns(writer, turns);
  return writer.finish();
}

function decoded(bytes: Uint8Array): Turn[] {
  const reader = new ByteReader(bytes, 'turns');
  const turns = readTurns(reader);
  reader.end();
  return turns;
}

describe('turns', () => {
  test('come back as they were given, in copies', () => {
    fc.assert(
      fc.property(fc.array(anyTurn, { maxLength: 5 }), (turns) => {
        const bytes = encoded(turns);
        const found = decoded(bytes);
        bytes.fill(255);
        expect(found).toEqual(turns);
      }),
    );
  });

  test('are at most 64, of a minute at most', () => {
    const most = Array.from({ length: TURNS_MAX }, () => turn);
    expect(decoded(encoded(most))).toHaveLength(64);
    expect(() => decoded(encoded([...most, turn]))).toThrow('expected at most 64 turns, found 65');
    expect(() => decoded(encoded([{ ...turn, waitMs: 60_001 }]))).toThrow('expected at most 60000 ms');
  });

  test('have read sets of 4 KiB at most', () => {
    const reads = (length: number) => ({ points: [new Uint8Array(length)], ranges: [] });
    // Beside the key: how many points, its length, how many ranges.
    const longest = TURN_READS_BYTES_MAX - 4;
    expect(keysReadBytes(reads(longest))).toBe(TURN_READS_BYTES_MAX);
    const bytes = encoded([{ ...turn, reads: reads(longest) }]);
    expect(decoded(bytes)).toHaveLength(1);
    const longer = new ByteWriter()
      .raw(bytes.subarray(0, 21))
      .bytes(new Uint8Array(longest + 1))
      .u8(0);
    expect(() => decoded(longer.finish())).toThrow(
      "expected a turn's read set of at most 4096 bytes, found 4097",
    );
  });

  test('say of a larger read set where it lies, whatever the keys are', () => {
    const long = fc.integer({ min: 0, max: 6000 }).chain((length) =>
      fc.tuple(anyBytes(4), fc.constantFrom(0, 7, 255)).map(([head, byte]) => {
        const key = new Uint8Array(head.length + length).fill(byte);
        key.set(head);
        return key;
      }),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(long, { minLength: 1, maxLength: 4, selector: String }),
        fc.array(fc.tuple(long, fc.option(long, { nil: undefined })), { maxLength: 3 }),
        (keys, bounds) => {
          const points = keys.sort(compareBytes);
          const ranges = bounds
            .map(([begin, end]) => ({ begin, end }))
            .filter(({ begin, end }) => !end || compareBytes(begin, end) < 0);
          const [found] = decoded(encoded([{ ...turn, reads: { points, ranges } }]));
          expect(keysReadBytes(found!.reads)).toBeLessThanOrEqual(TURN_READS_BYTES_MAX);
          if (keysReadBytes({ points, ranges }) <= TURN_READS_BYTES_MAX) {
            expect(found!.reads).toEqual({ points, ranges });
            return;
          }
          const [hull] = found!.reads.ranges;
          const begins = [...points, ...ranges.map(({ begin }) => begin)];
          expect(begins.every((key) => compareBytes(hull!.begin, key) <= 0)).toBe(true);
          expect(points.every((key) => !hull!.end || compareBytes(key, hull!.end) < 0)).toBe(true);
          const isHeld = (end: Uint8Array | undefined) =>
            !hull!.end || (end !== undefined && compareBytes(end, hull!.end) <= 0);
          expect(ranges.every(({ end }) => isHeld(end))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a read set', () => {
  test('that is written has no empty ranges, so that what is written can be read', () => {
    const [low, high] = [Uint8Array.of(1), Uint8Array.of(2)];
    const ranges = [
      { begin: high, end: low },
      { begin: low, end: low },
      { begin: low, end: high },
    ];
    const [found] = decoded(encoded([{ ...turn, reads: { points: [], ranges } }]));
    expect(found!.reads).toEqual({ points: [], ranges: [{ begin: low, end: high }] });
  });
});
