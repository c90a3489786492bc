import { describe, expect, test } from 'vitest';
import { leafHash, merkleRoot } from '../merkle/merkle.js';
import { ByteWriter } from '../object/bytes.js';
import { HoldfastError } from '../object/errors.js';
import { objectName, PAGE_PREFIX } from '../object/names.js';
import { type SegmentEntry, STREAM_LEVEL } from '../segment/segment-entry.js';
import { key, storeSegment, testId, testSealing } from '../segment/segment-fixture.js';
import { Manifest } from './manifest.js';
import { encodePage } from './page.js';

const sealing = testSealing();
const { sha256 } = sealing.provider;
const { entry: stored } = await storeSegment([{ key: key('a'), version: 7, order: 0, value: key('x') }]);

function segment(run: number, first: string, last = first): SegmentEntry {
  return { ...stored, run, firstKey: key(first), lastKey: key(last) };
}

interface ForgedPage {
  readonly level: number;
  readonly entries: readonly SegmentEntry[];
  readonly isInline?: boolean;
  readonly form?: number;
}

/** Loads a manifest of pages that their writer, who has the keys, put together as it liked. */
async function loadForged(pages: readonly ForgedPage[], nextRun = 100): Promise<Manifest> {
  const section = new ByteWriter().varint(nextRun).varint(pages.length);
  const objects = new Map<string, Uint8Array>();
  const hashes: Uint8Array[] = [];
  for (const { level, entries, isInline = false, form = isInline ? 0 : 1 } of pages) {
    const id = testId(sealing);
    const bytes = await encodePage(sealing, id, entries);
    const hash = leafHash(sha256, bytes);
    hashes.push(hash);
    section.u8(level).u8(form);
    if (isInline) section.bytes(bytes);
    else section.raw(id).varint(bytes.length).raw(hash);
    objects.set(objectName(PAGE_PREFIX, id), bytes);
  }
  const root = merkleRoot(sha256, hashes);
  return Manifest.load(sealing, section.finish(), root, 'log/9', async (name) => objects.get(name));
}

/** What loading them says; only CORRUPT counts as a refusal. */
async function faultOf(pages: readonly ForgedPage[], nextRun?: number): Promise<string> {
  return loadForged(pages, nextRun).then(
    () => 'none',
    (error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'CORRUPT') return error.message;
      throw error;
    },
  );
}

describe('a manifest that its writer put together as it should not', () => {
  test('is told from one in order', async () => {
    const pages = [
      { level: 0, entries: [segment(9, 'a'), segment(8, 'a')], isInline: true },
      { level: 0, entries: [segment(8, 'b'), segment(7, 'a', 'z')] },
      { level: 1, entries: [segment(99, 'a', 'c')] },
      { level: 1, entries: [segment(99, 'd')] },
      { level: STREAM_LEVEL, entries: [segment(5, 'a'), segment(5, 'a')] },
      { level: STREAM_LEVEL, entries: [segment(5, 'a'), segment(4, 'a')] },
    ];
    expect(await faultOf(pages)).toBe('none');
  });

  test('is refused where levels descend', async () => {
    const pages = [
      { level: 2, entries: [segment(1, 'a')] },
      { level: 1, entries: [segment(1, 'b')] },
    ];
    expect(await faultOf(pages)).toContain('levels of pages to ascend, found 1 after 2');
  });

  test('is refused where the runs of a level ascend from page to page', async () => {
    const pages = [
      { level: 1, entries: [segment(3, 'a')] },
      { level: 1, entries: [segment(4, 'b')] },
    ];
    expect(await faultOf(pages)).toContain('newest first, found run 4 after 3');
  });

  test('is refused where the keys of a run descend from page to page', async () => {
    const pages = [
      { level: 1, entries: [segment(3, 'b')] },
      { level: 1, entries: [segment(3, 'a')] },
    ];
    expect(await faultOf(pages)).toContain('in the order of their keys');
    const parts = pages.map((page) => ({ ...page, level: STREAM_LEVEL }));
    expect(await faultOf(parts)).toContain('in the order of their keys');
  });

  test('is refused where a run overlaps itself from page to page, by keys or by range tombstones', async () => {
    const pagesOf = (first: SegmentEntry): ForgedPage[] => [
      { level: 1, entries: [first] },
      { level: 1, entries: [segment(3, 'c')] },
    ];
    expect(await faultOf(pagesOf(segment(3, 'a', 'b')))).toBe('none');
    expect(await faultOf(pagesOf(segment(3, 'a', 'c')))).toContain('not to overlap');
    const ranges = { ranges: 2, rangeBegin: key('a'), rangeEnd: key('d') };
    expect(await faultOf(pagesOf({ ...segment(3, 'a'), ...ranges }))).toContain('not to overlap');
  });

  test('is refused where a run is none yet', async () => {
    const pages = [{ level: 1, entries: [segment(3, 'a')] }];
    expect(await faultOf(pages, 4)).toBe('none');
    expect(await faultOf(pages, 3)).toContain('expected runs below the next, 3, found 3');
    expect(await faultOf([], 0)).toContain('expected a next run from 1');
  });

  test('is refused where a page is inline that is not the first, or not of level 0', async () => {
    const first = { level: 0, entries: [segment(3, 'a')] };
    const second = { level: 0, entries: [segment(2, 'a')], isInline: true };
    expect(await faultOf([first, second])).toContain('first page only');
    expect(await faultOf([{ ...first, level: 1, isInline: true }])).toContain('found those of level 1');
    const streams = { ...first, level: STREAM_LEVEL, isInline: true };
    expect(await faultOf([streams])).toContain('found those of level 255');
  });

  test('is refused where a page has another form, or no segment', async () => {
    const page = { level: 0, entries: [segment(3, 'a')] };
    expect(await faultOf([{ ...page, form: 2 }])).toContain('expected page form 0 or 1, found 2');
    expect(await faultOf([{ ...page, entries: [] }])).toContain('expected a segment at least');
  });

  test('is refused where a page is said to be of the level of streams and is not', async () => {
    const page = { level: STREAM_LEVEL, entries: [segment(3, 'a', 'b')] };
    expect(await faultOf([page])).toContain('expected one value in a part of a stream');
  });
});
