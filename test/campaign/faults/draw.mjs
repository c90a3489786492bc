/** Draws from a seed: the same seed gives the same draws in the same order (mulberry32). */

/** @param {number} seed */
export function drawing(seed) {
  let state = seed >>> 0;
  /** From 0 to below 1. */
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    /** A whole number from 0 to below `limit`. @param {number} limit */
    below: (limit) => Math.floor(fraction() * limit),
    /** @param {number} from @param {number} to */
    between: (from, to) => from + fraction() * (to - from),
    /** Waiting times of events that come independently of one another. @param {number} mean */
    exponential: (mean) => -mean * Math.log(1 - fraction()),
    /** @template T @param {readonly T[]} items @returns {T} */
    of: (items) => items[Math.floor(fraction() * items.length)],
  };
}
/** @typedef {ReturnType<typeof drawing>} Draw */
