import fc from 'fast-check';
import * as fdb from 'fdb-tuple';
import { describe, expect, test } from 'vitest';
import { compareBytes, toHex } from '../object/bytes.js';
import { encodeKey, type Key, type KeyPart, MAX_KEY_BYTES, MAX_KEY_DEPTH } from './key.js';
import { decodeKey } from './key-decode.js';
import { type KeyRange, keyBounds } from './key-range.js';

const { tuple } = fc.letrec<{ part: KeyPart; tuple: KeyPart[] }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('', '\0', 'a', 'a\0', 'a\0b', '\u{10ffff}', '\uffff', '\ufeff', 'é'),
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 0xff), Uint8Array.of(0xff)),
      fc.integer({ min: -300, max: 300 }),
      fc.maxSafeInteger(),
      fc.double(),
      fc.constantFrom(0, -0, 1, -1, 255, 256, -255, -256, 2 ** 53, -(2 ** 53), Infinity, Number.MIN_VALUE),
      fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 48, 2 ** 32, -(2 ** 32)),
      fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
      fc.bigInt({ min: -(2n ** 2040n) + 1n, max: 2n ** 2040n - 1n }),
      fc.constantFrom(2n ** 64n, 2n ** 64n - 1n, -(2n ** 64n), 1n - 2n ** 64n, 2n ** 56n, 2n ** 53n, 7n, 0n),
      fc.boolean(),
      fc.constant(null),
    ),
    tie('tuple'),
  ),
  tuple: fc.array(tie('part'), { maxLength: 5 }),
}));

/** What comes back: safe bigints as numbers. */
function normal(part: KeyPart): KeyPart {
  if (Array.isArray(part)) return (part as readonly KeyPart[]).map(normal);
  return typeof part === 'bigint' && Number.isSafeInteger(Number(part)) ? Number(part) : part;
}

type OraclePart = Parameters<typeof fdb.pack>[0];

function forOracle(part: KeyPart): OraclePart {
  if (Array.isArray(part)) return (part as readonly KeyPart[]).map(forOracle) as OraclePart;
  return part instanceof Uint8Array ? Buffer.from(part) : (part as OraclePart);
}

/** The order of tuples as the specification's prose has it, without encoding them. */
function compareParts(a: KeyPart, b: KeyPart): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array);
  if (Array.isArray(a)) return compareTuples(a as KeyPart[], b as KeyPart[]);
  if (rank(a) === rank(1)) return Number(BigInt(a as number) - BigInt(b as number) > 0n) * 2 - 1 || 0;
  if (Object.is(a, b)) return 0;
  if (Number.isNaN(a)) return 1;
  if (Number.isNaN(b)) return -1;
  return (a as number) - (b as number);
}

function rank(part: KeyPart): number {
  if (part === null) return 0;
  if (part instanceof Uint8Array) return 1;
  if (typeof part === 'string') return 2;
  if (Array.isArray(part)) return 3;
  if (typeof part === 'bigint') return 4;
  if (typeof part === 'number') return Number.isSafeInteger(part) && !Object.is(part, -0) ? 4 : 5;
  return part ? 7 : 6;
}

function compareTuples(a: readonly KeyPart[], b: readonly KeyPart[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [normal(a[i]!), normal(b[i]!)];
    const same = toHex(encodeKey([x])) === toHex(encodeKey([y]));
    if (!same) return compareParts(x, y);
  }
  return a.length - b.length;
}

const hex = (key: Key): string => toHex(encodeKey(key));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const corrupt = expect.objectContaining({ code: 'CORRUPT' });
const tooLarge = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

