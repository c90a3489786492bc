/**
 * Decides what the next record is: whose transactions in which order, which edits, what it carries.
 *
 * Invariant: it follows from the state, and from what was found about the group on that very state. Nothing is asked,
 * and nobody is told.
 */
import {
  carryFrom,
  type RecordDraft,
  type SegmentDescriptor,
  type SegmentEntry,
  STREAM_LEVEL,
} from '@holdfast/core';
import type { View } from '../state/view.js';
import { applyEdits, type Edit, type EditedState } from './edit.js';
import type { Accepted } from './proposal.js';
import type { Chained } from './rerun.js';

/** The inline carry's bound: this, or a multiple of what the record itself writes, so that it stays a fair price. */
const CARRY_BYTES_MIN = 16 * 1024;
const CARRY_BYTES_MAX = 256 * 1024;
const CARRY_TIMES_OWN = 4;

/** A run that joins the manifest. A large transaction's entries, and a stream's parts, get their stamp by it. */
interface NewRun extends Partial<Pick<SegmentEntry, 'stampVersion' | 'stampOrder'>> {
  readonly level: number;
  readonly segments: readonly SegmentDescriptor[];
}

export interface Plan extends Chained {
  /** The state that the record follows. */
  readonly parent: View;
  readonly version: number;
  /** In the order of the record: those accepted, then those that ran again on their writes. */
  readonly members: readonly Accepted[];
  /** Those that it publishes: the others are stale. */
  readonly edits: readonly Edit[];
  /** What they come to. */
  readonly edited: Omit<EditedState, 'addedRuns'>;
  /** The oldest first: they get the numbers that come next. */
  readonly runs: readonly NewRun[];
  readonly transactions: RecordDraft['transactions'];
  readonly carry: RecordDraft['carry'];
}

const NOBODY: Chained = { accepted: [], rerun: [], losers: [] };

/** The record after `parent`. With nobody and no edits it says nothing new: a fence. */
export function plan(parent: View, chained: Chained = NOBODY, waitingEdits: readonly Edit[] = []): Plan {
  const version = parent.version + 1;
  const members = [...chained.accepted, ...chained.rerun];
  const { state, applied: edits } = applyEdits(parent, waitingEdits);
  const { addedRuns, ...edited } = state;
  const runs: NewRun[] = addedRuns.map((segments) => ({ segments, level: 0 }));
  const transactions = members.map(({ waiting, rangeDeletes, writes }, order) => {
    const { readVersion, bulk, streamRun } = waiting.proposal;
    const segments = bulk ?? streamRun?.segments;
    if (!segments) return { readVersion, bulkRun: 0, rangeDeletes, writes };
    const bulkRun = parent.manifest.nextRun + runs.length;
    const level = streamRun ? STREAM_LEVEL : 0;
    runs.push({ segments, level, stampVersion: version, stampOrder: order });
    return { readVersion, bulkRun, rangeDeletes, writes };
  });
  const carry = planCarry(parent, edited.flushedThrough);
  return { ...chained, parent, version, members, edits, edited, runs, transactions, carry };
}

/** What the record after `view` carries of the older tail. */
function planCarry(view: View, flushedThrough: number): RecordDraft['carry'] {
  const refs = view.refs.filter((ref) => ref.version > flushedThrough);
  if (view.version <= flushedThrough) return { refs: [], entries: [] };
  const bound = Math.min(Math.max(CARRY_BYTES_MIN, view.ownBytes * CARRY_TIMES_OWN), CARRY_BYTES_MAX);
  // The record before holds all of it already: name it instead of saying it again.
  if (view.tail.freshBytes > bound)
    return {
      refs: [...refs, { version: view.version, hash: view.hash, bytes: view.recordBytes }],
      entries: [],
    };
  const from = carryFrom({ refs }, flushedThrough);
  return { refs, ranges: view.tail.freshRangesAfter(from), entries: view.tail.encodeFresh(from) };
}
