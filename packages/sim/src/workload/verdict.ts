/** What is wrong with one world. */
export interface Verdict {
  /** Anomalies of the history and broken invariants of the data. */
  readonly anomalies: string[];
  /** Acknowledged transactions that are not in the final state. */
  readonly lost: string[];
  /** Transactions that took effect more than once, or against their client's knowledge. */
  readonly doubled: string[];
  /** Commits that waited too long while the store answered. */
  readonly late: string[];
}
