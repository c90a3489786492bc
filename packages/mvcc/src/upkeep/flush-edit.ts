/** Publishes a flush: its runs join the manifest, and the tail begins after it. */
import type { SegmentDescriptor } from '@holdfast/core';
import type { Edit, EditedState } from '../commit/edit.js';

export class FlushEdit implements Edit {
  /** The flush before it, which must still be the last one. */
  readonly after: number;
  readonly through: number;
  readonly runs: readonly (readonly SegmentDescriptor[])[];

  constructor(after: number, through: number, runs: readonly (readonly SegmentDescriptor[])[]) {
    this.after = after;
    this.through = through;
    this.runs = runs;
  }

  applyTo(state: EditedState): EditedState | 'stale' {
    if (state.flushedThrough !== this.after) return 'stale';
    // Segments older than the floor may be collected at any time: a record that names them now could lose them.
    if (this.through < state.floor) return 'stale';
    return { ...state, flushedThrough: this.through, addedRuns: [...state.addedRuns, ...this.runs] };
  }
}
