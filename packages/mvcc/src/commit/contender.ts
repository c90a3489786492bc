/**
 * A call of `transact`, through all its runs, among those that may be in its way.
 *
 * Invariant: its stage is changed by `Elders` alone; what its last run came to is said by who ran it.
 */
import type { RangeTombstones } from '../state/range-tombstones.js';
import type { StoredKey } from '../state/space.js';
import type { Change } from './mutation.js';
import type { ReadSet } from './read-set.js';

/** What a run of a body read (all that it can lose by) and wrote. */
export interface Touched {
  readonly reads: ReadSet;
  readonly changes: ReadonlyMap<StoredKey, Change>;
  /** The ranges that it deletes before that, whatever is in them. */
  readonly deleted: RangeTombstones;
}

type Stage =
  /** It has not lost yet. */
  | 'young'
  /** In the line, behind others. */
  | 'elder'
  | 'turn'
  /** Its turn was over before its body was: it goes with the young from now on. */
  | 'over';

export class Contender {
  /** The lower, the older. */
  readonly age: number;
  readonly signal: AbortSignal | undefined;
  stage: Stage = 'young';
  /** By its last run: its body waits for more than memory. */
  isSlow = false;
  /** Its writes wait for a record, or are in one that is under way. */
  isHandedOver = false;
  /** By its last run. */
  touched: Touched | undefined;
  runSinceMs = 0;
  /** How long its last run took. */
  runMs = 0;
  /** Lets it go on that waits for its turn. */
  proceed: (() => void) | undefined;
  /** Ends the timer of its turn. */
  alarm: (() => void) | undefined;
  /** Ends the wait for its signal. */
  forget: (() => void) | undefined;

  constructor(age: number, signal: AbortSignal | undefined) {
    this.age = age;
    this.signal = signal;
  }
}
