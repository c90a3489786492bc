/** What a record tells those who come next, by what it decides: whose turn it is, and who makes the record after it. */
import { toHex } from '@holdfast/core';
import { type Contention, NO_CONTENTION, type View } from '../state/view.js';
import type { Outstanding } from './announcer.js';
import type { Candidates } from './candidates.js';
import type { Lead } from './lead.js';
import type { Accepted, Waiting } from './proposal.js';
import { type AskedTurn, type Turns, turnMs } from './turns.js';

interface Sides {
  readonly lead: Lead;
  readonly turns: Turns;
  /** What this process has out. */
  readonly out: Outstanding | undefined;
  /** Others make records faster than it can. */
  readonly isOutrun: boolean;
  /** An edit of its own that no intent can say is in the record: what it may have asked a turn for. */
  readonly edits?: boolean | undefined;
}

/** @param accepted who is in the record after `parent`. */
export function hintsOf(
  parent: View,
  accepted: readonly Accepted[],
  { carried, own, putOff }: Candidates,
  { lead, turns, out, isOutrun, edits }: Sides,
): Contention {
  // Alone, as most are: there is nobody to tell anything.
  if (!lead.isContended && turns.isEmpty && !out && carried.length === 0) return NO_CONTENTION;
  const members = new Set(accepted.map(({ waiting }) => waiting));
  const isIn = (one: Waiting): boolean => members.has(one);
  const isLost = (one: Waiting): boolean => !members.has(one);
  const committing = carried.filter((intent) => intent.members.some(isIn));
  const isOwn = [...own, ...(out?.members ?? [])].some(isIn);
  const asked = new Map<string, AskedTurn>();
  for (const { intent, members: theirs } of carried) {
    const lost = theirs.filter(isLost);
    // One with nothing in it asks for a turn, and nothing else.
    const asks = lost.length > 0 || (theirs.length === 0 && !intent.flush);
    if (asks && intent.turnMs > 0)
      asked.set(toHex(intent.processId), { ...intent, waitMs: intent.turnMs, lost });
  }
  const behind = [...putOff, ...(out?.members ?? []).filter(isLost)];
  const lost = behind.filter(({ proposal }) => !proposal.isLastTry);
  const { processId } = lead;
  if (lost.length > 0)
    asked.set(toHex(processId), { processId, waitMs: turnMs(lead.roundTripMs, bodyMsOf(lost)), lost });
  const served = new Set(committing.map(({ intent }) => toHex(intent.processId)));
  if (isOwn || edits) served.add(toHex(processId));
  return lead.hints({
    ...turns.after(served, asked.values()),
    parent,
    isOutrun,
    stays: isOwn || lost.length > 0,
    carried: committing,
  });
}

/** What the slowest of their bodies took. */
export function bodyMsOf(waiting: readonly Waiting[]): number {
  return Math.max(0, ...waiting.map(({ proposal }) => proposal.bodyMs));
}
