/**
 * The order in which a manifest lists its segments, and what each of them may be where it stands.
 *
 * Invariants:
 * - Levels ascend; in a level the newest run comes first; in a run keys ascend, and no segment reaches into another:
 *   whoever asks a run for a key asks one segment, range tombstones included. So a run's range tombstones are cut
 *   where its segments are.
 * - The parts of streams are the exception: many parts have the same key, that of the stream, and stand side by side.
 * - What is refused here at a read is what a writer refuses to make, by the same rule.
 */
import { compareBytes } from '../object/bytes.js';
import {
  descriptorFault,
  endsBefore,
  partFault,
  type SegmentEntry,
  STREAM_LEVEL,
  segmentBegin,
} from '../segment/segment-entry.js';

/** The highest level that there is: a page names it in one byte. */
export const LEVEL_MAX: number = STREAM_LEVEL;

/** Sorts the segments of a level, or of several. Parts of one stream are equal: sort stably. */
export function compareEntries(a: SegmentEntry, b: SegmentEntry): number {
  return a.level - b.level || b.run - a.run || compareBytes(segmentBegin(a), segmentBegin(b));
}

/** What is wrong with an entry in itself, in words. Undefined: nothing is. */
export function entryFault(entry: SegmentEntry): string | undefined {
  const { minVersion, maxVersion, stampVersion, stampOrder } = entry;
  if (entry.run === 0) return 'expected a run from 1, found 0';
  const fault = descriptorFault(entry);
  if (fault !== undefined) return fault;
  if (
    stampVersion === 0
      ? minVersion === 0 || stampOrder !== 0
      : stampVersion < minVersion || stampVersion > maxVersion
  )
    return `expected a stamp within versions ${minVersion} to ${maxVersion}, or none, found ${stampVersion}.${stampOrder}`;
  return entry.level === STREAM_LEVEL ? partFault(entry) : undefined;
}

/** Which rule an entry breaks where it stands, right behind `before`, in words. Undefined: none. */
export function orderFault(before: SegmentEntry, entry: SegmentEntry): string | undefined {
  if (before.level !== entry.level)
    return before.level < entry.level
      ? undefined
      : `expected levels to ascend, found ${entry.level} after ${before.level}`;
  if (before.run !== entry.run)
    return before.run > entry.run
      ? undefined
      : `expected the runs of a level newest first, found run ${entry.run} after ${before.run}`;
  const begin = segmentBegin(entry);
  const order = compareBytes(segmentBegin(before), begin);
  if (entry.level === STREAM_LEVEL)
    return order <= 0 ? undefined : `expected the parts of run ${entry.run} in the order of their keys`;
  if (order >= 0) return `expected the segments of run ${entry.run} in the order of their keys`;
  return endsBefore(before, begin)
    ? undefined
    : `expected the segments of run ${entry.run} not to overlap, found two that do`;
}
