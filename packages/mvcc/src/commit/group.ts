/** What goes for one record together, and how far it has come. */
import { HoldfastError } from '@holdfast/core';
import type { Clock } from '@holdfast/object-store';
import type { Edit } from './edit.js';
import { GroupWrites } from './group-writes.js';
import type { Loser, Waiting, WaitingEdit } from './proposal.js';
import { conflict } from './validate.js';

export class Group {
  /** Not told yet. */
  members: readonly Waiting[] = [];
  edits: readonly WaitingEdit[] = [];
  readonly losers: Loser[] = [];
  readonly startedMs: number;
  attempts = 1;
  /** It has looked for a newer tip because it had slept since the look before. */
  lookedAgain = false;

  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }

  get isEmpty(): boolean {
    return this.members.length === 0 && this.edits.length === 0;
  }

  /** They go another way. */
  leave(members: readonly Waiting[], edit: WaitingEdit | undefined): void {
    const gone = new Set(members);
    this.members = this.members.filter((waiting) => !gone.has(waiting));
    this.edits = this.edits.filter((waiting) => waiting !== edit);
  }

  /** All of them were told. */
  clear(): void {
    this.members = [];
    this.edits = [];
  }

  /** Whether a caller has left since it was in the group. */
  get hasLeavers(): boolean {
    return this.members.some(({ stage }) => stage === 'left');
  }

  /** Lets go of those whose callers have left, or have waited for longer than `timeoutMs` (0: any time). */
  keepWaiting(clock: Clock, timeoutMs: number): void {
    const now = clock.monotonic();
    this.members = this.members.filter((waiting) => {
      if (waiting.stage === 'left') return false;
      const waitedMs = now - waiting.sinceMs;
      if (timeoutMs === 0 || waitedMs <= timeoutMs) return true;
      waiting.reject(
        new HoldfastError(
          'UNAVAILABLE',
          `The transaction has waited ${Math.round(waitedMs)} ms for a record, behind others or losing slots to other writers: expected one within commitTimeoutMs, ${timeoutMs} ms. Nothing was changed; try again.`,
        ),
      );
      return false;
    });
  }

  /** Sent: their callers can't leave before it is learnt how that went. */
  setSent(sent: boolean): void {
    for (const waiting of this.members)
      if (waiting.stage !== 'left') waiting.stage = sent ? 'sent' : 'waiting';
  }

  /**
   * Who lost to a member hears of it when the fate of that member is known: run again earlier, it would read the same
   * state and lose again. A body that is still running must not run twice at once.
   */
  tellLosers(): void {
    for (const { waiting, ended } of this.losers.splice(0)) {
      const tell = (): void => waiting.reject(conflict(waiting.proposal.readVersion));
      if (ended) ended.then(tell);
      else tell();
    }
  }

  tellEdits(published: readonly Edit[]): void {
    for (const { edit, resolve } of this.edits) resolve(published.includes(edit));
  }

  fail(error: unknown): void {
    for (const { reject } of [...this.members, ...this.edits]) reject(error);
  }
}

/**
 * Those that can go into one intent: as they are, without running again on each other's writes. A large one goes alone:
 * nothing can be laid on it by whoever carries it.
 */
export function together(members: readonly Waiting[]): readonly Waiting[] {
  const [first] = members;
  if (first?.proposal.bulk) return [first];
  const written = new GroupWrites();
  return members.filter(({ proposal }) => {
    if (proposal.bulk || proposal.reads.overlaps(written)) return false;
    written.add(
      proposal.deleted,
      Array.from(proposal.changes.keys(), (key) => [key, NOTHING] as const),
    );
    return true;
  });
}

const NOTHING = { value: undefined };
