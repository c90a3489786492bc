/**
 * Decides what the next record is: whose transactions in which order, which edits, what it carries.
 *
 * Invariant: it follows from the state, and from what was found about the group on that very state. Nothing is asked,
 * and nobody is told.
 */
import {
  carryFrom,
  type DecidedIntent,
  type Intents,
  type ManifestChange,
  type RecordDraft,
  type SegmentDescriptor,
  type SegmentEntry,
  STREAM_LEVEL,
  type Verdict,
} from '@holdfast/core';
import { type Contention, NO_CONTENTION, type View } from '../state/view.js';
import { applyEdits, type Edit, type EditedState, type Replacement } from './edit.js';
import { type IntentPlace, tableAfter } from './intents-table.js';
import type { Accepted, Waiting } from './proposal.js';
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

/** An intent that the record decides. */
export interface Carried extends IntentPlace {
  readonly hash: Uint8Array;
  /** Its transactions in order, each a candidate for the record; empty where it is voided. */
  readonly members: readonly Waiting[];
  /** Its own writer takes it back: so many transactions. */
  readonly voided?: number;
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
  readonly edited: Pick<EditedState, 'flushedThrough' | 'floor'>;
  /** The oldest first: they get the numbers that come next. */
  readonly runs: readonly NewRun[];
  /** What compaction makes of the segments that were there; its new runs are numbered after `runs`. */
  readonly replaced: ManifestChange;
  readonly transactions: RecordDraft['transactions'];
  readonly carry: RecordDraft['carry'];
  readonly intents: Intents;
  /** Those of `intents` that it decides itself. */
  readonly decided: readonly DecidedIntent[];
  readonly contention: Contention;
}

const NOBODY: Chained = { accepted: [], rerun: [], losers: [] };

/**
 * The record after `parent`. With nobody and no edits it says nothing new: a fence.
 * @param hints what it tells those who come next, by who is in it.
 */
export function plan(
  parent: View,
  chained: Chained = NOBODY,
  waitingEdits: readonly Edit[] = [],
  carried: readonly Carried[] = [],
  hints: (members: readonly Accepted[]) => Contention = () => NO_CONTENTION,
): Plan {
  const version = parent.version + 1;
  const { accepted, rerun, losers } = chained;
  const members = [...accepted, ...rerun];
  const { state, applied: edits } = applyEdits(parent, waitingEdits);
  const { addedRuns, replaced, flushedThrough, floor } = state;
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
  const carry = planCarry(parent, flushedThrough);
  const decided = decide(carried, members, version);
  const intents = tableAfter(parent.intents, decided, version);
  const contention = hints(members);
  return {
    accepted,
    rerun,
    losers,
    parent,
    version,
    members,
    edits,
    edited: { flushedThrough, floor },
    runs,
    replaced: numbered(replaced, parent.manifest.nextRun + runs.length),
    transactions,
    carry,
    intents,
    decided,
    contention,
  };
}

/** All replacements as one change. @param nextRun the number of the first of their new runs. */
function numbered(replaced: readonly Replacement[], nextRun: number): ManifestChange {
  let newRuns = 0;
  const add = replaced.flatMap(({ add: segments, isNewRun }) => {
    if (!isNewRun || segments.length === 0) return segments;
    const run = nextRun + newRuns++;
    return segments.map((segment) => ({ ...segment, run }));
  });
  return { remove: replaced.flatMap(({ remove }) => remove), add };
}

/** Who of an intent is in the record is committed; who isn't can be in none with that number any more. */
function decide(
  carried: readonly Carried[],
  members: readonly Accepted[],
  version: number,
): readonly DecidedIntent[] {
  if (carried.length === 0) return [];
  const orders = new Map(members.map(({ waiting }, order) => [waiting, order]));
  return carried.map(({ writerId, k, hash, members: own, voided }) => {
    const verdicts = own.map((waiting): Verdict => {
      const order = orders.get(waiting);
      return order === undefined ? { kind: 'conflict' } : { kind: 'committed', order };
    });
    const voids = Array.from({ length: voided ?? 0 }, (): Verdict => ({ kind: 'void' }));
    return { writerId, k, hash, version, verdicts: [...verdicts, ...voids] };
  });
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
