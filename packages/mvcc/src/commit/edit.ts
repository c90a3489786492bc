/**
 * What a record publishes besides writes: edits of the state (LevelDB's "version edits"). A flush is one
 * (flush-edit.ts).
 *
 * Invariants:
 * - All that an edit names is durable before it is handed over (I3).
 * - It is laid on the state that its record follows, as the edits before it in that record leave it. Planned on another
 *   one it says so, and nothing of it is published.
 */
import {
  equalBytes,
  type Intent,
  type ObjectId,
  type SegmentDescriptor,
  type SegmentEntry,
} from '@holdfast/core';
import type { View } from '../state/view.js';

export type AnnouncedFlush = NonNullable<Intent['flush']>;

/** What edits may change of what a record says. What else they are to change one day joins it here. */
export interface EditedState extends Pick<View, 'flushedThrough' | 'floor'> {
  /** Runs that join the manifest, the oldest first. */
  readonly addedRuns: readonly (readonly SegmentDescriptor[])[];
  /** The segments of the state that the record follows. */
  readonly manifest: View['manifest'];
  /** What compaction changes of them, in order. */
  readonly replaced: readonly Replacement[];
}

/** Segments that leave the manifest and segments that come in their place; one that is moved does both. */
export interface Replacement {
  readonly remove: readonly ObjectId[];
  /** Of one run, in order. */
  readonly add: readonly SegmentEntry[];
  /** The run is a new one, and gets its number when the record is made. */
  readonly isNewRun: boolean;
}

export interface Edit {
  /** How an intent says it, if it can: others then publish it. */
  readonly flush?: AnnouncedFlush | undefined;
  /** Pure, and asked again after each lost race. `stale`: it no longer fits, and the record does without it. */
  applyTo(state: EditedState): EditedState | 'stale';
}

/** Lays one edit on the other. @returns also those that were not stale. */
export function applyEdits(
  { flushedThrough, floor, manifest }: View,
  edits: readonly Edit[],
): { readonly state: EditedState; readonly applied: readonly Edit[] } {
  let state: EditedState = { flushedThrough, floor, addedRuns: [], manifest, replaced: [] };
  const applied = edits.filter((edit) => {
    const edited = edit.applyTo(state);
    if (edited === 'stale') return false;
    state = edited;
    return true;
  });
  return { state, applied };
}

/** Whether what an edit has to publish is in a state, by another's record. */
export function isPublished({ manifest }: View, { flush }: Edit): boolean {
  const first = flush?.runs.find((run) => run.length > 0)?.[0];
  return first !== undefined && manifest.entries.some(({ id }) => equalBytes(id, first.id));
}
