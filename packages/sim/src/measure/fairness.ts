/** How evenly commits are spread over writers. */
export interface Fairness {
  /** Commits of the writer with the fewest, and with the most. */
  readonly least: number;
  readonly most: number;
  /** The one over the other: 1 is even, 0 leaves somebody with nothing. Where nobody has any, 0. */
  readonly ratio: number;
}

/** @param commits of each writer. */
export function fairnessOf(commits: readonly number[]): Fairness {
  if (commits.length === 0) throw new RangeError('Fairness needs writers: found none.');
  const least = Math.min(...commits);
  const most = Math.max(...commits);
  return { least, most, ratio: most === 0 ? 0 : least / most };
}
