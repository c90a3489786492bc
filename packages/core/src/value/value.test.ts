import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../object/bytes.js';
import { decodeValue, encodeValue, MAX_VALUE_BYTES, MAX_VALUE_DEPTH } from './value.js';
import { admitValue } from './value-admit.js';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ minLength: 60, maxLength: 300 }),
  fc.constantFrom('', '\ufeff', `\ufeff${'é'.repeat(100)}`, 'é'.repeat(31), '__proto__'),
);

const objectKey = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  fc.constantFrom('__proto__', '__proto_', 'constructor', 'toJSON', 'hasOwnProperty', 'length', '0', '-1'),
  fc.constantFrom('\ufeffkey', `\ufeff${'k'.repeat(80)}`, 'k'.repeat(300), ''),
);

/** A plain object with own keys only: `__proto__` among them is a key like any other. */
function toObject(entries: readonly (readonly [string, unknown])[]): object {
  const object: object = {};
  for (const [key, value] of entries)
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  return object;
}

const typedArray = fc
  .tuple(
    fc.uint8Array({ maxLength: 5 }),
    fc.constantFrom(
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ),
  )
  .map(([seed, Kind]) => {
    const aligned = new Uint8Array(8 + seed.length * 8);
    aligned.set(seed, 8);
    // A view into the middle: only what it shows is the value.
    return new Kind(aligned.buffer, 8, (seed.length * 8) / Kind.BYTES_PER_ELEMENT);
  });

const errorValue = fc
  .tuple(
    fc.constantFrom(Error, EvalError, RangeError, SyntaxError, TypeError, URIError),
    fc.string(),
    fc.boolean(),
  )
  .map(([Kind, message, renamed]) => {
    const error = new Kind(message);
    if (renamed) Object.defineProperty(error, 'name', { value: 'Mine', configurable: true, writable: true });
    return error;
  });

const { value } = fc.letrec<{ value: unknown; child: unknown }>((tie) => ({
  child: fc.oneof({ weight: 9, arbitrary: tie('value') }, fc.constant(undefined)),
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(
      fc.constantFrom(
        null,
        true,
        false,
        0,
        -0,
        Number.NaN,
        Infinity,
        -Infinity,
        2 ** 31,
        2 ** 32,
        -(2 ** 31),
      ),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.bigInt(),
      fc.bigInt({ min: -(2n ** 700n), max: 2n ** 700n }),
      fc.constantFrom(
        2n ** 63n,
        2n ** 63n - 1n,
        -(2n ** 63n),
        -(2n ** 63n) - 1n,
        2n ** 64n,
        2n ** 64n - 1n,
        -1n,
      ),
      text,
      fc.date({ noInvalidDate: true }),
      fc.constantFrom(
        new Date(8.64e15),
        new Date(-8.64e15),
        new Date(-1),
        new Date(2 ** 32 * 1000),
        new Date(999),
      ),
      typedArray,
      fc.uint8Array().map((bytes) => bytes.buffer),
      fc.uint8Array({ minLength: 1 }).map((bytes) => new DataView(bytes.buffer, 1)),
      errorValue,
      fc.constantFrom(/a+/giu, /\//, /(?:)/, /\ufeff/, /[\u{1f600}]/u),
    ),
    fc.array(tie('child'), { maxLength: 20 }),
    fc.array(fc.tuple(objectKey, tie('child')), { maxLength: 20 }).map(toObject),
    fc.array(fc.tuple(tie('child'), tie('child')), { maxLength: 6 }).map((entries) => new Map(entries)),
    fc.array(tie('child'), { maxLength: 6 }).map((items) => new Set(items)),
    fc.tuple(errorValue, tie('child')).map(([error, cause]) => {
      Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
      return error;
    }),
  ),
}));

const corrupt = expect.objectContaining({ code: 'CORRUPT' });
const tooLarge = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

const roundTrip = (input: unknown): unknown => decodeValue(encodeValue(input));
const message = (hex: string): Uint8Array =>
  concatBytes(Uint8Array.of(1), Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Node's deep equality tells -0 from 0 and compares errors by name, message and cause; vitest's explains better. */
function expectSame(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toStrictEqual(expected);
}

/** Makes writing to any array or object in it throw. */
function freeze(part: unknown): void {
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) return;
  if (part instanceof Map) for (const entry of part) entry.forEach(freeze);
  else if (part instanceof Set) for (const item of part) freeze(item);
  else {
    Object.freeze(part);
    for (const key of Object.getOwnPropertyNames(part))
      freeze(Object.getOwnPropertyDescriptor(part, key)?.value);
  }
}

