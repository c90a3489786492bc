import { expect, test } from 'vitest';
import { fairnessOf } from './fairness.js';

test('even shares are 1', () => {
  expect(fairnessOf([7, 7, 7])).toEqual({ least: 7, most: 7, ratio: 1 });
  expect(fairnessOf([5])).toEqual({ least: 5, most: 5, ratio: 1 });
});

test('it is the writer with the fewest that counts, not the average', () => {
  expect(fairnessOf([546, 22, 1, 1])).toEqual({ least: 1, most: 546, ratio: 1 / 546 });
});

test('a writer with nothing makes it 0, and so does a world where nobody has anything', () => {
  expect(fairnessOf([0, 10]).ratio).toBe(0);
  expect(fairnessOf([0, 0]).ratio).toBe(0);
});

test('without writers there is none', () => {
  expect(() => fairnessOf([])).toThrow(RangeError);
});
