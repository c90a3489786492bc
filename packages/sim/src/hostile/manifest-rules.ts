/** How a record's manifest is in order: its pages, what they list, and where each stands (FORMAT.md, "Manifest page"). */
import { leafHash, merkleRoot } from '@holdfast/core';
import { NotInFormat, type Num } from './bytes.js';
import type { Listed } from './layout.js';
import type { Readable } from './record-rules.js';
import { sha256 } from './world.js';

/** A segment, and the level of the page that lists it. */
export interface Placed {
  readonly level: number;
  readonly each: Listed;
}

export const STREAM_LEVEL = 255;
const PAGE_BYTES_MAX = 8_431_242;
const SEGMENTS_MAX = 256;
const NOTHING = new Uint8Array(0);

/** Every segment of a record's manifest, in order. */
export function placedIn({
  version,
  clear,
  pages,
  refs,
}: Pick<Readable, 'version' | 'clear' | 'pages' | 'refs'>): Placed[] {
  const hashes = clear.pages.map(({ inline, hash }) => (inline ? leafHash(sha256, inline) : hash));
  must(same(merkleRoot(sha256, hashes), clear.manifestRoot), 'another manifest root');
  must(pages.length === clear.pages.length, 'a page more or less');
  must(Number(clear.nextRun) >= 1, 'a next run');
  const placed: Placed[] = [];
  for (const [i, { level, inline, id, bytes }] of clear.pages.entries()) {
    const ref = refs[i]!;
    must(inline !== undefined || (same(id, ref.id) && bytes === ref.bytes), 'another page');
    must(i === 0 || level >= clear.pages[i - 1]!.level, 'levels that do not ascend');
    must(!inline || (i === 0 && level === 0), 'an inline page out of place');
    must((inline?.length ?? Number(bytes)) <= PAGE_BYTES_MAX, 'a page too large');
    const listed = pages[i];
    if (!listed) throw new NotInFormat('a page that is not in the format');
    must(listed.length >= 1 && listed.length <= SEGMENTS_MAX, 'a page of too many segments, or none');
    for (const each of listed) placed.push({ level: Number(level), each });
  }
  for (const [i, { level, each }] of placed.entries()) {
    const run = Number(each.run);
    must(run >= 1 && run < Number(clear.nextRun), 'a run that is still to come');
    must(Number(each.maxVersion) <= version, 'a segment from the future');
    must(Number(each.minVersion) >= 1, 'a segment from before the first record');
    if (level === STREAM_LEVEL)
      must(
        each.entries === 1 && each.tombstones === 0 && each.ranges === 0,
        'a part of a stream that is more than one value',
      );
    const before = placed[i - 1];
    if (before?.level === level) checkOrder(before.each, each, level);
  }
  return placed;
}

/** That a transaction's run is there, and its own but for parts of streams. */
export function checkBulkRun(version: number, order: number, bulkRun: Num, placed: readonly Placed[]): void {
  const run = placed.filter(({ each }) => each.run === bulkRun);
  must(run.length > 0, 'a run that is not there');
  for (const { level, each } of run)
    must(
      level === STREAM_LEVEL ||
        (each.ranges === 0 && each.stampVersion === version && each.stampOrder === order),
      'a run of another transaction',
    );
}

function checkOrder(before: Listed, each: Listed, level: number): void {
  must(Number(before.run) >= Number(each.run), 'runs out of order');
  if (before.run !== each.run) return;
  const order = Buffer.compare(beginOf(before), beginOf(each));
  must(level !== STREAM_LEVEL || order <= 0, 'parts out of order');
  if (level === STREAM_LEVEL) return;
  must(order < 0, 'segments out of order');
  const begin = beginOf(each);
  must(before.entries === 0 || Buffer.compare(before.lastKey, begin) < 0, 'segments that overlap');
  must(Buffer.compare(before.rangeEnd ?? NOTHING, begin) <= 0, 'segments whose ranges overlap');
}

function beginOf({ entries, ranges, firstKey, rangeBegin = NOTHING }: Listed): Uint8Array {
  if (ranges === 0) return firstKey;
  return entries === 0 || Buffer.compare(rangeBegin, firstKey) < 0 ? rangeBegin : firstKey;
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
