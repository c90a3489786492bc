/** What an open database tells of itself. */
import type { CommitterStats } from './commit/committer.js';
import type { View } from './state/view.js';

export interface Stats {
  readonly version: number;
  /** Records that this process wrote, and transactions in them. */
  readonly commits: number;
  readonly transactions: number;
  readonly conflicts: number;
  /** Lost races for a slot that were tried again on the newer state. */
  readonly rebases: number;
  /** Transactions that lost to one of their own group and were run again in time for the same record. */
  readonly reruns: number;
  /** Groups of transactions that this process has announced for others to carry, and others' that it has carried. */
  readonly announced: number;
  readonly carried: number;
  readonly flushes: number;
  readonly flushedThrough: number;
  readonly floor: number;
  /** What the newest record carries of the tail, inline and in holders. */
  readonly tailBytes: number;
  readonly tailHolders: number;
  readonly segments: number;
  readonly segmentBytes: number;
  /** Live and deleted entries in segments; a key may have several. */
  readonly segmentEntries: number;
  readonly cacheBytes: number;
}

export function statsOf(view: View, committed: CommitterStats, flushes: number, cacheBytes: number): Stats {
  const { version, flushedThrough, floor, tailBytes, refs, manifest } = view;
  return {
    version,
    ...committed,
    flushes,
    flushedThrough,
    floor,
    tailBytes,
    tailHolders: refs.length,
    segments: manifest.entries.length,
    segmentBytes: manifest.entries.reduce((sum, segment) => sum + segment.bytes, 0),
    segmentEntries: manifest.entries.reduce((sum, segment) => sum + segment.entries, 0),
    cacheBytes,
  };
}
