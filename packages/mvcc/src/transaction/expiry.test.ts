import { describe, expect, test } from 'vitest';
import { type ExpiryOptions, expiresMs, takeExpiry, takeOnlyExpiry } from './expiry.js';

const at = (options: ExpiryOptions, nowMs: number): number | undefined =>
  expiresMs(takeExpiry('set', options), nowMs);

describe('an expiry', () => {
  test('in milliseconds counts from the time of the run', () => {
    expect(at({ expireInMs: 5 }, 100)).toBe(105);
  });

  test('at a moment is that moment, as a Date or in milliseconds', () => {
    expect(at({ expireAt: new Date(7) }, 100)).toBe(7);
    expect(at({ expireAt: 7 }, 100)).toBe(7);
  });

  test('that is not given is none', () => {
    expect(at({}, 100)).toBeUndefined();
    expect(at({ expireInMs: undefined, expireAt: undefined }, 100)).toBeUndefined();
    expect(takeExpiry('set', undefined)).toBeUndefined();
  });

  test('is a whole number where the clock says fractions, and never too early', () => {
    expect(at({ expireInMs: 1 }, 100.25)).toBe(102);
  });

  test('by a clock that stands before 1970 is the first moment that an entry can say', () => {
    expect(at({ expireInMs: 1 }, -100)).toBe(1);
  });

  test('after the last moment that a Date can say is that moment', () => {
    expect(new Date(at({ expireInMs: 8.64e15 }, 1)!).getTime()).toBe(8.64e15);
  });

  test('is taken as it was at the call', () => {
    const date = new Date(50);
    const taken = takeExpiry('set', { expireAt: date });
    date.setTime(0);
    expect(expiresMs(taken, 1)).toBe(50);
  });

  test('of both kinds is refused', () => {
    expect(() => takeExpiry('set', { expireInMs: 1, expireAt: 1 })).toThrow(
      'set: expected expireInMs or expireAt, found both.',
    );
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('of %s ms is refused', (ms) => {
    expect(() => takeExpiry('set', { expireInMs: ms })).toThrow(RangeError);
    expect(() => takeExpiry('set', { expireAt: ms })).toThrow(RangeError);
  });

  test('at an invalid Date, or one not after 1970, is refused', () => {
    expect(() => takeExpiry('set', { expireAt: new Date(Number.NaN) })).toThrow(RangeError);
    expect(() => takeExpiry('set', { expireAt: new Date(0) })).toThrow(RangeError);
  });

  test.each(['1', 1n, null, {}])('that is no number or Date is refused: %s', (value) => {
    expect(() => takeExpiry('set', { expireInMs: value as number })).toThrow(TypeError);
    expect(() => takeExpiry('set', { expireAt: value as number })).toThrow(TypeError);
  });

  test('whose option is misspelt is refused', () => {
    expect(() => takeOnlyExpiry('set', { expireIn: 5 } as ExpiryOptions)).toThrow(
      'did you mean "expireInMs"',
    );
    expect(() => takeOnlyExpiry('set', 5 as ExpiryOptions)).toThrow(TypeError);
  });
});
