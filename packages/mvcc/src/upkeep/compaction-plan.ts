/**
 * What to compact next: lazy leveling (Dayan and Idreos, "Dostoevsky", SIGMOD 2018) with partial merges into a bottom run
 * that is cut by key range (Dayan et al., "Spooky", PVLDB 15(11)). Pure: it sees what the manifest lists.
 *
 * Level 0 has what flushes and large transactions have made. When a level has `RUNS_MAX` runs they are merged: into the
 * bottom where what lies there weighs no more than `RATIO` times as much, else into one run of the next level. So a row
 * is written once a level, and at most 1 + RATIO times into the bottom; and what is not at the bottom yet weighs about a
 * RATIO-th of it.
 *
 * Invariants:
 * - Which segments are merged is never a matter of safety: a key's newest write is found by its stamp, wherever it lies.
 *   That the outputs of a job overlap nothing in the bottom run is: it takes in all of that run which it reaches.
 * - A job goes through 16 segments' bytes or little more, so that it is published before long, and disjoint ones go on
 *   beside it. Only what single segments weigh that are larger than they should be comes on top.
 * - Every job makes progress: fewer segments, or a lower level, or fewer deletions; so that planning ends.
 */
import { compareBytes, endsBefore, type SegmentEntry, segmentBegin } from '@holdfast/core';
import { BOTTOM_LEVEL, byBegin, overlap } from '../commit/compaction-edit.js';
import { greatest } from '../state/space.js';
import type { View } from '../state/view.js';
import { expiryMarginMs } from './droppable.js';
import { RANGES_BYTES_MAX } from './merge-output.js';

/** How many runs a level has when they are merged. */
export const RUNS_MAX = 8;
/** How many times as heavy the bottom may be as what is merged into it. */
export const RATIO = 8;
/** Jobs that are looked at before the best is taken. */
const SEEDS_MAX = 16;
/** So many small neighbours in the bottom run become fewer. */
const SMALL_MAX = 8;
/** One in so many entries of a bottom segment deleted, it is written anew once the deletions may go. */
const DELETED_SHARE = 4;

export interface CompactionSizes {
  /** What a segment weighs when it is closed. Others follow from it. */
  readonly segmentBytes: number;
  readonly runsMax: number;
}

export const COMPACTION_SIZES: CompactionSizes = { segmentBytes: 16 * 1024 * 1024, runsMax: RUNS_MAX };

/** What planning needs to know of a state. */
export interface CompactedState extends Pick<View, 'floor' | 'flushedThrough' | 'graceMs' | 'timeMs'> {
  readonly manifest: Pick<View['manifest'], 'searched'>;
}

export interface PlanOptions {
  readonly sizes: CompactionSizes;
  /** From 0 up to 1: so that processes that plan at once choose different jobs. */
  readonly random: () => number;
  readonly nowMs: number;
  /** Merge everything into the bottom run, however little it is. */
  readonly all?: boolean | undefined;
  /** Leave alone what has only newer writes, so that who writes all the time is not run after. */
  readonly through?: number | undefined;
}

export interface CompactionJob {
  /** `move`: no segment is written anew. */
  readonly kind: 'merge' | 'move';
  readonly inputs: readonly SegmentEntry[];
  /** Where it goes. */
  readonly level: number;
  readonly bytesRead: number;
  /** At most. */
  readonly bytesWritten: number;
  /** About: an end and windows of each input, an object for each output, a page and a record. */
  readonly requests: number;
  /** Keys at which outputs are cut, so that later merges into the bottom are small. */
  readonly cuts: readonly Uint8Array[];
  /** What an output weighs before it is cut there. */
  readonly cutBytesMin: number;
  /** In words. */
  readonly why: string;
}

export function planCompaction(state: CompactedState, options: PlanOptions): CompactionJob | undefined {
  return new Planner(state, options).plan();
}

/** Windows that a cursor fetches. */
const WINDOW_BYTES = 1024 * 1024;
const JOB_SEGMENTS = 16;
const CUT_SEGMENTS = 4;
/** A segment is not cut before it weighs this share of a whole one. */
const CUT_SHARE = 1 / 16;
/** Below this share of a whole one a segment is small. */
const SMALL_SHARE = 1 / 4;
/** From this share on it is moved as it is. */
const MOVED_SHARE = 1 / 2;

