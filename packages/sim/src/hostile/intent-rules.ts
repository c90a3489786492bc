/** How the content of an intent is in order, in itself (FORMAT.md, "Intents"). */
import { NotInFormat } from './bytes.js';
import type { Announced, Brought, Content, Flush } from './intent-layout.js';
import { FOOTER } from './layout.js';

const TURN_MS_MAX = 60_000;
const META_MAX = 64 * 1024 * 1024;
const NOTHING = new Uint8Array(0);
export const STAGED_STREAM = 2;

export function checkContent(content: Content): void {
  const base = Number(content.base);
  must(Number(content.turnMs) <= TURN_MS_MAX, 'a turn that is too long');
  if (content.flush) checkFlush(content.flush, base);
  for (const transaction of content.transactions) {
    must(Number(transaction.readVersion) <= base, 'a read version above the base');
    for (const change of transaction.changes)
      must(!('mutations' in change) || change.mutations.length > 0, 'no mutations');
    checkStaged(transaction);
  }
}

function checkFlush({ after, through, runs }: Flush, base: number): void {
  must(Number(through) > Number(after) && Number(through) <= base, 'a flush of other versions');
  for (const run of runs) {
    for (const { minVersion, maxVersion } of run)
      must(
        Number(minVersion) > Number(after) &&
          Number(maxVersion) >= Number(minVersion) &&
          Number(maxVersion) <= Number(through),
        'flushed segments of other versions',
      );
    checkRun(run);
  }
}

function checkStaged({ staged, segments }: Announced): void {
  if (!segments) return;
  for (const { minVersion, maxVersion, ranges } of segments)
    must(minVersion === 0 && maxVersion === 0 && ranges === 0, 'a staged segment with versions or ranges');
  if (staged === STAGED_STREAM) checkParts(segments);
  else checkRun(segments);
}

function checkParts(segments: readonly Brought[]): void {
  must(segments.length > 0, 'no segments');
  for (const segment of segments) {
    checkBrought(segment);
    const { entries, tombstones, firstKey, lastKey } = segment;
    must(entries === 1 && tombstones === 0 && same(firstKey, lastKey), 'a part that is more than one value');
    must(same(firstKey, segments[0]!.firstKey), 'parts of two streams');
  }
}

function checkRun(run: readonly Brought[]): void {
  must(run.length > 0, 'no segments');
  for (const [i, segment] of run.entries()) {
    checkBrought(segment);
    const before = run[i - 1];
    if (!before) continue;
    const begin = beginOf(segment);
    must(before.entries === 0 || Buffer.compare(before.lastKey, begin) < 0, 'segments that overlap');
    must(Buffer.compare(before.rangeEnd ?? NOTHING, begin) <= 0, 'segments whose ranges overlap');
  }
}

function checkBrought(segment: Brought): void {
  const { bytes, metaBytes, entries, tombstones, ranges, firstKey, lastKey } = segment;
  const { rangeBegin = NOTHING, rangeEnd = NOTHING } = segment;
  must(
    Number(metaBytes) >= FOOTER && Number(metaBytes) <= Math.min(META_MAX, Number(bytes)),
    'a segment of other sizes',
  );
  must(entries !== 0 || ranges !== 0, 'a segment of nothing');
  must(Number(tombstones) <= Number(entries), 'more tombstones than entries');
  must(
    entries !== 0 || (firstKey.length + lastKey.length === 0 && segment.earliestExpiry === 0),
    'keys of no entries',
  );
  must(Buffer.compare(firstKey, lastKey) <= 0, 'keys that descend');
  must(ranges === 0 || Buffer.compare(rangeBegin, rangeEnd) < 0, 'ranges of nothing');
}

function beginOf({ entries, ranges, firstKey, rangeBegin = NOTHING }: Brought): Uint8Array {
  if (ranges === 0) return firstKey;
  return entries === 0 || Buffer.compare(rangeBegin, firstKey) < 0 ? rangeBegin : firstKey;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}
