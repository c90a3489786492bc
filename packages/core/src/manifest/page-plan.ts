/**
 * Decides which pages a change of the manifest makes anew, and what they list. Pure: nothing is sealed here.
 *
 * Invariants:
 * - A page that no change touches is kept, bytes and hash. Touched is a page that loses a segment, or whose span (from
 *   its first segment to its last, in the manifest's order) a new one falls into; and a small page, less than half
 *   full, beside a small one that the change has made or brought beside it: the two become one.
 * - A new page lists at most `PAGE_ENTRIES_MAX` segments and weighs at most `PAGE_BYTES_GOAL`.
 * - Two new pages that stand side by side would not fit into one. So pages neither grow without bound nor dwindle,
 *   whatever is added and removed.
 */
import { toHex } from '../object/bytes.js';
import type { ObjectId } from '../object/names.js';
import { type SegmentEntry, STREAM_LEVEL } from '../segment/segment-entry.js';
import { compareEntries } from './manifest-order.js';
import { entryBytes, PAGE_ENTRIES_MAX, pageBytes } from './page.js';

/** A page this large stays in the record; the next one that would grow past it starts a new page. */
export const INLINE_BYTES_MAX: number = 8 * 1024;
/** What a writer lets a page weigh: 256 segments with keys of ordinary length, or few with very long ones. */
export const PAGE_BYTES_GOAL: number = 64 * 1024;

/** What planning needs to know of a page. */
interface PageContent {
  readonly level: number;
  readonly entries: readonly SegmentEntry[];
  /** Present where the page travels in the record. */
  readonly inline?: Uint8Array | undefined;
}

/** A page as it stays, or what a new one lists. */
export type PlannedPage<P extends PageContent> = P | NewPage;

interface NewPage {
  readonly level: number;
  readonly entries: readonly SegmentEntry[];
  readonly isNew: true;
}

/** Segments that leave and segments that come; one that moves to another place does both. */
export interface ManifestChange {
  readonly remove: readonly ObjectId[];
  readonly add: readonly SegmentEntry[];
}

export function isNewPage<P extends PageContent>(page: PlannedPage<P>): page is NewPage {
  return 'isNew' in page;
}

/** @param run the newest of all, of one level, in order. */
export function planRun<P extends PageContent>(
  pages: readonly P[],
  run: readonly SegmentEntry[],
): PlannedPage<P>[] {
  const { level } = run[0]!;
  const before = pages.filter((page) => page.level < level);
  const [head, ...older] = pages.filter((page) => page.level === level);
  const after = pages.filter((page) => page.level > level);
  const joined = [...run, ...(head?.entries ?? [])];
  const apart = [...cut(level, run), ...(head ? [head, ...older] : [])];
  // Where runs come one by one the head is made anew until it is full: one page for a while, not a page for each run.
  const mayGrow =
    level === 0
      ? head?.inline && pageBytes(joined) <= INLINE_BYTES_MAX
      : level === STREAM_LEVEL && fits(joined);
  if (mayGrow) return [...before, newPage(level, joined), ...older, ...after];
  return [...before, ...(level === 0 ? apart : join(apart)), ...after];
}

/** @throws RangeError for a segment to remove that is not there, or one to add that is. */
export function planEdit<P extends PageContent>(
  pages: readonly P[],
  { remove, add }: ManifestChange,
): PlannedPage<P>[] {
  const removed = new Set(remove.map(toHex));
  const found = new Set<string>();
  const live = new Set<string>();
  for (const { entries } of pages)
    for (const { id } of entries) {
      const hex = toHex(id);
      (removed.has(hex) ? found : live).add(hex);
    }
  for (const hex of removed)
    if (!found.has(hex))
      throw new RangeError(`Expected a live segment to remove, found none with id ${hex}.`);
  for (const { id } of add) {
    const hex = toHex(id);
    if (live.has(hex)) throw new RangeError(`Expected a segment that is not live, found ${hex} added twice.`);
    live.add(hex);
  }
  const levels = new Set([...pages, ...add].map(({ level }) => level));
  return [...levels]
    .sort((a, b) => a - b)
    .flatMap((level) =>
      planLevel(
        level,
        pages.filter((page) => page.level === level),
        removed,
        add.filter((entry) => entry.level === level).sort(compareEntries),
      ),
    );
}

