/**
 * Makes one run of several that a load has written, newest last: an external merge sort's second half.
 *
 * Invariants:
 * - Each key comes once, as the newest run has it.
 * - A segment that no other one overlaps stays as it is.
 * - Memory is bounded: the runs share one budget of windows, and what their segments say of themselves is kept in a
 *   cache of its own.
 */
import {
  BlockCache,
  compareBytes,
  placeSegment,
  type SegmentDescriptor,
  type SegmentEntry,
  type SegmentReaders,
  WindowBudget,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { MergeCursor, type MergeSource } from '../state/merge-cursor.js';
import { RangeCovers } from '../state/range-covers.js';
import type { LoadedRun, RunWriter } from './load-run.js';

const WINDOWS_BYTES = 16 * 1024 * 1024;
const CACHE_BYTES = 16 * 1024 * 1024;
/** Rows between two looks whether others wait for the event loop. */
const TURN_ROWS = 256;

interface MergeOptions extends CallOptions {
  readonly newRun: () => RunWriter;
  /** Asked now and then: gives others their turn. */
  readonly pause: () => Promise<void> | undefined;
  /** Told of the rows that were merged. */
  readonly onRows: (rows: number) => void;
}

/** @returns the run, and those of the segments that are not in it. */
export async function mergeRuns(
  context: Context,
  runs: readonly LoadedRun[],
  o: MergeOptions,
): Promise<{ run: LoadedRun; replaced: readonly SegmentDescriptor[] }> {
  // The order in which they were given stands for a stamp: nobody else reads them.
  const place = { level: 0, run: 1, stampVersion: 1 };
  const all = new Map<SegmentEntry, SegmentDescriptor>();
  for (const [stampOrder, run] of runs.entries())
    for (const segment of run) all.set(placeSegment(segment, { ...place, stampOrder }), segment);
  const readers = context.segments.apart(new BlockCache(CACHE_BYTES));
  const merged: SegmentDescriptor[] = [];
  const replaced: SegmentDescriptor[] = [];
  for (const group of overlapping([...all.keys()])) {
    if (group.length === 1) {
      merged.push(all.get(group[0]!)!);
      continue;
    }
    merged.push(...(await merge(readers, group, o)));
    replaced.push(...group);
  }
  return { run: merged, replaced };
}

/** Segments in groups, each apart from the others. */
function* overlapping(segments: readonly SegmentEntry[]): Generator<SegmentEntry[], void, undefined> {
  let group: SegmentEntry[] = [];
  let last: Uint8Array | undefined;
  for (const segment of [...segments].sort((a, b) => compareBytes(a.firstKey, b.firstKey))) {
    if (last && compareBytes(segment.firstKey, last) > 0) {
      yield group;
      group = [];
      last = undefined;
    }
    group.push(segment);
    if (!last || compareBytes(segment.lastKey, last) > 0) last = segment.lastKey;
  }
  if (group.length > 0) yield group;
}

async function merge(
  readers: SegmentReaders,
  segments: readonly SegmentEntry[],
  { signal, meter, newRun, pause, onRows }: MergeOptions,
): Promise<LoadedRun> {
  const windows = new WindowBudget(WINDOWS_BYTES);
  const begin = new Uint8Array(0);
  const sources = segments.map(
    (segment): MergeSource => ({
      bound: segment.firstKey,
      open: () =>
        readers.of(segment).cursor({
          begin,
          end: undefined,
          signal,
          meter,
          long: true,
          windows,
        }),
    }),
  );
  const cursor = new MergeCursor(sources, new RangeCovers(), false);
  const out = newRun();
  await cursor.start();
  let untold = 0;
  while (!cursor.done) {
    const value = cursor.value();
    const { key, expiresMs } = cursor;
    const row = {
      key,
      value: value instanceof Uint8Array ? value : await value,
      expiresMs: expiresMs || undefined,
    };
    const adding = out.add(row);
    if (adding) await adding;
    const moving = cursor.next();
    if (moving) await moving;
    if (++untold < TURN_ROWS) continue;
    onRows(untold);
    untold = 0;
    const pausing = pause();
    if (pausing) await pausing;
  }
  const run = await out.finish();
  onRows(untold);
  return run;
}