describe('a value', () => {
  test('comes back deeply equal', () => {
    fc.assert(
      fc.property(value, (input) => {
        expectSame(roundTrip(input), input);
      }),
      { numRuns: 800 },
    );
  });

  test('has bytes that no other value has', () => {
    const text = new TextEncoder();
    const near: unknown[] = [
      ...['', 'a', '-a', '\ufeffa', '-\ufeffa', '\ufffd', '1', 'null', '\u0000'],
      ...['', 'a', '-a', '\ufeffa', '\ufffd', '1'].map((each) => text.encode(each)),
      ...[0, -0, 1, 1.5, Number.NaN, 2 ** 53, 0n, 1n, 2n ** 53n, 2n ** 64n, true, false, null],
      ...[
        [],
        {},
        new Map(),
        new Set(),
        new ArrayBuffer(0),
        new DataView(new ArrayBuffer(0)),
        new Date(0),
        /a/,
      ],
      ...[[undefined], [null], [0], [[]], { a: undefined }, { a: null }, { ['__proto__']: null }],
      ...[new Map([['a', null]]), new Map([[1, 2]]), [1, 2], new Set([1, 2]), new Set([2, 1]), [2, 1]],
      ...[new Int8Array(1), new Uint8ClampedArray(1), new Uint8Array(1), new ArrayBuffer(1), [2, 1, 2]],
      ...[new Error('a'), new TypeError('a'), new Error('a', { cause: undefined }), new Error('')],
      ...[
        { a: 1, b: 2 },
        { b: 2, a: 1 },
        new Date(1),
        new Date(Number.NaN),
        /a/i,
        { source: 'a', flags: '' },
      ],
    ];
    const found = new Map<string, unknown>();
    for (const each of near) {
      const hex = toHex(encodeValue(each));
      expect([each, found.get(hex)]).toEqual([each, undefined]);
      found.set(hex, each);
    }
    for (const lone of ['\ud800', '\udc00', 'a\udfff\ud800'])
      expect(() => encodeValue(lone)).toThrow('a lone surrogate');
  });

  test('is not changed by being encoded', () => {
    fc.assert(
      fc.property(value, (input) => {
        freeze(input);
        encodeValue(input);
      }),
      { numRuns: 150 },
    );
  });

  test('that is a Uint8Array is stored as it is, behind a 0', () => {
    expect(encodeValue(Uint8Array.of(7, 8))).toEqual(Uint8Array.of(0, 7, 8));
    expect(roundTrip(new Uint8Array(0))).toEqual(new Uint8Array(0));
  });

  test('has these bytes', () => {
    const hex = (input: unknown): string => toHex(encodeValue(input));
    expect(hex({ a: [1, null, undefined] })).toBe('0181a16193 01 c0 d40000'.replaceAll(' ', ''));
    expect(hex(1n)).toBe('01d30000000000000001');
    expect(hex(2n ** 64n)).toBe('01d84200000000000000010000000000000000');
    expect(hex(new Set([1]))).toBe('01d473009101');
    expect(hex([Uint8Array.of(5)])).toBe('0191c40105');
    expect(hex(Uint16Array.of(1))).toBe('01c70374040100');
    expect(hex(new Date(1000))).toBe('01d6ff00000001');
    expect(hex('\ufeff')).toBe('01d448009200a42defbbbf');
    expect(hex(-0)).toBe('01d448009101');
    expect(hex(new Map([['k', 2]]))).toBe('01d448009302a16b02');
    expect(hex(JSON.parse('{"__proto__":2}'))).toBe('01d448009303a95f5f70726f746f5f5f02');
    expect(hex(new RangeError('m'))).toBe('01d448009404aa52616e67654572726f72aa52616e67654572726f72a16d');
    expect(hex(/a/g)).toBe('01d448009305a161a167');
  });

  test('may be an invalid date, a sparse array, a large array, a large object', () => {
    expect((roundTrip(new Date(Number.NaN)) as Date).getTime()).toBeNaN();
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    expect(roundTrip([1, , 3])).toStrictEqual([1, undefined, 3]);
    expect(roundTrip('é'.repeat(70_000))).toBe('é'.repeat(70_000));
    const many = Array.from({ length: 70_000 }, (_, i) => i);
    expectSame(roundTrip(many), many);
    const wide = Object.fromEntries(many.map((i) => [`key ${i}`, i]));
    expectSame(roundTrip(wide), wide);
    const map = new Map(many.map((i) => [i, [-0]]));
    expectSame(roundTrip(map), map);
  });

  test('keeps that an error has a cause, and that it is undefined', () => {
    expect(Object.hasOwn(roundTrip(new Error('m')) as Error, 'cause')).toBe(false);
    expect(Object.hasOwn(roundTrip(new Error('m', { cause: undefined })) as Error, 'cause')).toBe(true);
    const renamed = new TypeError('m');
    renamed.name = 'Mine';
    const found = roundTrip(renamed) as Error;
    expect([found instanceof TypeError, found.name, found.message]).toEqual([true, 'Mine', 'm']);
  });

  test('without a prototype comes back as a plain object, a Buffer as a Uint8Array', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(roundTrip(bare)).toStrictEqual({ a: 1 });
    for (const bytes of [roundTrip(Buffer.from('hi')), (roundTrip([Buffer.from('hi')]) as Uint8Array[])[0]!])
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
  });

  test('with a key __proto__ keeps it as a key and pollutes nothing', () => {
    const found = roundTrip(JSON.parse('{"a":{"__proto__":{"polluted":1}}}')) as { a: object };
    expect(Object.getPrototypeOf(found.a)).toBe(Object.prototype);
    expect('polluted' in found.a).toBe(false);
    expect(Object.keys(found.a)).toEqual(['__proto__']);
    expect('polluted' in {}).toBe(false);
    // What another writer may have put in plainly is renamed, not obeyed.
    const plain = decodeValue(message('81 a9 5f5f70726f746f5f5f 81 a161 01')) as object;
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
  });

  test('shares no memory with the bytes it came from, nor with what was encoded', () => {
    const input = [Uint8Array.of(1, 2), Float64Array.of(1), Uint8Array.of(3).buffer, 'text'];
    for (const wrap of [(bytes: Uint8Array) => bytes, (bytes: Uint8Array) => Buffer.from(bytes)]) {
      const raw = wrap(encodeValue(Uint8Array.of(1, 2)));
      const encoded = wrap(encodeValue(input));
      const found = [decodeValue(raw), decodeValue(encoded)];
      raw.fill(255);
      encoded.fill(255);
      expect(found).toStrictEqual([Uint8Array.of(1, 2), input]);
      expect((found[0] as Uint8Array).buffer.byteLength).toBe(2);
    }
    const first = encodeValue(['first']);
    const second = encodeValue(['other']);
    expect([decodeValue(first), decodeValue(second)]).toEqual([['first'], ['other']]);
  });

  test('can be decoded from the middle of a larger buffer', () => {
    const encoded = encodeValue({ list: [1, 'two', Uint16Array.of(3)] });
    const page = concatBytes(new Uint8Array(5).fill(0xc1), encoded, new Uint8Array(5).fill(0xc1));
    expect(decodeValue(page.subarray(5, 5 + encoded.length))).toStrictEqual({
      list: [1, 'two', Uint16Array.of(3)],
    });
  });
});

