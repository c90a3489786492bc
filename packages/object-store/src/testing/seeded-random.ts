import type { RandomBytes } from '../clock.js';

/** The same bytes for the same seed. For tests: whoever knows the seed knows every key made from it. */
export function seededRandom(seed: number): RandomBytes {
  let state = seed >>> 0;
  // Mulberry32 (Ettinger, 2017, public domain).
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return (length) => Uint8Array.from({ length }, () => next() >>> 24);
}
