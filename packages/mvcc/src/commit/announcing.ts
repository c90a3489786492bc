/**
 * The callers' side of what this process has announced: who goes into an intent, and what each of them is told.
 *
 * Invariants:
 * - Whoever is in an intent can't leave before it is learnt what became of it.
 * - Each is told once, by a verdict; or truly, that it may have happened.
 */
import { HoldfastError } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { outcomeUnknown } from '../log/publish.js';
import type { View } from '../state/view.js';
import type { Announcer, Outstanding } from './announcer.js';
import { isPublished } from './edit.js';
import { type Group, together } from './group.js';
import { bodyMsOf } from './hints.js';
import type { Lead } from './lead.js';
import type { Proposal, Waiting } from './proposal.js';
import { type Turns, turnMs } from './turns.js';
import { conflict, isConflict, prove } from './validate.js';

/** Who has lost so often asks for a turn rather than to lose once more. */
const LOSSES_MAX = 2;
/** For how much longer than they said callers of what is out wait, to hear that it was taken back. */
const OVERDUE_TIMES = 1.25;

export class Announcing {
  readonly #context: Context;
  readonly #announcer: Announcer;
  readonly #turns: Turns;
  readonly #lead: Lead;
  readonly #commitTimeoutMs: number;
  readonly #onConflict: (view: View) => void;
  readonly #stats: { announced: number; transactions: number };

  constructor(
    context: Context,
    parts: { announcer: Announcer; turns: Turns; lead: Lead },
    options: {
      readonly commitTimeoutMs: number;
      readonly onConflict: (view: View) => void;
      /** Is added to. */
      readonly stats: { announced: number; transactions: number };
    },
  ) {
    this.#context = context;
    this.#announcer = parts.announcer;
    this.#turns = parts.turns;
    this.#lead = parts.lead;
    this.#commitTimeoutMs = options.commitTimeoutMs;
    this.#onConflict = options.onConflict;
    this.#stats = options.stats;
  }