class Planner {
  readonly #state: CompactedState;
  readonly #o: PlanOptions;
  readonly #jobBytesMax: number;
  /** Above the bottom, all and those that may be merged; and the bottom run in order. */
  readonly #above: readonly SegmentEntry[];
  readonly #upper: readonly SegmentEntry[];
  readonly #bottom: readonly SegmentEntry[];
  /** What those of the bottom run weigh that come before each, and all of them. */
  readonly #bytesBefore: readonly number[];
  readonly #reaches = new Map<SegmentEntry, readonly [number, number]>();

  constructor(state: CompactedState, options: PlanOptions) {
    this.#state = state;
    this.#o = options;
    this.#jobBytesMax = JOB_SEGMENTS * options.sizes.segmentBytes;
    const { through = Number.POSITIVE_INFINITY } = options;
    this.#above = state.manifest.searched.filter(({ level }) => level < BOTTOM_LEVEL);
    this.#upper = this.#above.filter(({ minVersion }) => minVersion <= through);
    this.#bottom = state.manifest.searched.filter(({ level }) => level === BOTTOM_LEVEL).sort(byBegin);
    const bytesBefore = [0];
    for (const { bytes } of this.#bottom) bytesBefore.push(bytesBefore.at(-1)! + bytes);
    this.#bytesBefore = bytesBefore;
  }

  plan(): CompactionJob | undefined {
    return (
      this.#move() ??
      this.#ofFullLevel() ??
      this.#ofHeavyPartition() ??
      this.#ofSmallNeighbours() ??
      this.#ofDeletions() ??
      (this.#o.all ? this.#ofAll() : undefined)
    );
  }

  /** What overlaps nothing goes down as it is. */
  #move(): CompactionJob | undefined {
    const bytesMin = MOVED_SHARE * this.#o.sizes.segmentBytes;
    const large = this.#upper.filter(({ bytes }) => bytes >= bytesMin);
    if (large.length === 0) return undefined;
    const alone = standingAlone(this.#state.manifest.searched);
    const inputs = large.filter((segment) => alone.has(segment)).sort(byBegin);
    if (inputs.length === 0) return undefined;
    return {
      kind: 'move',
      inputs,
      level: BOTTOM_LEVEL,
      bytesRead: 0,
      bytesWritten: 0,
      requests: 2,
      cuts: [],
      cutBytesMin: 0,
      why: `${count(inputs)} overlap nothing: they are listed in the bottom run, and not written anew`,
    };
  }

  /** Of the first level that has too many runs. */
  #ofFullLevel(): CompactionJob | undefined {
    const { runsMax } = this.#o.sizes;
    const runs = new Map<number, Set<number>>();
    for (const { level, run } of this.#upper) runs.set(level, (runs.get(level) ?? new Set()).add(run));
    const full = [...runs].filter(([, { size }]) => size >= runsMax).map(([level]) => level);
    if (full.length === 0) return undefined;
    const level = Math.min(...full);
    const segments = this.#upper.filter((segment) => segment.level === level);
    const why = `level ${level} has ${runs.get(level)!.size} runs of ${runsMax}`;
    return this.#intoBottom(segments, why) ?? this.#intoNextLevel(level, segments, why);
  }

  /** What is not at the bottom yet makes reads and space dear where there is much of it. */
  #ofHeavyPartition(): CompactionJob | undefined {
    const { segmentBytes } = this.#o.sizes;
    if (weight(this.#upper) < segmentBytes) return undefined;
    return this.#intoBottom(
      this.#upper,
      'what lies above a part of the bottom run weighs enough',
      segmentBytes,
    );
  }

  /**
   * The best of some jobs that merge segments into the bottom run.
   * @param bytesMin what of it has to come from above.
   * @param ratio how many times as heavy the bottom may be.
   */
  #intoBottom(
    from: readonly SegmentEntry[],
    why: string,
    bytesMin = 0,
    ratio = RATIO,
  ): CompactionJob | undefined {
    let best: Grown | undefined;
    for (const seed of sample(from, SEEDS_MAX, this.#o.random)) {
      if (best?.upper.includes(seed)) continue;
      const grown = this.#grow(seed);
      if (!grown || grown.upperBytes < bytesMin) continue;
      if (grown.upperBytes * (ratio + 1) < grown.bytes) continue;
      // Much, and at little cost.
      if (!best || worth(grown) > worth(best)) best = grown;
    }
    if (!best) return undefined;
    const { upper, from: first, to } = best;
    return this.#merge(
      [...upper, ...this.#bottom.slice(first, to)],
      BOTTOM_LEVEL,
      `${why}: ${count(upper)} into ${to - first} of the bottom run`,
    );
  }

  /** A segment, what it overlaps in the bottom run, and what else comes at little cost. */
  #grow(seed: SegmentEntry): Grown | undefined {
    let [from, to] = this.#reachOf(seed);
    // One that is larger than a job should be is merged all the same, with whatever it is above.
    if (to - from > 1 && this.#bottomBytes(from, to) > this.#jobBytesMax) return undefined;
    const upper = [seed];
    let upperBytes = seed.bytes;
    const left = new Set(this.#upper);
    left.delete(seed);
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const segment of left) {
        const [first, end] = this.#reachOf(segment);
        // What lies between them comes too: the outputs reach over it.
        const [low, high] = [Math.min(from, first), Math.max(to, end)];
        const bottomBytes = this.#bottomBytes(low, high);
        const added = segment.bytes + bottomBytes - this.#bottomBytes(from, to);
        if (upperBytes + segment.bytes + bottomBytes > this.#jobBytesMax) continue;
        if (segment.bytes * (RATIO + 1) < added) continue;
        left.delete(segment);
        upper.push(segment);
        upperBytes += segment.bytes;
        [from, to] = [low, high];
        isMore = true;
      }
    }
    return { upper, upperBytes, from, to, bytes: upperBytes + this.#bottomBytes(from, to) };
  }

  /** Which segments of the bottom run one overlaps: from the first up to the second; none: where they would be. */
  #reachOf(segment: SegmentEntry): readonly [from: number, to: number] {
    let reach = this.#reaches.get(segment);
    if (!reach) {
      const from = firstIndex(this.#bottom, (other) => !endsBefore(other, segmentBegin(segment)));
      const to = firstIndex(this.#bottom, (other) => endsBefore(segment, segmentBegin(other)));
      reach = [from, Math.max(from, to)];
      this.#reaches.set(segment, reach);
    }
    return reach;
  }

  #bottomBytes(from: number, to: number): number {
    return this.#bytesBefore[to]! - this.#bytesBefore[from]!;
  }

  /** The runs of a level, or a part of them, as one run of the next. */
  #intoNextLevel(level: number, segments: readonly SegmentEntry[], why: string): CompactionJob {
    const sorted = [...segments].sort(byBegin);
    const from = weight(sorted) <= this.#jobBytesMax ? 0 : Math.floor(this.#o.random() * (sorted.length - 1));
    const inputs: SegmentEntry[] = [];
    let bytes = 0;
    for (const segment of sorted.slice(from)) {
      if (inputs.length > 1 && bytes + segment.bytes > this.#jobBytesMax) break;
      inputs.push(segment);
      bytes += segment.bytes;
    }
    const next = Math.min(level + 1, BOTTOM_LEVEL - 1);
    return this.#merge(inputs, next, `${why}: ${count(inputs)} into one of level ${next}`);
  }

  /** Small segments side by side in the bottom run. */
  #ofSmallNeighbours(): CompactionJob | undefined {
    const small = SMALL_SHARE * this.#o.sizes.segmentBytes;
    const enough = this.#o.all ? 2 : SMALL_MAX;
    // What is full of range tombstones comes out of a merge as it went in.
    const isSmall = ({ bytes, metaBytes }: SegmentEntry): boolean =>
      bytes < small && metaBytes < RANGES_BYTES_MAX / 2;
    let row: SegmentEntry[] = [];
    for (const segment of [...this.#bottom, undefined]) {
      if (segment && isSmall(segment) && weight(row) + segment.bytes <= this.#jobBytesMax) {
        row.push(segment);
        continue;
      }
      if (row.length >= enough)
        return this.#merge(row, BOTTOM_LEVEL, `${count(row)} of the bottom run are small neighbours`);
      row = segment && isSmall(segment) ? [segment] : [];
    }
    return undefined;
  }

  /** A bottom segment with many deletions that may go, or with entries that expired long ago. */
  #ofDeletions(): CompactionJob | undefined {
    const { floor, flushedThrough, timeMs } = this.#state;
    const marginMs = expiryMarginMs(this.#state);
    const nowMs = Math.min(this.#o.nowMs, timeMs);
    const below = Math.min(floor, flushedThrough + 1);
    for (const segment of this.#bottom) {
      const { earliestExpiryMs: expiryMs, tombstones, ranges, entries, maxVersion } = segment;
      // At most once in such a time: only the first of them is known.
      if (expiryMs > 0 && expiryMs + 2 * marginMs <= nowMs)
        return this.#merge([segment], BOTTOM_LEVEL, 'entries of a bottom segment expired long ago');
      if (tombstones + ranges === 0 || (tombstones + ranges) * DELETED_SHARE < entries) continue;
      const hidesNothing = !this.#above.some(
        (other) => other.minVersion <= maxVersion && overlap(other, segment),
      );
      if (maxVersion < below && hidesNothing)
        return this.#merge([segment], BOTTOM_LEVEL, 'deletions of a bottom segment hide nothing any more');
    }
    return undefined;
  }

  /** Whatever is above the bottom run; what reaches too far is first cut as that is. */
  #ofAll(): CompactionJob | undefined {
    if (this.#upper.length === 0) return undefined;
    const why = 'all is to be at the bottom';
    const job = this.#intoBottom(this.#upper, why, 0, Number.POSITIVE_INFINITY);
    if (job) return job;
    const level = Math.min(...this.#upper.map((segment) => segment.level));
    return this.#intoNextLevel(
      level,
      this.#upper.filter((segment) => segment.level === level),
      why,
    );
  }

  #merge(inputs: readonly SegmentEntry[], level: number, why: string): CompactionJob {
    const bytes = weight(inputs);
    const reads = inputs.reduce((sum, input) => sum + 1 + Math.ceil(input.bytes / WINDOW_BYTES), 0);
    return {
      kind: 'merge',
      inputs,
      level,
      bytesRead: bytes,
      bytesWritten: bytes,
      requests: reads + Math.ceil(bytes / this.#o.sizes.segmentBytes) + 2,
      cuts: level === BOTTOM_LEVEL ? [] : this.#cuts(),
      cutBytesMin: this.#o.all ? 1 : CUT_SHARE * this.#o.sizes.segmentBytes,
      why,
    };
  }

  /** Where the bottom run has another part, of some segments each. */
  #cuts(): Uint8Array[] {
    const cuts: Uint8Array[] = [];
    let bytes = 0;
    for (const segment of this.#bottom) {
      if (bytes > 0 && bytes + segment.bytes > CUT_SEGMENTS * this.#o.sizes.segmentBytes) {
        cuts.push(segmentBegin(segment));
        bytes = 0;
      }
      bytes += segment.bytes;
    }
    return cuts;
  }
}

/** What would be merged into the bottom run. */
interface Grown {
  readonly upper: readonly SegmentEntry[];
  readonly upperBytes: number;
  /** Of the bottom run, from the first up to the second. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

function worth({ upperBytes, bytes }: Grown): number {
  return (upperBytes * upperBytes) / bytes;
}

/** The first of a sorted list that this holds for, as for all after it; its length: none. */
function firstIndex<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Those that no other reaches into. */
function standingAlone(segments: readonly SegmentEntry[]): ReadonlySet<SegmentEntry> {
  const alone = new Set<SegmentEntry>();
  const sorted = [...segments].sort(byBegin);
  let reached: SegmentEntry | undefined;
  for (const [i, segment] of sorted.entries()) {
    const next = sorted[i + 1];
    const isApart = (!reached || !overlap(reached, segment)) && (!next || !overlap(segment, next));
    if (isApart) alone.add(segment);
    if (!reached || compareBytes(lastReached(segment), lastReached(reached)) >= 0) reached = segment;
  }
  return alone;
}

function lastReached({ lastKey, rangeEnd }: SegmentEntry): Uint8Array {
  return greatest(lastKey, rangeEnd);
}

function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  if (all.length <= count) return [...all];
  const from = Math.floor(random() * all.length);
  return Array.from(
    { length: count },
    (_, i) => all[(from + Math.floor((i * all.length) / count)) % all.length]!,
  );
}

function weight(segments: readonly SegmentEntry[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

function count(segments: readonly unknown[]): string {
  return segments.length === 1 ? '1 segment' : `${segments.length} segments`;
}
