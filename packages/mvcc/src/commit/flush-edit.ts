/** Publishes a flush: its runs join the manifest, and the tail begins after it. */
import type { Intent, SegmentDescriptor } from '@holdfast/core';
import type { AnnouncedFlush, Edit, EditedState } from './edit.js';

/** What intents that are carried have to publish. */
export function announcedFlushes(
  carried: readonly { readonly intent: Pick<Intent, 'flush'> }[],
): readonly FlushEdit[] {
  return carried.flatMap(({ intent: { flush } }) =>
    flush ? [new FlushEdit(flush.after, flush.through, flush.runs)] : [],
  );
}

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

  get flush(): AnnouncedFlush {
    return this;
  }

  applyTo(state: EditedState): EditedState | 'stale' {
    if (state.flushedThrough !== this.after) return 'stale';
    // Segments older than the floor may be collected at any time: a record that names them now could lose them.
    if (this.through < state.floor) return 'stale';
    return { ...state, flushedThrough: this.through, addedRuns: [...state.addedRuns, ...this.runs] };
  }
}