function planLevel<P extends PageContent>(
  level: number,
  pages: readonly P[],
  removed: ReadonlySet<string>,
  added: readonly SegmentEntry[],
): PlannedPage<P>[] {
  const planned: PlannedPage<P>[] = [];
  let next = 0;
  /** The added segments up to where `stays` says no. */
  const takeWhile = (stays: (entry: SegmentEntry) => boolean): readonly SegmentEntry[] => {
    const start = next;
    while (next < added.length && stays(added[next]!)) next++;
    return added.slice(start, next);
  };
  for (const page of pages) {
    const [first, last] = [page.entries[0]!, page.entries.at(-1)!];
    planned.push(
      ...cut(
        level,
        takeWhile((entry) => compareEntries(entry, first) < 0),
      ),
    );
    const within = takeWhile((entry) => compareEntries(entry, last) <= 0);
    const kept = removed.size === 0 ? page.entries : page.entries.filter(({ id }) => !removed.has(toHex(id)));
    if (within.length === 0 && kept.length === page.entries.length) planned.push(page);
    else if (kept.length + within.length === 0) planned.push(newPage(level, []));
    else planned.push(...cut(level, [...kept, ...within].sort(compareEntries)));
  }
  planned.push(...cut(level, added.slice(next)));
  return join(planned);
}

/** Pages of about the same size, as few as can be. */
function cut(level: number, entries: readonly SegmentEntry[]): NewPage[] {
  const weights = entries.map(entryBytes);
  const bytes = weights.reduce((sum, weight) => sum + weight, 0);
  const beside = pageBytes([]);
  const pieces = Math.max(
    Math.ceil(entries.length / PAGE_ENTRIES_MAX),
    Math.ceil(bytes / (PAGE_BYTES_GOAL - beside)),
  );
  const pages: NewPage[] = [];
  let start = 0;
  let weight = 0;
  for (let i = 0; i < entries.length; i++) {
    const isFull = weight >= bytes / pieces || i - start >= entries.length / pieces;
    if (i > start && (isFull || weight + weights[i]! > PAGE_BYTES_GOAL - beside)) {
      pages.push(newPage(level, entries.slice(start, i)));
      start = i;
      weight = 0;
    }
    weight += weights[i]!;
  }
  if (entries.length > 0) pages.push(newPage(level, entries.slice(start)));
  return join(pages) as NewPage[];
}

/**
 * Joins neighbours, of one level: new pages that fit into one; a new page with a kept one, both small; and small ones
 * that a page between them has left side by side.
 */
function join<P extends PageContent>(pages: readonly PlannedPage<P>[]): PlannedPage<P>[] {
  const joined: PlannedPage<P>[] = [];
  let isGap = false;
  for (const page of pages) {
    if (page.entries.length === 0) {
      isGap = true;
      continue;
    }
    let last: PlannedPage<P> = page;
    for (let before = joined.at(-1); before && mayJoin(before, last, isGap); before = joined.at(-1)) {
      joined.pop();
      last = newPage(last.level, [...before.entries, ...last.entries]);
    }
    joined.push(last);
    isGap = false;
  }
  return joined;
}

function mayJoin<P extends PageContent>(a: PlannedPage<P>, b: PlannedPage<P>, isGap: boolean): boolean {
  if (isNewPage(a) && isNewPage(b)) return fits([...a.entries, ...b.entries]);
  return (isGap || isNewPage(a) || isNewPage(b)) && isSmall(a.entries) && isSmall(b.entries);
}

function fits(entries: readonly SegmentEntry[]): boolean {
  return entries.length <= PAGE_ENTRIES_MAX && pageBytes(entries) <= PAGE_BYTES_GOAL;
}

/** Less than half full: two of them fit into one. */
export function isSmall(entries: readonly SegmentEntry[]): boolean {
  return entries.length < PAGE_ENTRIES_MAX / 2 && pageBytes(entries) < PAGE_BYTES_GOAL / 2;
}

function newPage(level: number, entries: readonly SegmentEntry[]): NewPage {
  return { level, entries, isNew: true };
}
