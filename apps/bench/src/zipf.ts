/**
 * Numbers as they come where few are asked for often: Gray et al., "Quickly Generating Billion-Record Synthetic
 * Databases", SIGMOD 1994; the generator of YCSB.
 */

/** Gives numbers from 0 to `count - 1`, the smaller the likelier. @param skew from 0 to below 1. */
export function zipf(count: number, skew: number, random: () => number): () => number {
  let total = 0;
  for (let i = 1; i <= count; i++) total += 1 / i ** skew;
  const two = 1 + 1 / 2 ** skew;
  const exponent = 1 / (1 - skew);
  const slope = (1 - (2 / count) ** (1 - skew)) / (1 - two / total);
  return () => {
    const at = random();
    if (at * total < 1) return 0;
    if (at * total < two) return 1;
    return Math.min(count - 1, Math.floor(count * (slope * at - slope + 1) ** exponent));
  };
}