describe('a key', () => {
  test('has the encodings that the FoundationDB specification gives as examples', () => {
    expect(hex(['F\u00d4O\0bar'])).toBe('0246c3944f00ff62617200');
    expect(hex([Uint8Array.from(Buffer.from('foo\0bar'))])).toBe('01666f6f00ff62617200');
    expect(hex([[Uint8Array.from(Buffer.from('foo\0bar')), null, []]])).toBe(
      '0501666f6f00ff6261720000ff050000',
    );
    expect(hex([-5551212])).toBe('11ab4b93');
  });

  test('has the encoding that fdb-tuple gives it', () => {
    fc.assert(
      fc.property(tuple, (key) => {
        expect(hex(key)).toBe(fdb.pack(forOracle(key)).toString('hex'));
      }),
      { numRuns: 1000 },
    );
  });

  test('comes back from its encoding', () => {
    fc.assert(
      fc.property(tuple, (key) => {
        expect(decodeKey(encodeKey(key))).toEqual(normal(key));
      }),
      { numRuns: 1000 },
    );
  });

  test('sorts as its tuple does', () => {
    fc.assert(
      fc.property(tuple, tuple, (a, b) => {
        expect(Math.sign(compareBytes(encodeKey(a), encodeKey(b)))).toBe(Math.sign(compareTuples(a, b)));
      }),
      { numRuns: 1000 },
    );
  });

  test('sorts parts by kind, integers before all doubles', () => {
    const sorted: KeyPart[] = [
      null,
      new Uint8Array(0),
      Uint8Array.of(0),
      '',
      'a',
      'a\0',
      'b',
      [],
      [null],
      ['a'],
      -(2n ** 64n),
      1n - 2n ** 64n,
      -256,
      -255,
      -1,
      0,
      1,
      255,
      256,
      2n ** 64n - 1n,
      2n ** 64n,
      2n ** 72n,
      -Infinity,
      -0.5,
      -0,
      0.5,
      2 ** 60,
      Infinity,
      Number.NaN,
      false,
      true,
    ];
    const encoded = sorted.map((part) => encodeKey([part]));
    expect([...encoded].sort(compareBytes)).toEqual(encoded);
  });

  test('may be a bare string or Uint8Array, which is a tuple of one part', () => {
    expect(hex('a')).toBe(hex(['a']));
    expect(hex('é\0')).toBe(hex(['é\0']));
    expect(hex(Uint8Array.of(1, 0))).toBe(hex([Uint8Array.of(1, 0)]));
  });

  test('may be the empty tuple, which is no bytes', () => {
    expect(hex([])).toBe('');
    expect(decodeKey(new Uint8Array(0))).toEqual([]);
  });

  test('is the same for a number and a bigint', () => {
    expect(hex([1])).toBe(hex([1n]));
    expect(hex([Number.MIN_SAFE_INTEGER])).toBe(hex([BigInt(Number.MIN_SAFE_INTEGER)]));
    expect(decodeKey(encodeKey([2n ** 53n]))).toEqual([2n ** 53n]);
    expect(hex([2 ** 53])).not.toBe(hex([2n ** 53n]));
  });

  test('tells 0 from -0, and has one NaN', () => {
    expect(hex([0])).toBe('14');
    expect(hex([-0])).toBe('217fffffffffffffff');
    const nan = new DataView(new ArrayBuffer(8));
    nan.setBigUint64(0, 0xfff8dead00000000n);
    expect(hex([nan.getFloat64(0)])).toBe(hex([Number.NaN]));
  });

  test('names the part that it can not have', () => {
    const bad =
      (key: unknown): (() => unknown) =>
      () =>
        encodeKey(key as Key);
    expect(bad([1, undefined])).toThrow(/^key\[1\]: expected a string, .* found undefined$/);
    expect(bad([1, [2, [() => 1]]])).toThrow(/^key\[1\]\[1\]\[0\]: .* found a function$/);
    expect(bad([{ a: 1 }])).toThrow(/^key\[0\]: .* found an object \(Object\)$/);
    expect(bad([Object.create(null)])).toThrow(/no prototype/);
    expect(bad([1, Symbol('x')])).toThrow(/^key\[1\]: .* found a symbol$/);
    expect(bad([new Date(0)])).toThrow(/Date/);
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    expect(bad(['a', , 'b'])).toThrow(/^key\[1\]: .* found a hole$/);
    expect(bad(5)).toThrow(/expected a key that is an array, .* found a number; write \[part/);
    expect(bad(undefined)).toThrow(TypeError);
    expect(bad(null)).toThrow(TypeError);
    expect(bad(['ok', 'x\ud800y'])).toThrow(/^key\[1\]: expected well-formed Unicode, .* at 1;/);
    expect(bad('\udc00')).toThrow(/^key: expected well-formed Unicode/);
    expect(bad('\ud83d')).toThrow(TypeError);
  });

  test('is still encoded rightly after one that failed', () => {
    expect(() => encodeKey(['x'.repeat(100), '\ud800'])).toThrow(TypeError);
    expect(hex(['a', 1])).toBe('0261001501');
  });

  test('takes at most 8,192 bytes', () => {
    expect(encodeKey('x'.repeat(MAX_KEY_BYTES - 2))).toHaveLength(MAX_KEY_BYTES);
    const long = (): unknown => encodeKey(['x'.repeat(MAX_KEY_BYTES - 1)]);
    expect(long).toThrow(tooLarge);
    expect(long).toThrow(/takes 8193 bytes encoded, at most 8192/);
    expect(() => encodeKey(new Uint8Array(MAX_KEY_BYTES / 2))).toThrow(/takes 8194 bytes/);
    expect(() => decodeKey(new Uint8Array(MAX_KEY_BYTES + 1))).toThrow(corrupt);
  });

  test('nests at most 64 deep, and does not follow itself for ever', () => {
    const nested = (depth: number): KeyPart[] => (depth === 0 ? [1] : [nested(depth - 1)]);
    expect(decodeKey(encodeKey(nested(MAX_KEY_DEPTH)))).toEqual(nested(MAX_KEY_DEPTH));
    expect(() => encodeKey(nested(MAX_KEY_DEPTH + 1))).toThrow(tooLarge);
    const circular: KeyPart[] = [];
    circular.push(circular);
    expect(() => encodeKey(circular)).toThrow(tooLarge);
    const deep = new Uint8Array(MAX_KEY_BYTES).fill(0x05, 0, MAX_KEY_BYTES / 2);
    expect(() => decodeKey(deep)).toThrow(corrupt);
  });

  test('has bigints of at most 255 bytes', () => {
    const most = 2n ** 2040n - 1n;
    expect(decodeKey(encodeKey([most, -most]))).toEqual([most, -most]);
    expect(() => encodeKey([most + 1n])).toThrow(tooLarge);
    expect(() => encodeKey([0, -most - 1n])).toThrow(/^key\[1\] is a bigint of 256 bytes/);
  });
});

describe('decoding hostile bytes', () => {
  test('gives CORRUPT, or a key that encodes to the same bytes', () => {
    const mutated = fc.tuple(tuple, fc.nat(), fc.nat(255), fc.boolean()).map(([key, at, byte, cut]) => {
      const encoded = encodeKey(key);
      if (cut) return encoded.slice(0, at % (encoded.length + 1));
      if (encoded.length > 0) encoded[at % encoded.length] = byte;
      return encoded;
    });
    const codes = fc.constantFrom(
      0,
      1,
      2,
      5,
      0x0b,
      0x0c,
      0x13,
      0x14,
      0x15,
      0x1c,
      0x1d,
      0x21,
      0x26,
      0x27,
      0xff,
      9,
    );
    const assembled = fc.array(codes, { maxLength: 24 }).map((list) => Uint8Array.from(list));
    fc.assert(
      fc.property(fc.oneof(mutated, assembled, fc.uint8Array({ maxLength: 32 })), (input) => {
        let key: KeyPart[];
        try {
          key = decodeKey(input);
        } catch (error) {
          expect(error).toEqual(corrupt);
          return;
        }
        expect(hex(key)).toBe(toHex(input));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['an integer with a leading zero', '16 00 01'],
    ['a negative one', '12 ff fe'],
    ['a big integer that is short enough for a code of its own', '1d 08 01 02 03 04 05 06 07 08'],
    ['a big integer with a leading zero', '1d 09 00 01 02 03 04 05 06 07 08'],
    ['a negative one', '0b f6 ff 01 02 03 04 05 06 07 08'],
    ['a safe integer as a double', '21 bf f0 00 00 00 00 00 00'],
    ['0 as a double', '21 80 00 00 00 00 00 00 00'],
    ['another NaN', '21 ff f8 00 00 00 00 00 01'],
    ['a negative NaN', '21 00 07 ff ff ff ff ff ff'],
    ['UTF-8 longer than needed', '02 c1 81 00'],
    ['a surrogate in UTF-8', '02 ed a0 80 00'],
    ['a string without its end', '02 61'],
    ['a string that ends in an escape', '02 61 00 ff'],
    ['a double cut short', '21 bf f0'],
    ['an integer cut short', '17 01 02'],
    ['a big integer cut short', '1d 20 01'],
    ['a big integer without a length', '1d'],
    ['a tuple without its end', '05 15 01'],
    ['a tuple that ends twice', '05 00 ff'],
    ['a float', '20 80 00 00 00'],
    ['a UUID', `30${'00'.repeat(16)}`],
    ['an unknown code', 'ff'],
  ])('%s is CORRUPT', (_, text) => {
    expect(() => decodeKey(bytes(text))).toThrow(corrupt);
  });

  test('says what and where', () => {
    expect(() => decodeKey(bytes('15 01 ff'), 'seg/x')).toThrow(
      /^seg\/x is corrupt: at offset 2, expected a type code, found 0xff/,
    );
  });

  test('gives byte strings that are copies, of Buffers too', () => {
    const encoded = Buffer.from(encodeKey([Uint8Array.of(1, 2, 3)]));
    const [part] = decodeKey(encoded);
    encoded.fill(9);
    expect(part).toEqual(Uint8Array.of(1, 2, 3));
  });
});

describe('a range', () => {
  const selects = (range: KeyRange | undefined, key: Key): boolean => {
    const { begin, end } = keyBounds(range);
    const encoded = encodeKey(key);
    return compareBytes(encoded, begin) >= 0 && (end === undefined || compareBytes(encoded, end) < 0);
  };

  test('selects what its fields say, all of them together', () => {
    const part = fc.oneof(
      fc.constantFrom<KeyPart>(
        null,
        '',
        'a',
        'a\0',
        'b',
        0,
        1,
        -1,
        0.5,
        true,
        [],
        [null],
        ['a'],
        Uint8Array.of(0),
      ),
    );
    const key = fc.array(part, { maxLength: 3 });
    const range = fc.record({ prefix: key, gt: key, gte: key, lt: key, lte: key }, { requiredKeys: [] });
    fc.assert(
      fc.property(range, key, (fields, candidate) => {
        const { prefix, gt, gte, lt, lte } = fields;
        const order = (bound: readonly KeyPart[]): number => compareTuples(candidate, bound);
        const isChild =
          prefix === undefined ||
          (candidate.length > prefix.length &&
            compareTuples(candidate.slice(0, prefix.length), prefix) === 0);
        const expected =
          isChild &&
          (gt === undefined || order(gt) > 0) &&
          (gte === undefined || order(gte) >= 0) &&
          (lt === undefined || order(lt) < 0) &&
          (lte === undefined || order(lte) <= 0);
        expect(selects(fields, candidate)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('without fields selects every key', () => {
    for (const range of [undefined, {}, { prefix: undefined }]) {
      expect(selects(range, [])).toBe(true);
      expect(selects(range, [true, true])).toBe(true);
    }
  });

  test('of a prefix leaves out the key itself and longer strings', () => {
    expect(selects({ prefix: 'a' }, 'a')).toBe(false);
    expect(selects({ prefix: 'a' }, ['a', null])).toBe(true);
    expect(selects({ prefix: 'a' }, 'a\0')).toBe(false);
    expect(selects({ prefix: 'a' }, 'ab')).toBe(false);
    expect(selects({ prefix: [] }, [])).toBe(false);
    expect(selects({ prefix: [] }, [null])).toBe(true);
  });

  test('after a key begins with its children', () => {
    expect(selects({ gt: 'a' }, 'a')).toBe(false);
    expect(selects({ gt: 'a' }, ['a', null])).toBe(true);
    expect(selects({ lte: 'a' }, ['a', null])).toBe(false);
  });

  test('that is inverted selects nothing', () => {
    const { begin, end } = keyBounds({ gt: 'b', lt: 'a' });
    expect(compareBytes(begin, end!)).toBeGreaterThanOrEqual(0);
  });

  test('with a field it does not have is a TypeError', () => {
    const bad =
      (range: unknown): (() => unknown) =>
      () =>
        keyBounds(range as KeyRange);
    expect(bad({ start: 'a' })).toThrow(/expected a range with prefix, gt, gte, lt, lte, found "start"/);
    expect(bad({ prefix: 'a', limit: 1 })).toThrow(/"limit"; options/);
    expect(bad(['a'])).toThrow(/such as \{ prefix: key \}, found an array/);
    expect(bad('a')).toThrow(TypeError);
    expect(bad(null)).toThrow(TypeError);
    expect(bad({ gt: { a: 1 } })).toThrow(TypeError);
  });
});
