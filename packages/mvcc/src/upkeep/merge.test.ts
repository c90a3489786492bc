/** What a merge keeps, and what it may leave out: each rule by a state in which it decides. */
import { type Entry, placeSegment, type RangeTombstone, type SegmentEntry } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, describe, expect, test } from 'vitest';
import { uploadRanges, uploadRun } from '../commit/segment-upload.js';
import type { Context } from '../context/context.js';
import { openParts } from '../open.js';
import { Droppable, type DropState } from './droppable.js';
import { merge } from './merge.js';

const HOUR_MS = 3_600_000;
let context: Context;
let run = 0;
beforeEach(async () => {
  ({ context } = await openParts(new MemoryStore(), { key: 'plaintext' }));
  run = 0;
});

const key = (i: number): Uint8Array => Uint8Array.of(1, i);
const put = (i: number, version: number, more: Partial<Entry> = {}): Entry => ({
  key: key(i),
  version,
  order: 0,
  value: Uint8Array.of(version),
  ...more,
});
const deletion = (i: number, version: number): Entry => put(i, version, { value: undefined });
const range = (begin: number, end: number, version: number): RangeTombstone => ({
  begin: key(begin),
  end: key(end),
  version,
  order: 0,
});

async function segments(entries: readonly Entry[], level = 0, stamp = 0): Promise<SegmentEntry[]> {
  run++;
  return (await uploadRun(context, 1, entries)).map((one) =>
    placeSegment(one, { level, run, stampVersion: stamp, stampOrder: 0 }),
  );
}

async function ranges(...of: RangeTombstone[]): Promise<SegmentEntry[]> {
  run++;
  return (await uploadRanges(context, 1, of)).map((one) => placeSegment(one, { level: 0, run }));
}

const state = (more: Partial<DropState> = {}): DropState => ({
  floor: 100,
  flushedThrough: 100,
  graceMs: 0,
  timeMs: 0,
  ...more,
});

interface Setting {
  readonly state?: DropState;
  readonly others?: readonly SegmentEntry[];
  readonly nowMs?: number;
  readonly segmentBytes?: number;
  readonly cuts?: readonly Uint8Array[];
}

async function merged(inputs: readonly SegmentEntry[], setting: Setting = {}) {
  const { others = [], nowMs = 0, segmentBytes = 2_048, cuts = [] } = setting;
  const { outputs } = await merge(context, inputs, {
    baseVersion: 1,
    droppable: new Droppable(setting.state ?? state(), others, nowMs),
    segmentBytes,
    cuts,
    cutBytesMin: 1,
    turn: async () => {},
  });
  const shown: string[] = [];
  const placed = outputs.map((output) => placeSegment(output, { level: 254, run: 1 }));
  for (const segment of placed) {
    const reader = context.segments.of(segment);
    for (const { begin, end, version } of await reader.ranges())
      shown.push(`${begin[1]}-${end[1]} deleted@${version}`);
    const cursor = reader.cursor({ begin: new Uint8Array(0), end: undefined });
    for (await cursor.start(); !cursor.done; await cursor.next())
      shown.push(`${cursor.key[1]} ${cursor.tombstone ? 'deleted' : 'set'}@${cursor.version}`);
  }
  return { shown, placed };
}
const shownOf = async (inputs: readonly SegmentEntry[], setting?: Setting): Promise<string[]> =>
  (await merged(inputs, setting)).shown;

describe('of a key', () => {
  test('the newest write stays, whichever run and level it lies in', async () => {
    const inputs = [
      ...(await segments([put(1, 5), put(2, 9)])),
      ...(await segments([put(1, 7), put(2, 3)], 254)),
      ...(await segments([put(3, 1)], 1)),
    ];
    expect(await shownOf(inputs)).toEqual(['1 set@7', '2 set@9', '3 set@1']);
  });

  test('a large transaction’s entries get the version that the manifest gives them', async () => {
    const inputs = [...(await segments([put(1, 0)], 0, 8)), ...(await segments([put(1, 7)]))];
    expect(await shownOf(inputs)).toEqual(['1 set@8']);
  });

  test('a range tombstone hides what is older, and nothing that is newer', async () => {
    const inputs = [
      ...(await segments([put(1, 5), put(2, 50), put(3, 5)])),
      ...(await ranges(range(0, 3, 20), range(5, 6, 120))),
    ];
    expect(await shownOf(inputs)).toEqual(['5-6 deleted@120', '2 set@50', '3 set@5']);
  });
});