  /**
   * Announces what of the group can go together, if nothing is out and no turn is to come before one's own.
   * @param inWords what a caller hears of an error.
   * @returns whether any of it was.
   */
  async announce(
    view: View,
    group: Group,
    calls: CallOptions,
    inWords: (error: unknown) => unknown,
  ): Promise<boolean> {
    if (this.#announcer.out) return false;
    if ((this.#turns.ahead ?? 0) > 0 && group.members.some(({ proposal }) => this.#isBehind(proposal)))
      return false;
    const edit = group.edits.find((waiting) => waiting.edit.flush !== undefined);
    if (group.members.length === 0 && !edit) {
      if (group.edits.length === 0) return false;
      // No intent can say them: it asks for a turn, in which they go into a record of its own.
      const roundTripMs = Math.ceil(this.#lead.roundTripMs);
      const asking = { ...this.#hints([]), turnMs: turnMs(roundTripMs, 0) };
      await this.#announcer.announce(view, { waiting: [] }, asking, calls);
      return true;
    }
    await this.#refuse(view, group, calls, inWords);
    const waiting = together(alike(group.members));
    if (waiting.length === 0 && !edit) return false;
    const hints = this.#hints(waiting);
    // From here on its callers can't leave.
    for (const one of waiting) one.stage = 'sent';
    try {
      const { sent, sentMs } = await this.#announcer.announce(view, { waiting, edit }, hints, calls);
      sent.then((isAnswered) => {
        if (isAnswered) this.#lead.answered(this.#context.clock.monotonic() - sentMs);
      });
    } catch (error) {
      for (const one of waiting) one.stage = 'waiting';
      if (!(error instanceof HoldfastError && error.code === 'LIMIT_EXCEEDED')) throw error;
      // Too large for an intent: it asks for a turn, and goes into a record of its own.
      await this.#announcer.announce(view, { waiting: [] }, hints, calls);
      return false;
    }
    this.#stats.announced++;
    group.leave(waiting, edit);
    return true;
  }

  /** Whether somebody whose turn it is, and who comes first, has read what it writes, or what it has read. */
  #isBehind(proposal: Proposal): boolean {
    return this.#turns.putsOff(proposal) || this.#turns.meets(proposal);
  }

  /** Lets go of those whose reads no longer hold, but for those who ask for a turn. */
  async #refuse(
    view: View,
    group: Group,
    { signal }: CallOptions,
    inWords: (error: unknown) => unknown,
  ): Promise<void> {
    const refused = new Set<Waiting>();
    for (const [waiting, error] of await prove(view, group.members, signal)) {
      const { losses, isLastTry } = waiting.proposal;
      const asks = losses >= LOSSES_MAX && !isLastTry && this.#turns.ahead === undefined;
      if (asks && isConflict(error)) continue;
      refused.add(waiting);
      if (isConflict(error)) this.#onConflict(view);
      waiting.reject(inWords(error));
    }
    group.members = group.members.filter((waiting) => waiting.stage === 'waiting' && !refused.has(waiting));
  }

  #hints(waiting: readonly Waiting[]): Parameters<Announcer['announce']>[2] {
    const { processId, recordsMade } = this.#lead;
    const roundTripMs = Math.ceil(this.#lead.roundTripMs);
    const isOfUse = waiting.some(({ proposal }) => !proposal.isLastTry);
    return {
      processId,
      recordsMade,
      roundTripMs,
      turnMs: isOfUse ? turnMs(roundTripMs, bodyMsOf(waiting)) : 0,
      losses: Math.max(0, ...waiting.map(({ proposal }) => proposal.losses)),
    };
  }

  /**
   * Tells those whose intent was out, once it is decided.
   * @param isOwn whether this process made the record of a version.
   * @returns whether it was.
   */
  async conclude(view: View, calls: CallOptions, isOwn: (version: number) => boolean): Promise<boolean> {
    const { out } = this.#announcer;
    const conclusion = await this.#announcer.conclude(view, calls);
    if (!out || !conclusion) return false;
    const decided = conclusion.kind === 'decided' ? conclusion : undefined;
    let committed = 0;
    for (const [i, { resolve, reject, proposal }] of out.waiting.entries()) {
      const verdict = decided?.verdicts[i];
      if (conclusion.kind === 'unknown') reject(outcomeUnknown(out.base + 1, conclusion.cause));
      else if (verdict?.kind === 'committed') {
        committed++;
        resolve({ version: decided!.version, order: verdict.order });
      } else if (verdict?.kind === 'void') reject(takenBack(this.#commitTimeoutMs));
      else {
        this.#onConflict(view);
        reject(conflict(proposal.readVersion));
      }
    }
    out.edit?.resolve(decided !== undefined && isPublished(view, out.edit.edit));
    if (decided && !isOwn(decided.version)) {
      this.#stats.transactions += committed;
      const ms = this.#context.clock.monotonic() - out.sinceMs;
      this.#context.emit({ type: 'carried', version: decided.version, transactions: committed, ms });
    }
    return true;
  }

  /** Whether the callers of what is out have waited for as long as they said. Much later they are told. */
  isOverdue(): boolean {
    const { out } = this.#announcer;
    if (!out || this.#commitTimeoutMs === 0) return false;
    const waitedMs = this.#context.clock.monotonic() - out.sinceMs;
    if (waitedMs > this.#commitTimeoutMs * OVERDUE_TIMES)
      this.#tell(() =>
        outcomeUnknown(out.base + 1, new Error(`no record has decided it in ${Math.round(waitedMs)} ms`)),
      );
    return waitedMs > this.#commitTimeoutMs;
  }

  /** It can't be asked after any more, because of `error`. It is decided with the next record all the same. */
  giveOut(error: unknown): void {
    this.#tell((out) => outcomeOf(out, error));
  }

  #tell(why: (out: Outstanding) => unknown): void {
    const { out } = this.#announcer;
    if (!out) return;
    for (const { reject } of out.waiting) reject(why(out));
    out.edit?.reject(why(out));
    out.waiting = [];
    out.edit = undefined;
  }
}

/** What is known of an intent whose writer can't go on asking. */
function outcomeOf({ base }: Outstanding, error: unknown): unknown {
  if (!(error instanceof HoldfastError) || error.code === 'UNAVAILABLE')
    return outcomeUnknown(base + 1, error);
  const { code, message, evidence } = error;
  return new HoldfastError(code, message, { cause: error, maybeCommitted: true, evidence });
}

function takenBack(ms: number): HoldfastError {
  return new HoldfastError(
    'UNAVAILABLE',
    `The transaction was announced, and no record has taken it up within commitTimeoutMs, ${ms} ms. It was taken back: it did not happen and can't happen any more. Try again.`,
  );
}

/** Last tries go alone: an intent says of all of its transactions whether they run again where they lose. */
function alike(members: readonly Waiting[]): readonly Waiting[] {
  const isLast = ({ proposal }: Waiting): boolean => proposal.isLastTry === true;
  const [first] = members;
  return members.filter((one) => isLast(one) === isLast(first!));
}
