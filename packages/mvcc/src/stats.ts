/** What an open database tells of itself. */
import { endsBefore, type SegmentEntry, segmentBegin } from '@holdfast/core';
import type { CommitterStats } from './commit/committer.js';
import { byBegin } from './commit/compaction-edit.js';
import type { View } from './state/view.js';
import type { CompactorStats } from './upkeep/compactor.js';

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
  /** Of this process, and what the segments weighed that they have made. */
  readonly flushes: number;
  readonly flushedBytes: number;
  /** Merges of this process that were published, and that another one was faster with. */
  readonly compactions: number;
  readonly compactionsDropped: number;
  readonly compactionReadBytes: number;
  readonly compactedBytes: number;
  readonly flushedThrough: number;
  readonly floor: number;
  /** What the newest record carries of the tail, inline and in holders. */
  readonly tailBytes: number;
  readonly tailHolders: number;
  readonly segments: number;
  readonly segmentBytes: number;
  /** Live and deleted entries in segments; a key may have several. */
  readonly segmentEntries: number;
  /** Of the segments that reads search, by level from 0; the parts of streams are not among them. */
  readonly levels: readonly LevelStats[];
  readonly amplification: Amplification;
  readonly cacheBytes: number;
}

export interface LevelStats {
  readonly level: number;
  readonly runs: number;
  readonly segments: number;
  readonly bytes: number;
  /** Deleted ones too. */
  readonly entries: number;
  readonly tombstones: number;
}

export interface Amplification {
  /** Bytes that flushes and compactions of this process wrote, over those of the flushes. Undefined: it flushed nothing. */
  readonly write: number | undefined;
  /** Runs that a read of one key may have to ask: those that a segment over the key belongs to, where they are most. */
  readonly read: number;
  /** Bytes of all segments that are searched, over those of the largest level. 1: nothing is there twice. */
  readonly space: number;
}

type Counted = CommitterStats & CompactorStats & Pick<Stats, 'flushes' | 'flushedBytes' | 'cacheBytes'>;

export function statsOf(view: View, counted: Counted): Stats {
  const { version, flushedThrough, floor, tailBytes, refs, manifest } = view;
  const levels = levelsOf(manifest.searched);
  const bytes = levels.reduce((sum, level) => sum + level.bytes, 0);
  const { flushedBytes, compactedBytes } = counted;
  return {
    version,
    ...counted,
    flushedThrough,
    floor,
    tailBytes,
    tailHolders: refs.length,
    segments: manifest.entries.length,
    segmentBytes: manifest.entries.reduce((sum, segment) => sum + segment.bytes, 0),
    segmentEntries: manifest.entries.reduce((sum, segment) => sum + segment.entries, 0),
    levels,
    amplification: {
      write: flushedBytes === 0 ? undefined : (flushedBytes + compactedBytes) / flushedBytes,
      read: depthOf(manifest.searched),
      space: bytes === 0 ? 1 : bytes / Math.max(...levels.map((level) => level.bytes)),
    },
  };
}

function levelsOf(segments: readonly SegmentEntry[]): LevelStats[] {
  const levels = new Map<number, SegmentEntry[]>();
  for (const segment of segments) {
    const level = levels.get(segment.level);
    if (level) level.push(segment);
    else levels.set(segment.level, [segment]);
  }
  const sum = (of: readonly SegmentEntry[], field: 'bytes' | 'entries' | 'tombstones'): number =>
    of.reduce((total, segment) => total + segment[field], 0);
  return Array.from(levels, ([level, of]) => ({
    level,
    runs: new Set(of.map(({ run }) => run)).size,
    segments: of.length,
    bytes: sum(of, 'bytes'),
    entries: sum(of, 'entries'),
    tombstones: sum(of, 'tombstones'),
  }));
}

/** How many segments lie over one key, at most. */
function depthOf(segments: readonly SegmentEntry[]): number {
  const ends: SegmentEntry[] = [];
  let depth = 0;
  for (const segment of [...segments].sort(byBegin)) {
    const begin = segmentBegin(segment);
    for (let i = ends.length - 1; i >= 0; i--) if (endsBefore(ends[i]!, begin)) ends.splice(i, 1);
    ends.push(segment);
    depth = Math.max(depth, ends.length);
  }
  return depth;
}
