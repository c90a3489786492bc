/** What is said about samples: order statistics only, because a busy machine's mean is its worst moment's. */

export interface Summary {
  readonly n: number;
  readonly median: number;
  /** Nine samples of ten lie above. */
  readonly p10: number;
  /** Nine samples of ten lie below. */
  readonly p90: number;
}

/**
 * The `p` quantile, between the two nearest samples (Hyndman and Fan's type 7, as in NumPy).
 * @param p from 0 to 1.
 * @throws RangeError without samples, or for another `p`.
 */
export function quantile(samples: readonly number[], p: number): number {
  if (samples.length === 0) throw new RangeError('A quantile needs samples: found none.');
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected a quantile from 0 to 1, found ${p}.`);
  const sorted = [...samples].sort((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}

export function summarize(samples: readonly number[]): Summary {
  return {
    n: samples.length,
    median: quantile(samples, 0.5),
    p10: quantile(samples, 0.1),
    p90: quantile(samples, 0.9),
  };
}
