/** When a compaction still fits: of those that race, on the state that its record follows. */
import { Manifest, placeSegment, type SegmentDescriptor, type SegmentEntry } from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { expect, test } from 'vitest';
import { BOTTOM_LEVEL, type Compacted, CompactionEdit } from './compaction-edit.js';
import type { EditedState } from './edit.js';

const BASE = 5;
let ids = 0;
const segment = (first: number, last: number): SegmentDescriptor => {
  const id = new Uint8Array(24);
  id[7] = BASE;
  id[23] = ++ids;
  const none = new Uint8Array(0);
  return {
    id,
    bytes: 100,
    metaBytes: 10,
    root: none,
    epoch: 1,
    entries: 1,
    tombstones: 0,
    ranges: 0,
    rangeBegin: none,
    rangeEnd: none,
    earliestExpiryMs: 0,
    minVersion: 1,
    maxVersion: 1,
    firstKey: Uint8Array.of(first),
    lastKey: Uint8Array.of(last),
  };
};
const made = (first: number, last: number) => ({ ...segment(first, last), stampVersion: 0, stampOrder: 0 });
const placed = (first: number, last: number, level: number, run: number): SegmentEntry =>
  placeSegment(segment(first, last), { level, run });

const low = placed(0, 9, 0, 3);
const high = placed(20, 29, 0, 3);
const bottomLow = placed(0, 10, BOTTOM_LEVEL, 1);
const bottomHigh = placed(20, 30, BOTTOM_LEVEL, 1);
const live = [low, high, bottomLow, bottomHigh];

function stateOf(entries: readonly SegmentEntry[], floor = 1): EditedState {
  const manifest = Manifest.empty(defaultProvider().sha256);
  Object.defineProperty(manifest, 'entries', { value: entries });
  return { flushedThrough: 3, floor, addedRuns: [], manifest, replaced: [] };
}

const edit = (of: Partial<Compacted>): CompactionEdit =>
  new CompactionEdit({ inputs: [], outputs: [], level: BOTTOM_LEVEL, deadParts: [], ...of });
const lower = edit({ inputs: [low, bottomLow], outputs: [made(0, 10)] });
const upper = edit({ inputs: [high, bottomHigh], outputs: [made(20, 25), made(26, 30)] });

test('disjoint ones both fit, in one record too, and stay in the bottom run', () => {
  const first = lower.applyTo(stateOf(live)) as EditedState;
  const both = upper.applyTo(first) as EditedState;
  expect(both.replaced.flatMap(({ add }) => add.map(({ level, run }) => [level, run]))).toEqual(
    Array.from({ length: 3 }, () => [BOTTOM_LEVEL, 1]),
  );
  expect(both.replaced.every(({ isNewRun }) => !isNewRun)).toBe(true);
});

test('of two that overlap the second is stale, in one record too', () => {
  const first = lower.applyTo(stateOf(live)) as EditedState;
  expect(edit({ inputs: [low], outputs: [made(0, 9)], level: 1 }).applyTo(first)).toBe('stale');
  expect(lower.applyTo(first)).toBe('stale');
});

test('a finished one is not resurrected', () => {
  // slatedb 2002: a compactor that comes back publishes what was merged long ago.
  const [{ remove, add }] = (lower.applyTo(stateOf(live)) as EditedState).replaced as [
    EditedState['replaced'][number],
  ];
  const gone = new Set(remove);
  const after = [...live.filter(({ id }) => !gone.has(id)), ...add];
  expect(lower.applyTo(stateOf(after))).toBe('stale');
});

test('one whose input was moved meanwhile is stale', () => {
  const moved = live.map((entry) => (entry === low ? { ...low, level: 1, run: 9 } : entry));
  expect(lower.applyTo(stateOf(moved))).toBe('stale');
  expect(upper.applyTo(stateOf(moved))).not.toBe('stale');
});

test('remove and add again in one commit: a segment that is moved stays one', () => {
  // Iceberg 17304: a file that is both removed and added by one commit is lost.
  const alone = placed(40, 50, 0, 7);
  const moving = edit({ inputs: [alone], outputs: [alone] });
  const [{ remove, add }] = (moving.applyTo(stateOf([...live, alone])) as EditedState).replaced as [
    EditedState['replaced'][number],
  ];
  expect(remove).toEqual([alone.id]);
  expect(add).toEqual([{ ...alone, level: BOTTOM_LEVEL, run: 1 }]);
});

test('one whose segments were uploaded below the floor is stale: they may be collected at any time', () => {
  expect(lower.applyTo(stateOf(live, BASE))).not.toBe('stale');
  expect(lower.applyTo(stateOf(live, BASE + 1))).toBe('stale');
  const alone = placed(40, 50, 0, 7);
  const moving = edit({ inputs: [alone], outputs: [alone] });
  expect(moving.applyTo(stateOf([...live, alone], BASE + 1))).not.toBe('stale');
});

test('what would overlap the bottom run is stale; elsewhere it makes a run of its own', () => {
  const outputs = [made(5, 25)];
  expect(edit({ inputs: [low, high], outputs }).applyTo(stateOf(live))).toBe('stale');
  const above = placed(3, 6, 1, 2);
  const state = edit({ inputs: [low, high], outputs, level: 1 }).applyTo(stateOf([...live, above]));
  expect((state as EditedState).replaced).toMatchObject([{ isNewRun: true }]);
  const beside = placed(30, 36, 1, 2);
  const joined = edit({ inputs: [low, high], outputs, level: 1 }).applyTo(stateOf([...live, beside]));
  expect((joined as EditedState).replaced).toMatchObject([{ isNewRun: false, add: [{ run: 2 }] }]);
});

test('parts of streams that are gone already hinder nothing', () => {
  const part = placed(60, 60, 255, 4);
  const [there, gone] = [part.id, placed(61, 61, 255, 5).id];
  const state = edit({ deadParts: [there, gone] }).applyTo(stateOf([...live, part])) as EditedState;
  expect(state.replaced).toMatchObject([{ remove: [there], add: [] }]);
  expect(edit({ deadParts: [gone] }).applyTo(stateOf(live))).toBe('stale');
});
