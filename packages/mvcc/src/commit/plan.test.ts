/** What the next record is, decided of what was found: no store, no clock. */
import { type SegmentDescriptor, STREAM_LEVEL } from '@holdfast/core';
import { MemoryStore } from '@holdfast/object-store';
import { beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../database.js';
import { openParts } from '../open.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import type { View } from '../state/view.js';
import type { Edit } from './edit.js';
import { plan } from './plan.js';
import type { Accepted } from './proposal.js';
import { ReadSet } from './read-set.js';

const OPTIONS = { key: 'plaintext', probe: 'skip', maintenance: 'manual' } as const;

let view: View;
beforeEach(async () => {
  const memory = new MemoryStore();
  const db = await openDatabase(memory, OPTIONS);
  await db.set('n', 1);
  await db.flush();
  await db.set('n', 2);
  await db.deleteRange({ prefix: 'r' });
  const { tip } = await openParts(memory, OPTIONS);
  view = tip.view;
});

function accepted(readVersion: number, bulk?: readonly SegmentDescriptor[]): Accepted {
  const proposal = {
    readVersion,
    reads: new ReadSet(),
    changes: new Map(),
    deleted: RangeTombstones.none,
    bytes: 0,
    bulk,
  };
  const untold = (): never => {
    throw new Error('A plan tells nobody.');
  };
  return {
    waiting: {
      proposal,
      sinceMs: 0,
      provenThrough: 0,
      stage: 'waiting',
      resolve: untold,
      reject: untold,
    },
    rangeDeletes: [],
    writes: [{ key: new Uint8Array([readVersion]), value: undefined }],
  };
}

const addRun = (run: readonly SegmentDescriptor[]): Edit => ({
  applyTo: (state) => ({ ...state, addedRuns: [...state.addedRuns, run] }),
});

test('who ran again comes after those on whose writes it ran', () => {
  const [one, two, three] = [accepted(1), accepted(2), accepted(3)];
  const planned = plan(view, { accepted: [one, two], rerun: [three], losers: [] });
  expect(planned.members).toEqual([one, two, three]);
  expect(planned.transactions.map(({ readVersion }) => readVersion)).toEqual([1, 2, 3]);
  expect(planned.version).toBe(view.version + 1);
});

test('runs of edits come first, then those of large transactions, stamped with their places in the record', () => {
  const [edited, first, second]: SegmentDescriptor[][] = [[], [], []];
  const members = [accepted(1, first), accepted(2), accepted(3, second)];
  const { runs, transactions, version } = plan(view, { accepted: members, rerun: [], losers: [] }, [
    addRun(edited!),
  ]);
  expect(runs).toEqual([
    { segments: edited, level: 0 },
    { segments: first, level: 0, stampVersion: version, stampOrder: 0 },
    { segments: second, level: 0, stampVersion: version, stampOrder: 2 },
  ]);
  const next = view.manifest.nextRun;
  expect(transactions.map(({ bulkRun }) => bulkRun)).toEqual([next + 1, 0, next + 2]);
});

test("a stream's parts are a run of their own level, and its write is in the record", () => {
  const parts: SegmentDescriptor[] = [];
  const writer = accepted(3);
  const { proposal } = writer.waiting;
  Object.assign(proposal, { streamRun: { segments: parts, baseVersion: 1 } });
  const { runs, transactions, version } = plan(view, {
    accepted: [accepted(1), writer],
    rerun: [],
    losers: [],
  });
  expect(runs).toEqual([{ segments: parts, level: STREAM_LEVEL, stampVersion: version, stampOrder: 1 }]);
  expect(transactions[1]).toMatchObject({ bulkRun: view.manifest.nextRun, writes: writer.writes });
});

test('what an edit says the tail begins after is not carried', () => {
  const flushed: Edit = { applyTo: (state) => ({ ...state, flushedThrough: view.version }) };
  expect(plan(view).carry).toMatchObject({
    entries: { count: 1 },
    ranges: [{ version: view.version, order: 0 }],
  });
  expect(plan(view, undefined, [flushed]).carry).toEqual({ refs: [], entries: [] });
});

test('nobody and no edits make a fence: it changes nothing', () => {
  expect(plan(view)).toMatchObject({
    edited: { flushedThrough: view.flushedThrough, floor: view.floor },
    members: [],
    edits: [],
    runs: [],
    transactions: [],
  });
});

test('a stale edit changes nothing, and is not among those published', () => {
  const stale: Edit = { applyTo: () => 'stale' };
  const fresh = addRun([]);
  const { edits, runs } = plan(view, undefined, [stale, fresh, stale]);
  expect(edits).toEqual([fresh]);
  expect(runs).toHaveLength(1);
});
