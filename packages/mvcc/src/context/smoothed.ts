/** An exponentially weighted mean. @param mean of the samples before; undefined: there were none. */
export function smoothed(mean: number | undefined, sample: number, share: number): number {
  return mean === undefined ? sample : mean + (sample - mean) * share;
}
