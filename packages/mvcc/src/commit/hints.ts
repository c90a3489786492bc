/** What a record tells those who come next, by what it decides: whose turn it is, and who makes the record after it. */
import { toHex } from '@holdfast/core';
import type { Contention } from '../state/view.js';
import type { Outstanding } from './announcer.js';
import type { Candidates } from './candidates.js';
import type { Lead } from './lead.js';
import type { Plan } from './plan.js';
import type { Waiting } from './proposal.js';
import { type AskedTurn, type Turns, turnMs } from './turns.js';

interface Sides {
  readonly lead: Lead;
  readonly turns: Turns;
  /** What this process has out. */
  readonly out: Outstanding | undefined;
}

export function hintsOf(next: Plan, { carried, own, putOff }: Candidates, sides: Sides): Contention {
  const { lead, turns, out } = sides;
  const members = new Set(next.members.map(({ waiting }) => waiting));
  const isIn = (one: Waiting): boolean => members.has(one);
  const isLost = (one: Waiting): boolean => !members.has(one);
  const committing = carried.filter((intent) => intent.members.some(isIn));
  const isOwn = [...own, ...(out?.members ?? [])].some(isIn);
  const asked = new Map<string, AskedTurn>();
  for (const { intent, members: theirs } of carried) {
    const lost = theirs.filter(isLost);
    // One without transactions asks for a turn, and nothing else.
    if (lost.length > 0 || theirs.length === 0)
      asked.set(toHex(intent.processId), { ...intent, waitMs: intent.turnMs, lost });
  }
  const lost = [...putOff, ...(out?.members ?? []).filter(isLost)];
  const { processId } = lead;
  if (lost.length > 0)
    asked.set(toHex(processId), { processId, waitMs: turnMs(lead.roundTripMs, bodyMsOf(lost)), lost });
  const served = new Set(committing.map(({ intent }) => toHex(intent.processId)));
  if (isOwn) served.add(toHex(processId));
  return lead.hints({
    ...turns.after(served, asked.values()),
    parent: next.parent.version,
    isOwn,
    carried: committing,
  });
}

/** What the slowest of their bodies took. */
export function bodyMsOf(waiting: readonly Waiting[]): number {
  return Math.max(0, ...waiting.map(({ proposal }) => proposal.bodyMs));
}