describe('a value that can not be kept', () => {
  class Account {
    balance = 1;
  }
  const circular: { a: { b: unknown[] } } = { a: { b: [0] } };
  circular.a.b.push(circular.a);
  const loop = new Map<string, unknown>();
  loop.set('self', new Set([loop]));
  const extended = Object.assign(new Error('m'), { code: 'E1' });
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'value is undefined; expected something to store'],
    ['a function', () => 1, 'value is a function'],
    ['a function deep inside', { items: [1, 2, 3, { fn: () => 1 }] }, 'value.items[3].fn is a function'],
    ['a symbol', { 'a b': [Symbol('x')] }, 'value["a b"][0] is a symbol'],
    ['a symbol for a key', { a: { [Symbol('x')]: 1 } }, 'value.a is an object with a symbol for a key'],
    [
      'a class instance',
      { acc: new Account() },
      'value.acc is an instance of Account, whose class would be lost',
    ],
    ['a subclass of Map', new (class Sub extends Map {})(), 'value is an instance of Sub'],
    ['a subclass of Array', new (class Sub extends Array {})(), 'value is an instance of Sub'],
    ['a boxed string', new String('s'), 'value is an instance of String'],
    ['a promise', [Promise.resolve(1)], 'value[0] is an instance of Promise'],
    ['a URL in a Map', new Map([['k', new URL('http://a/')]]), 'value.get("k") is an instance of URL'],
    ['a function for a Map key', new Map([[() => 1, 1]]), 'value.get(…) is a function'],
    ['a function in a Set', new Set([1, () => 1]), 'value.values()[1] is a function'],
    ['shared memory', new SharedArrayBuffer(1), 'value is an instance of SharedArrayBuffer'],
    [
      'an error of another class',
      new AggregateError([], 'm'),
      'value is an error of the class AggregateError',
    ],
    [
      'an error with more to it',
      [extended],
      'value[0] is an error with the property code, which would be lost',
    ],
    ['a cause that is a function', new Error('m', { cause: () => 1 }), 'value.cause is a function'],
    ['a lone surrogate', ['a\ud800'], 'value[0] is a string with a lone surrogate'],
    ['a lone surrogate in a key', { 'a\ud800': 1 }, 'value["a\\ud800"] is a string with a lone surrogate'],
    ['a cycle', circular, 'value.a.b[1] is value.a again, a cycle'],
    ['a cycle through a Map and a Set', loop, 'value.get("self").values()[0] is value again, a cycle'],
  ])('%s is a TypeError that says where', (_, input, said) => {
    expect(() => encodeValue(input)).toThrow(TypeError);
    expect(() => encodeValue(input)).toThrow(said);
  });

  test('does not spoil the next one', () => {
    expect(() =>
      encodeValue([
        'x'.repeat(10_000),
        {
          get a(): never {
            throw new RangeError('mine');
          },
        },
      ]),
    ).toThrow('mine');
    expect(roundTrip({ a: 1 })).toEqual({ a: 1 });
  });
});

