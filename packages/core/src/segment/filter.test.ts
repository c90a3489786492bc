import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeKey } from '../key/key.js';
import { toHex } from '../object/bytes.js';
import { FILTER_PROBES, FilterBuilder, filterMayContain, SoughtKey } from './filter.js';
import { key, seededRandom } from './segment-fixture.js';

function build(keys: readonly Uint8Array[]): Uint8Array {
  const builder = new FilterBuilder();
  for (const k of keys) builder.add(k);
  return builder.finish();
}

test('a filter knows every key that was added', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 400 }), (keys) => {
      const bits = build(keys);
      expect(bits.length).toBe(Math.ceil((keys.length * 10) / 8));
      expect(keys.every((k) => filterMayContain(bits, FILTER_PROBES, new SoughtKey(k)))).toBe(true);
    }),
  );
});

const random = seededRandom(3);
const randomKeys = Array.from({ length: 30_000 }, () => random(16));

test.each([
  { kind: 'numbered texts', make: (i: number) => key(`user/${i}/name`) },
  { kind: 'numbers in tuples', make: (i: number) => encodeKey(['item', i]) },
  { kind: '16 random bytes', make: (i: number) => randomKeys[i]! },
])('less than 3 % of absent keys pass among 10,000: $kind', ({ make }) => {
  const keys = Array.from({ length: 10_000 }, (_, i) => make(i));
  const bits = build(keys);
  let passed = 0;
  for (let i = 10_000; i < 30_000; i++)
    if (filterMayContain(bits, FILTER_PROBES, new SoughtKey(make(i)))) passed++;
  expect(passed / 20_000).toBeLessThan(0.03);
  expect(keys.every((k) => filterMayContain(bits, FILTER_PROBES, new SoughtKey(k)))).toBe(true);
});

test('the bits are those of FORMAT.md', () => {
  // Computed from FORMAT.md's sentence alone, in another language.
  const keys = Array.from({ length: 10 }, (_, i) => key(`key${i}`));
  expect(toHex(build(keys))).toBe('66921d3197bf4e06e79e8c68b7');
});
