import { expect, test } from 'vitest';
import { RequestLimit } from './request-limit.js';

test('a second takes no more than its number, however they come', () => {
  const limit = new RequestLimit(100);
  const burst = Array.from({ length: 150 }, () => limit.admits(0)).filter(Boolean);
  expect(burst).toHaveLength(100);
  expect(limit.admits(5)).toBe(false);
});

test('what a second has not used is not saved up', () => {
  const limit = new RequestLimit(100);
  const late = Array.from({ length: 300 }, () => limit.admits(60_000)).filter(Boolean);
  expect(late).toHaveLength(100);
});

test('it gains with time', () => {
  const limit = new RequestLimit(100);
  for (let i = 0; i < 100; i++) limit.admits(0);
  expect(limit.admits(10)).toBe(true);
  expect(limit.admits(10)).toBe(false);
});