describe('limits', () => {
  test('a value takes at most 16 MiB', () => {
    expect(encodeValue(new Uint8Array(MAX_VALUE_BYTES - 1))).toHaveLength(MAX_VALUE_BYTES);
    expect(() => encodeValue(new Uint8Array(MAX_VALUE_BYTES))).toThrow(tooLarge);
    expect(() => encodeValue(new Uint8Array(MAX_VALUE_BYTES))).toThrow(
      /takes 16777217 bytes encoded, at most 16777216/,
    );
    const longest = 'x'.repeat(MAX_VALUE_BYTES - 6);
    expect(encodeValue(longest)).toHaveLength(MAX_VALUE_BYTES);
    expect(() => encodeValue(`${longest}x`)).toThrow(tooLarge);
    expect(() => encodeValue(['é'.repeat(MAX_VALUE_BYTES / 2)])).toThrow(tooLarge);
    expect(() => encodeValue([new Float64Array(MAX_VALUE_BYTES / 8)])).toThrow(tooLarge);
  });

  test('a small graph with exponentially many paths is refused in bounded time', () => {
    let graph: unknown[] = [];
    for (let i = 0; i < 200; i++) graph = [graph, graph];
    expect(() => admitValue(graph, MAX_VALUE_DEPTH, 10_000)).toThrow(tooLarge);
  });

  test('containers nest at most 512 deep, of every kind', () => {
    const wrappers: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ a: inner }),
      (inner) => new Map([[1, inner]]),
      (inner) => new Map([[inner, 1]]),
      (inner) => new Set([inner]),
      (inner) => new Error('m', { cause: inner }),
      (inner) => JSON.parse('{"__proto__":0}', (key, old) => (key === '__proto__' ? inner : old)),
    ];
    for (const wrap of wrappers) {
      let nested: unknown = -0;
      for (let i = 0; i < MAX_VALUE_DEPTH; i++) nested = wrap(nested);
      expect(toHex(encodeValue(roundTrip(nested)))).toBe(toHex(encodeValue(nested)));
      expect(() => encodeValue(wrap(nested))).toThrow(tooLarge);
      expect(() => encodeValue(wrap(nested))).toThrow(/nests deeper than 512 at value/);
    }
  });
});

