import { createContext, runInContext, runInThisContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { encodeKey, type Key } from '../key/key.js';
import { keyBounds } from '../key/key-range.js';
import { HoldfastError } from '../object/errors.js';
import { decodeValue, encodeValue } from './value.js';

const context = createContext({});

/** What an expression is in another realm, and here. */
function both(expression: string): { foreign: unknown; ours: unknown } {
  return { foreign: runInContext(`(${expression})`, context), ours: runInThisContext(`(${expression})`) };
}

const VALUES = [
  'Uint8Array.of(0, 1, 255)',
  'new Date(1e12)',
  'new Date(NaN)',
  'new Map([["a", new Map([[1, -0]])], [Uint8Array.of(1), new Date(5)]])',
  'new Set([1n, "two", new Set(), [-0]])',
  '/a\\/b/giu',
  '[1, , [2, { three: [] }]]',
  '{ a: { b: [undefined, null] }, ["__proto__"]: 1 }',
  'Object.create(null, { x: { value: [1], enumerable: true } })',
  'new ArrayBuffer(5)',
  'new DataView(Uint8Array.of(9, 8, 7, 6).buffer, 1, 2)',
  ...['Int8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array'].map(
    (name) => `${name}.of(1, 2, 3).subarray(1)`,
  ),
  ...['Float32Array', 'Float64Array'].map((name) => `${name}.of(0.5, -0, NaN).subarray(1)`),
  ...['BigInt64Array', 'BigUint64Array'].map((name) => `${name}.of(1n, 2n)`),
  ...['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'].map(
    (name) => `new ${name}("no", { cause: new Map([[1, 2]]) })`,
  ),
];

describe('what another realm has made', () => {
  test.each(VALUES)('is stored as what ours is: %s', (expression) => {
    const { foreign, ours } = both(expression);
    for (const wrap of [(x: unknown) => x, (x: unknown) => [x, { x }], (x: unknown) => new Map([[x, x]])]) {
      expect(encodeValue(wrap(foreign))).toEqual(encodeValue(wrap(ours)));
    }
  });

  test.each(['Uint8Array.of(0, 1, 255)', '["a", Uint8Array.of(0, 7), [null, ["b", 1n, 0.5, true]]]', '[]'])(
    'is the same key: %s',
    (expression) => {
      const { foreign, ours } = both(expression);
      expect(encodeKey(foreign as Key)).toEqual(encodeKey(ours as Key));
      expect(keyBounds({ prefix: foreign as Key })).toEqual(keyBounds({ prefix: ours as Key }));
    },
  );

  test('is a range, unless it is bytes or a list', () => {
    expect(keyBounds(both('{ gte: ["a"] }').foreign as object)).toEqual(keyBounds({ gte: ['a'] }));
    for (const expression of ['["a"]', 'Uint8Array.of(1)'])
      expect(() => keyBounds(both(expression).foreign as object)).toThrow('expected a range such as');
  });

  test.each([
    'new (class extends Map {})()',
    'new (class Mine extends Set {})()',
    'new (class TypeError extends Error {})("borrowed name")',
    'Object.setPrototypeOf(new Map(), { constructor: Map })',
    'new (class Float64Array { })()',
    'new (class extends Float64Array {})(1)',
    'new (class Point { x = 1 })()',
    'Promise.resolve()',
    'Object(1)',
    'new SharedArrayBuffer(1)',
  ])('is refused where ours is: %s', (expression) => {
    const { foreign, ours } = both(expression);
    for (const value of [foreign, ours])
      expect(() => encodeValue([value])).toThrow(/^value\[0\] is an? (instance|error|typed array) of/);
  });

  test('is not changed by being encoded, nor shares memory with what is decoded', () => {
    const foreign = runInContext(
      '({ list: [-0, Float64Array.of(1)], map: new Map([[1, [-0]]]) })',
      context,
    ) as {
      list: [number, Float64Array];
      map: Map<number, number[]>;
    };
    const back = decodeValue(encodeValue(foreign)) as typeof foreign;
    back.list[1][0] = 2;
    back.map.get(1)![0] = 3;
    expect([foreign.list[1][0], foreign.map.get(1)![0], Object.is(foreign.list[0], -0)]).toEqual([
      1,
      -0,
      true,
    ]);
  });
});

test('an error of another copy of this package is known for what it is', async () => {
  const file = '../object/errors.ts?another-copy';
  const other = (await import(/* @vite-ignore */ file)) as { HoldfastError: typeof HoldfastError };
  expect(other.HoldfastError).not.toBe(HoldfastError);
  const theirs = new other.HoldfastError('CONFLICT', 'again');
  expect(theirs instanceof HoldfastError).toBe(true);
  expect(new HoldfastError('CONFLICT', 'again') instanceof other.HoldfastError).toBe(true);
  class Special extends HoldfastError {}
  expect(theirs instanceof Special).toBe(false);
  expect(new Special('CONFLICT', 'again') instanceof HoldfastError).toBe(true);
  for (const none of [new Error('again'), { code: 'CONFLICT' }, 'CONFLICT', null, undefined])
    expect((none as unknown) instanceof HoldfastError).toBe(false);
});
