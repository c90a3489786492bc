/** What goes into a record: transactions that wait for one, and flushes. */
import type { SegmentDescriptor, Write } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { StoredKey } from '../state/space.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import type { Change } from './mutation.js';
import type { ReadSet } from './read-set.js';

/** What a transaction hands over to be committed. */
export interface Proposal extends CallOptions {
  readonly readVersion: number;
  readonly reads: ReadSet;
  readonly changes: ReadonlyMap<StoredKey, Change>;
  /** Segments that hold its plain writes, durable already; `changes` names their keys too. */
  readonly bulk?: readonly SegmentDescriptor[] | undefined;
  /** What it weighs in the record, bytes: plain writes unless they are in segments, mutations always. */
  readonly bytes: number;
  /**
   * Runs the body again on another state. Undefined: it failed, had nothing to write, or writes too much; its
   * caller then hears of the conflict as usual.
   */
  readonly rerun?: ((view: View) => Promise<Rerun | undefined>) | undefined;
}

/** What another run of a body came to. */
export type Rerun = Pick<Proposal, 'changes' | 'bytes'>;

/** A flush that is durable and waits for a record to publish it. */
export interface PreparedFlush {
  /** The flush before it, which must still be the last one. */
  readonly after: number;
  readonly through: number;
  readonly segments: readonly SegmentDescriptor[];
}

/** A proposal and who waits for it. */
export interface Waiting {
  readonly proposal: Proposal;
  readonly resolve: (stamp: Stamp) => void;
  readonly reject: (error: unknown) => void;
  /** When it was handed over, by the monotonic clock. */
  readonly sinceMs: number;
  /** Nothing that it read was written after its read version up to here, by an earlier look. */
  provenThrough: number;
  /** `sent`: how that went has to be learnt. `left`: its caller was told already, and nothing of it is sent. */
  stage: 'waiting' | 'sent' | 'left';
}

/** A proposal that can be laid on the state, with its writes resolved against it. */
export interface Accepted {
  readonly waiting: Waiting;
  readonly writes: readonly Write[];
}
