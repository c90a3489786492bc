import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { MemoryStore, open } from 'holdfast';
import { describe, expect, test } from 'vitest';
import { fromJson, type Json, parseJson, printValue, toJson } from './json-values.js';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array));
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\u0000', '\u202e', '"\\', '\ufeff'));
const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', '$bytes', '$object', '$x', '1', ''));
const views = [Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array];

const error = fc
  .tuple(fc.constantFrom(Error, RangeError, TypeError), text, text)
  .map(([ErrorClass, message, errorName]) => {
    const made = new ErrorClass(message);
    return errorName === '' ? made : withHidden(made, 'name', errorName);
  });

/** Everything that a database holds. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double(),
    fc.integer(),
    fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.bigInt(),
    fc.date({ noInvalidDate: false }),
    bytes,
    fc.constantFrom(...views).chain((View) => bytes.map((b) => View.from(b))),
    bytes.map((b) => b.buffer),
    bytes.map((b) => new DataView(b.buffer)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => BigInt64Array.of(n)),
    fc.constantFrom(/a+/giu, /\//, /(?:)/),
    error,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.tuple(error, tie('value')).map(([made, cause]) => withHidden(made, 'cause', cause)),
  ),
}));

function withHidden(made: Error, property: string, value: unknown): Error {
  return Object.defineProperty(made, property, { value, configurable: true, writable: true });
}

const roundTrip = (input: unknown): unknown => fromJson(parseJson(printValue(input)));

describe('a value as JSON', () => {
  test('comes back deeply equal', () => {
    fc.assert(
      fc.property(value, (input) => {
        const found = roundTrip(input);
        if (!isDeepStrictEqual(found, input)) expect(found).toStrictEqual(input);
      }),
      { numRuns: 1500 },
    );
  });

  test('comes back deeply equal from a database, too', async () => {
    const db = await open(new MemoryStore(), { key: 'plaintext' });
    const storable = value.filter((input) => input !== undefined);
    await fc.assert(
      fc.asyncProperty(storable, async (input) => {
        await db.set('k', fromJson(parseJson(printValue(input))));
        const found = roundTrip(await db.get('k'));
        if (!isDeepStrictEqual(found, input)) expect(found).toStrictEqual(input);
      }),
      { numRuns: 100 },
    );
    await db.close();
  });

  test('of JSON is that JSON, except for objects that look like a tag', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (input) => {
        fc.pre(!JSON.stringify(input).includes('$'));
        const json = JSON.parse(JSON.stringify(input)) as Json;
        expect(toJson(fromJson(json))).toStrictEqual(json);
      }),
    );
    const taken = { $ref: '#/x' };
    expect(fromJson(taken)).toStrictEqual(taken);
    expect(toJson(taken)).toStrictEqual({ $object: taken });
    expect(roundTrip({ $object: { $bytes: 'no base64' } })).toStrictEqual({
      $object: { $bytes: 'no base64' },
    });
  });

  test.each<[unknown, string]>([
    [Uint8Array.of(1, 2), '{"$bytes":"AQI="}'],
    [-5n, '{"$bigint":"-5"}'],
    [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [new Date(Number.NaN), '{"$date":"invalid"}'],
    [-0, '{"$number":"-0"}'],
    [[1, undefined], '[1,{"$undefined":true}]'],
    [new Map([['a', 1]]), '{"$map":[["a",1]]}'],
    [new Set([1]), '{"$set":[1]}'],
    [/a/g, '{"$regexp":["a","g"]}'],
    [new RangeError('m'), '{"$error":{"class":"RangeError","name":"RangeError","message":"m"}}'],
    [Uint16Array.of(1), '{"$typed":["Uint16Array","AQA="]}'],
    [{ $bytes: 'AQI=' }, '{"$object":{"$bytes":"AQI="}}'],
    [{ $bytes: 'AQI=', more: 1 }, '{"$bytes":"AQI=","more":1}'],
    ['\u009b2J\u202e', '"\\u009b2J\\u202e"'],
  ])('%o is written as %s', (input, expected) => {
    expect(printValue(input)).toBe(expected);
    expect(roundTrip(input)).toStrictEqual(input);
  });

  test.each([
    ['{"$bytes":"AQ"}', '$bytes'],
    ['{"$bytes":"A*I="}', '$bytes'],
    ['{"$bigint":"1.5"}', '$bigint'],
    ['{"$bigint":7}', '$bigint'],
    ['{"$date":"yesterday"}', '$date'],
    ['{"$number":"7"}', '$number'],
    ['{"$undefined":false}', '$undefined'],
    ['{"$map":[[1]]}', '$map'],
    ['{"$set":{}}', '$set'],
    ['{"$regexp":["(","g"]}', 'regular expression'],
    ['{"$error":{"class":"Evil","name":"","message":""}}', '$error'],
    ['{"$typed":["Float64Array","AQI="]}', 'Float64Array'],
    ['{"$typed":["Function","AQI="]}', '$typed'],
    ['[1e999]', 'too large'],
    ['{"a":[12345678901234567890]}', '$bigint'],
    ['-9007199254740993', '9007199254740993'],
    ['"\\ud800"', 'surrogate'],
    ['{"\\udc00":1}', 'surrogate'],
    ['nope', 'JSON'],
  ])('%s is refused', (json, problem) => {
    const read = () => fromJson(parseJson(json));
    expect(read).toThrow(SyntaxError);
    expect(read).toThrow(problem);
  });

  test('that nests as deep as a database allows comes back', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 512; depth++)
      deep = depth % 2 ? new Set([deep]) : new Map([[deep, [deep].length]]);
    const found = printValue(roundTrip(deep));
    expect(found).toBe(printValue(deep));
  });

  test('that nests without end is refused', () => {
    for (const [depth, inner] of [
      [5_000, ''],
      [100_000, '"\\ud800"'],
    ] as const) {
      const read = () => fromJson(parseJson(`${'['.repeat(depth)}${inner}${']'.repeat(depth)}`));
      expect(read).toThrow(SyntaxError);
    }
  });

  test('keeps integers that a double holds, and digits in strings', () => {
    expect(
      parseJson(
        '[9007199254740992, 1152921504606846976, -62665415896550810, "12345678901234567890", "\\"123456789012345678901"]',
      ),
    ).toStrictEqual([2 ** 53, 2 ** 60, -62665415896550810, '12345678901234567890', '"123456789012345678901']);
  });
});
