/** What goes into a record: transactions and edits, and who waits for them. */
import type { RangeDelete, SegmentDescriptor, Write } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import type { Contender, Touched } from './contender.js';
import type { Edit } from './edit.js';

/** A stream's parts, durable already. */
export interface StreamRun {
  readonly segments: readonly SegmentDescriptor[];
  /** The tip when their upload began: what protects them from GC until a record names them. */
  readonly baseVersion: number;
}

/** What a transaction hands over to be committed. */
export interface Proposal extends CallOptions, Touched {
  readonly readVersion: number;
  /** The time of the run that it comes from, milliseconds since 1970: its mutations are resolved at it. */
  readonly nowMs: number;
  /** Segments that hold its plain writes, durable already; `changes` names their keys too. */
  readonly bulk?: readonly SegmentDescriptor[] | undefined;
  /** `bulk` is a load's: `changes` names none of its keys, so nothing can be laid on it in its record. */
  readonly isLoad?: boolean | undefined;
  /** The parts of the stream that it writes. Never with `bulk`: a stream is a transaction of its own. */
  readonly streamRun?: StreamRun | undefined;
  /** How often it has lost before, to others' writes. */
  readonly losses: number;
  /** Lost once more, its body does not run again: no turn is of use to it. */
  readonly isLastTry?: boolean | undefined;
  /** How long its body took, ms. */
  readonly bodyMs: number;
  /** What it weighs in the record, bytes: plain writes unless they are in segments, mutations always. */
  readonly bytes: number;
  /**
   * Runs the body again on another state. Undefined: it failed, had nothing to write, or writes too much; its
   * caller then hears of the conflict as usual.
   */
  readonly rerun?: ((view: View) => Promise<Rerun | undefined>) | undefined;
  /** Whose it is: what its turn goes by. */
  readonly contender?: Contender | undefined;
}

/** What another run of a body came to. */
type Rerun = Pick<Proposal, 'changes' | 'deleted' | 'bytes' | 'nowMs'>;

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
  readonly rangeDeletes: readonly RangeDelete[];
  readonly writes: readonly Write[];
}

/** Lost to a transaction of its own group: told of its conflict when that one is durable. */
export interface Loser {
  readonly waiting: Waiting;
  /** Its body is still running until then. */
  readonly ended?: Promise<unknown> | undefined;
}

/** An edit and who waits for it. */
export interface WaitingEdit {
  readonly edit: Edit;
  readonly resolve: (published: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** This process's own load. */
export function isLoad({ proposal }: Waiting): boolean {
  return proposal.isLoad === true;
}

/** Its writes are in segments, not at hand. */
export function isLarge({ proposal }: Waiting): boolean {
  return proposal.bulk !== undefined;
}
