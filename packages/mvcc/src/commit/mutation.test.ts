import { decodeValue, encodeValue } from '@holdfast/core';
import { expect, test } from 'vitest';
import { applyMutations, type Mutation } from './mutation.js';

const one: Mutation[] = [{ kind: 'add', operand: 1 }];
const apply = (value: number | undefined, expiresMs: number | undefined, nowMs: number): unknown[] => {
  const base = { value: value === undefined ? undefined : encodeValue(value), expiresMs };
  const result = applyMutations(base, one, nowMs, () => 'k');
  return [decodeValue(result.value), result.expiresMs];
};

test('a mutation keeps the expiry of what it finds alive', () => {
  expect(apply(41, 101, 100)).toEqual([42, 101]);
});

test('a mutation finds nothing where the base has expired, and its result does not expire', () => {
  expect(apply(41, 100, 100)).toEqual([1, undefined]);
});

test('a mutation of nothing, or of what stays, does not expire', () => {
  expect(apply(undefined, undefined, 100)).toEqual([1, undefined]);
  expect(apply(41, undefined, 100)).toEqual([42, undefined]);
});

test('the type of an expired base is nobody’s concern', () => {
  const base = { value: encodeValue('text'), expiresMs: 5 };
  expect(decodeValue(applyMutations(base, one, 5, () => 'k').value)).toBe(1);
  expect(() => applyMutations(base, one, 4, () => 'k')).toThrow(TypeError);
});
