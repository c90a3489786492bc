/**
 * Publishes what a compaction has made: segments leave the manifest, others come in their place.
 *
 * Invariants:
 * - It fits a state only if all that it merges or moves is live there, where it was. Whoever has merged one of them
 *   since has taken it out: of two compactions that overlap the second is dropped, and of a finished one nothing comes
 *   back. Two that are disjoint both fit, in one record too.
 * - The segments that it has made were uploaded at a version that is not below the floor: older ones may be collected at
 *   any time.
 * - Of a run no two segments overlap. The bottom is one run; elsewhere it joins a run that it fits into, or makes one.
 * - What it has dropped stays dropped whatever was published since: all of that is newer (upkeep/droppable.ts).
 */
import {
  compareBytes,
  endsBefore,
  type ObjectId,
  type SegmentDescriptor,
  type SegmentEntry,
  segmentBegin,
  toHex,
} from '@holdfast/core';
import type { Edit, EditedState } from './edit.js';
import { baseOf } from './new-object.js';

/** The level of the one run that everything comes down to, cut by key range. */
export const BOTTOM_LEVEL = 254;

/** What is known of a segment wherever it stands, and the stamp of its entries. */
export type Placeable = SegmentDescriptor & Pick<SegmentEntry, 'stampVersion' | 'stampOrder'>;

export interface Compacted {
  /** What was merged or moved, as it was when that was planned. */
  readonly inputs: readonly SegmentEntry[];
  /** What comes in its place, in the order of keys: new segments, or the same. */
  readonly outputs: readonly Placeable[];
  readonly level: number;
  /** Parts of streams that nothing names any more. Those that are gone already are no hindrance. */
  readonly deadParts: readonly ObjectId[];
}

export class CompactionEdit implements Edit {
  readonly #compacted: Compacted;

  constructor(compacted: Compacted) {
    this.#compacted = compacted;
  }

  applyTo(state: EditedState): EditedState | 'stale' {
    const { inputs, outputs, level, deadParts } = this.#compacted;
    const live = liveIn(state);
    for (const { id, level: was, run } of inputs) {
      const now = live.get(toHex(id));
      if (now?.level !== was || now.run !== run) return 'stale';
    }
    const known = new Set(inputs.map(({ id }) => toHex(id)));
    if (outputs.some(({ id }) => !known.has(toHex(id)) && baseOf(id) < state.floor)) return 'stale';
    for (const id of known) live.delete(id);
    const run = runFor(outputs, level, live);
    if (run === undefined) return 'stale';
    const parts = deadParts.filter((id) => live.has(toHex(id)));
    if (inputs.length + parts.length === 0) return 'stale';
    const replacement = {
      remove: [...inputs.map(({ id }) => id), ...parts],
      add: outputs.map((output): SegmentEntry => ({ ...output, level, run })),
      isNewRun: run === NEW_RUN,
    };
    return { ...state, replaced: [...state.replaced, replacement] };
  }
}

/** Stands for the number that a run gets when its record is made. */
const NEW_RUN = 0;

/** The segments as the replacements of the same record leave them, by id. */
function liveIn({ manifest, replaced }: EditedState): Map<string, SegmentEntry> {
  const live = new Map(manifest.entries.map((entry) => [toHex(entry.id), entry]));
  for (const { remove, add } of replaced) {
    for (const id of remove) live.delete(toHex(id));
    for (const entry of add) live.set(toHex(entry.id), entry);
  }
  return live;
}

/** The run of a level that has room for the outputs. Undefined: there is none, nor may there be another. */
function runFor(
  outputs: readonly Placeable[],
  level: number,
  live: ReadonlyMap<string, SegmentEntry>,
): number | undefined {
  const runs = new Map<number, boolean>();
  for (const entry of live.values()) {
    if (entry.level !== level) continue;
    const fits = runs.get(entry.run) ?? true;
    runs.set(entry.run, fits && !outputs.some((output) => overlap(output, entry)));
  }
  for (const [run, fits] of runs) if (fits && run !== NEW_RUN) return run;
  return level === BOTTOM_LEVEL && runs.size > 0 ? undefined : NEW_RUN;
}

/** Whether two segments have a stretch of keys in common. */
export function overlap(a: SegmentDescriptor, b: SegmentDescriptor): boolean {
  return !endsBefore(a, segmentBegin(b)) && !endsBefore(b, segmentBegin(a));
}

/** For sorting. */
export function byBegin(a: SegmentDescriptor, b: SegmentDescriptor): number {
  return compareBytes(segmentBegin(a), segmentBegin(b));
}