describe('decoding hostile bytes', () => {
  test('takes no more of them than a value has', () => {
    const longest = new Uint8Array(MAX_VALUE_BYTES);
    expect((decodeValue(longest) as Uint8Array).length).toBe(MAX_VALUE_BYTES - 1);
    expect(() => decodeValue(new Uint8Array(MAX_VALUE_BYTES + 1))).toThrow('expected at most 16777216 bytes');
  });

  test('gives CORRUPT or a value, and nothing else', () => {
    const mutated = fc.tuple(value, fc.nat(), fc.nat(255), fc.nat(2)).map(([input, at, byte, how]) => {
      const encoded = encodeValue(input);
      const place = 1 + (at % encoded.length);
      if (how === 0) return encoded.slice(0, place);
      if (how === 1) return concatBytes(encoded.slice(0, place), Uint8Array.of(byte), encoded.slice(place));
      encoded[place] = byte;
      return encoded;
    });
    const tokens = fc.constantFrom(0x81, 0x92, 0xa1, 0xc1, 0xc4, 0xc7, 0xd4, 0xd5, 0xd6, 0xd9, 0xdc, 0xde);
    const small = fc.constantFrom(
      0,
      1,
      2,
      3,
      0x42,
      0x48,
      0x62,
      0x65,
      0x69,
      0x70,
      0x72,
      0x73,
      0x74,
      0x78,
      0xff,
      0x41,
    );
    const assembled = fc
      .array(fc.oneof(tokens, small), { maxLength: 20 })
      .map((list) => Uint8Array.from([1, ...list]));
    fc.assert(
      fc.property(fc.oneof(mutated, assembled, fc.uint8Array()), (input) => {
        try {
          decodeValue(input);
        } catch (error) {
          expect(error).toEqual(corrupt);
        }
      }),
      { numRuns: 1500 },
    );
    expect(roundTrip({ still: ['works'] })).toEqual({ still: ['works'] });
  });

  test.each([
    ['no bytes', ''],
    ['an unknown first byte', '02 c0'],
  ])('%s is CORRUPT', (_, hex) => {
    expect(() => decodeValue(new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex')))).toThrow(corrupt);
  });

  test.each([
    ['nothing after the first byte', ''],
    ['bytes after the end', 'c0 c0'],
    ['bin that claims 4 GiB', 'c6 ff ff ff ff 00'],
    ['a string that claims 4 GiB', 'db ff ff ff ff 61'],
    ['an array that claims 4 Gi items', 'dd ff ff ff ff c0'],
    ['a map that claims 4 Gi entries', 'df ff ff ff ff a1 61 c0'],
    ['an extension that claims 4 GiB', 'c9 ff ff ff ff 74 01'],
    ['arrays that each claim what is left', `${'dc 00 20 '.repeat(16)}c0`],
    ['a type that MessagePack has not', 'c1'],
    ['a number for a key', '81 01 c0'],
    ['a bigint for a key', `81 c7 09 42 ${'01'.repeat(9)} c0`],
    ['a record definition (which msgpackr may compile)', 'd4 72 40 91 a1 61 01'],
    ['a two-byte record definition', 'd5 72 40 00 91 a1 61 01'],
    ['bundled strings', 'd6 62 00 00 00 04 c1 01 a1 61 a1 62'],
    ['a reference', '92 d6 69 00 00 00 01 90 d6 70 00 00 00 01'],
    ["msgpackr's error, whose class is any name", 'd4 65 00 92 ab 636f6e7374727563746f72 a1 61'],
    ["msgpackr's regular expression", 'd4 78 00 92 a1 61 a0'],
    ['a Set of a string', 'd4 73 00 a1 61'],
    ['a tag without an array', 'd4 48 00 01'],
    ['an unknown tag', 'd4 48 00 91 63'],
    ['no tag', 'd4 48 00 90'],
    ['an error class that is not kept', 'd4 48 00 94 04 ab 636f6e7374727563746f72 a1 61 a1 61'],
    ['a regular expression that is none', 'd4 48 00 93 05 a1 28 a0'],
    ['half an element of a typed array', 'c7 03 74 09 00 00'],
    ['an unknown kind of typed array', 'c7 02 74 63 00'],
    ['an empty bigint', 'c7 00 42'],
  ])('%s is CORRUPT', (_, hex) => {
    expect(() => decodeValue(message(hex))).toThrow(corrupt);
  });

  test('does not recurse into a hundred thousand containers', () => {
    for (const opening of ['91', '81a161', 'd4730091', 'd448009202'])
      expect(() => decodeValue(message(`${opening.repeat(100_000)}c0`))).toThrow(corrupt);
  });

  test('names the object, the offset and what was expected', () => {
    expect(() => decodeValue(message('92 c0 c1'), 'seg/x')).toThrow(
      /^seg\/x is corrupt: at offset 2 of its MessagePack, expected a type, found 0xc1/,
    );
  });
});

test('the msgpackr that is imported compiles nothing', () => {
  const source = readFileSync(createRequire(import.meta.url).resolve('msgpackr/index-no-eval'), 'utf8');
  expect(source).not.toMatch(/\bnew Function\b|\beval\(/);
});
