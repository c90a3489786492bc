import { expect, test } from 'vitest';
import { Random } from '../world/random.js';
import { fixed, LatencyCurve, profileOf, profiles, roundTripOf } from './latency.js';

test('a curve has the percentiles that it was made of', () => {
  const random = new Random(1, 'latencies');
  const curve = new LatencyCurve({ p50: 100, p99: 195 });
  const drawn = Array.from({ length: 20_000 }, () => curve.draw(random)).sort((a, b) => a - b);
  expect(drawn[10_000]).toBeCloseTo(100, -0.5);
  expect(Math.abs(drawn[19_800]! - 195)).toBeLessThan(10);
  expect(curve.at(0.5)).toBe(100);
  expect(curve.at(0.99)).toBe(195);
});

test('a fixed latency is always the same', () => {
  const curve = new LatencyCurve(fixed(50).put);
  for (const fraction of [0, 0.3, 0.5, 0.999]) expect(curve.at(fraction)).toBe(50);
});

test('the unit of figures is the median PUT of a near writer', () => {
  expect(profiles.map((profile) => [profile.name, roundTripOf(profile)])).toEqual([
    ['fixed', 50],
    ['s3', 100],
    ['s3-10:1', 100],
  ]);
});

test('a fixed latency is named by its milliseconds', () => {
  expect(profileOf('fixed:7')?.put.p50).toBe(7);
  expect(profileOf('fixed:7')?.name).toBe('fixed:7');
  for (const name of ['fixed:', 'fixed:0', 'fixed:x', 's4']) expect(profileOf(name)).toBeUndefined();
});
