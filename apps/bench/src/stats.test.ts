import { describe, expect, test } from 'vitest';
import { meetsTarget, type Row, ratioOf } from './measure.js';
import { quantile, summarize } from './stats.js';

describe('quantiles', () => {
  test('the median of an odd number of samples is the middle one, whatever their order', () => {
    expect(quantile([9, 1, 5], 0.5)).toBe(5);
  });

  test('between two samples a quantile lies in proportion', () => {
    expect(quantile([10, 20], 0.5)).toBe(15);
    expect(quantile([0, 10, 20, 30, 40], 0.1)).toBe(4);
  });

  test('the ends are the smallest and the largest', () => {
    expect(quantile([3, 1, 2], 0)).toBe(1);
    expect(quantile([3, 1, 2], 1)).toBe(3);
  });

  test('samples are left as they were', () => {
    const samples = [3, 1, 2];
    quantile(samples, 0.5);
    expect(samples).toEqual([3, 1, 2]);
  });

  test('without samples there is nothing to say', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    expect(() => quantile([1], 1.5)).toThrow(RangeError);
  });

  test('a summary says how many samples it is of', () => {
    const samples = Array.from({ length: 101 }, (_, i) => i);
    expect(summarize(samples)).toEqual({ n: 101, median: 50, p10: 10, p90: 90 });
  });
});

describe('verdicts', () => {
  const row: Row = {
    measure: 'm',
    what: 'w',
    network: 'direct',
    unit: 'ms',
    ours: summarize([12]),
    baseline: { what: 'b', samples: summarize([10]) },
  };

  test('a row with a baseline is judged by its ratio', () => {
    expect(ratioOf(row)).toBe(1.2);
    expect(meetsTarget({ ...row, target: { atMost: 1.2 } })).toBe(true);
    expect(meetsTarget({ ...row, target: { atMost: 1.1 } })).toBe(false);
    expect(meetsTarget({ ...row, target: { atLeast: 20 } })).toBe(false);
  });

  test('a row without one is judged by its value', () => {
    expect(meetsTarget({ ...row, baseline: undefined, target: { atMost: 300 } })).toBe(true);
    expect(meetsTarget({ ...row, baseline: undefined, target: { atMost: 11 } })).toBe(false);
  });

  test('a row without a target has no verdict', () => {
    expect(meetsTarget(row)).toBeUndefined();
  });
});
