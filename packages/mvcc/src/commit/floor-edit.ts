/**
 * Raises the floor: versions below it are no longer retained.
 *
 * Invariant: the floor never goes back. Whoever finds a higher one has nothing left to publish.
 */
import type { Edit, EditedState } from './edit.js';

export class FloorEdit implements Edit {
  /** The lowest version that stays retained. */
  readonly floor: number;

  constructor(floor: number) {
    this.floor = floor;
  }

  /** The same floor again is a record all the same: its time is the store's time of now. */
  applyTo(state: EditedState): EditedState | 'stale' {
    return this.floor < state.floor ? 'stale' : { ...state, floor: this.floor };
  }
}