describe('a deletion goes', () => {
  test('where nobody can miss it: below the floor, flushed, and nothing older elsewhere', async () => {
    const inputs = [...(await segments([put(1, 5)])), ...(await segments([deletion(1, 9)]))];
    expect(await shownOf(inputs)).toEqual([]);
    expect(await shownOf(await ranges(range(0, 9, 9)))).toEqual([]);
  });

  test('not at the floor or above: a transaction may still ask whether it was written', async () => {
    for (const [floor, left] of [
      [9, ['1 deleted@9']],
      [10, []],
    ] as const) {
      const inputs = await segments([deletion(1, 9)]);
      expect(await shownOf(inputs, { state: state({ floor }) })).toEqual(left);
    }
    expect(await shownOf(await ranges(range(0, 9, 9)), { state: state({ floor: 9 }) })).toEqual([
      '0-9 deleted@9',
    ]);
  });

  test('not where it is newer than what was flushed: the tail may hold what it hides', async () => {
    const inputs = await segments([deletion(1, 0)], 0, 9);
    expect(await shownOf(inputs, { state: state({ flushedThrough: 8 }) })).toEqual(['1 deleted@9']);
    expect(await shownOf(inputs, { state: state({ flushedThrough: 9 }) })).toEqual([]);
  });

  test('not where another live segment could hold an older write of the key', async () => {
    const inputs = await segments([deletion(1, 9), deletion(20, 9)]);
    const older = await segments([put(0, 3), put(5, 3)], 254);
    const newer = await segments([put(0, 12), put(5, 12)]);
    expect(await shownOf(inputs, { others: older })).toEqual(['1 deleted@9']);
    expect(await shownOf(inputs, { others: newer })).toEqual([]);
    const wide = await ranges(range(0, 30, 9));
    expect(await shownOf(wide, { others: older })).toEqual(['0-30 deleted@9']);
    expect(await shownOf(wide, { others: newer })).toEqual([]);
  });
});

describe('an entry that expires', () => {
  const expiring = put(1, 5, { expiresMs: 1_000 });

  test('goes once it has expired by every clock, as a deletion does', async () => {
    const inputs = await segments([expiring]);
    const later = 1_000 + HOUR_MS;
    expect(await shownOf(inputs, { nowMs: later, state: state({ timeMs: later }) })).toEqual([]);
  });

  test('stays while one of the clocks, or the margin, says so', async () => {
    const inputs = await segments([expiring]);
    const late = 1_000 + HOUR_MS;
    for (const [nowMs, timeMs, graceMs] of [
      [late - 1, late, 0],
      [late, late - 1, 0],
      [late, late, 2 * HOUR_MS],
    ] as const)
      expect(await shownOf(inputs, { nowMs, state: state({ timeMs, graceMs }) })).toEqual(['1 set@5']);
  });

  test('is a deletion of the same stamp where a deletion would have to stay', async () => {
    const inputs = await segments([expiring]);
    const later = 1_000 + HOUR_MS;
    expect(await shownOf(inputs, { nowMs: later, state: state({ timeMs: later, floor: 5 }) })).toEqual([
      '1 deleted@5',
    ]);
  });
});

describe('outputs', () => {
  test('are cut where they are full, and no range tombstone reaches over a cut', async () => {
    const many = Array.from({ length: 60 }, (_, i) => put(i, 50, { value: new Uint8Array(100) }));
    const inputs = [...(await segments(many)), ...(await ranges(range(0, 200, 150)))];
    const { placed, shown } = await merged([...inputs, ...(await segments([put(70, 160)]))], {});
    expect(shown.filter((line) => line.includes('set'))).toEqual(['70 set@160']);
    expect(placed).toHaveLength(1);
    const above = many.map((entry) => ({ ...entry, version: 170 }));
    const { placed: cut } = await merged([...inputs, ...(await segments(above))]);
    expect(cut.length).toBeGreaterThan(2);
    for (const [i, { lastKey, rangeEnd }] of cut.entries()) {
      const next = cut[i + 1];
      if (!next) continue;
      expect(rangeEnd).toEqual(next.rangeBegin);
      expect(lastKey[1]).toBeLessThan(next.firstKey[1]!);
      expect(rangeEnd[1]).toBeLessThanOrEqual(next.firstKey[1]!);
    }
    expect([cut[0]!.rangeBegin, cut.at(-1)!.rangeEnd]).toEqual([key(0), key(200)]);
  });

  test('a range tombstone alone is cut where the bottom run is', async () => {
    const inputs = await ranges(range(0, 200, 150));
    const { shown } = await merged(inputs, { cuts: [key(50), key(90)] });
    expect(shown).toEqual(['0-50 deleted@150', '50-90 deleted@150', '90-200 deleted@150']);
  });
});

test('a resumed compaction does not skip entries at a segment’s edge', async () => {
  // slatedb 1769: resumed from the last key that was written, it lost what lay beside it. Here it begins anew, on the
  // state that it finds, and what the interrupted one had uploaded is nobody's.
  const entries = Array.from({ length: 100 }, (_, i) => put(i, 150, { value: new Uint8Array(3_000) }));
  const inputs = [
    ...(await segments(entries.filter((_, i) => i % 2 === 0))),
    ...(await segments(entries.filter((_, i) => i % 2 === 1))),
  ];
  const all = entries.map((_, i) => `${i} set@150`);
  for (const stopAfter of [1, 2]) {
    let turns = 0;
    const stop = new AbortController();
    const interrupted = merge(context, inputs, {
      baseVersion: 1,
      droppable: new Droppable(state(), [], 0),
      segmentBytes: 20_000,
      cuts: [],
      cutBytesMin: 1,
      signal: stop.signal,
      turn: async () => {
        if (++turns >= stopAfter) stop.abort();
      },
    });
    await expect(interrupted).rejects.toThrow();
    expect(await shownOf(inputs, { segmentBytes: 20_000 })).toEqual(all);
  }
});
