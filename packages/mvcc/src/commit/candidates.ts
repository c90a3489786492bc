/** Who is laid on the state for the next record, and in which order. */
import { toHex } from '@holdfast/core';
import { type Outstanding, voided } from './announcer.js';
import type { Collected } from './collector.js';
import type { Carried } from './plan.js';
import { isLarge, isLoad, type Proposal, type Waiting } from './proposal.js';
import type { Turns } from './turns.js';

export interface Candidates {
  /** In their order. */
  readonly all: readonly Waiting[];
  /** Those of the group that are among them. */
  readonly own: ReadonlySet<Waiting>;
  /** Those of the group that are not: somebody's turn comes first. */
  readonly putOff: readonly Waiting[];
  /** Others' intents that the record decides, and all that it decides. */
  readonly carried: readonly Collected[];
  readonly decides: readonly Carried[];
}

/**
 * Others' transactions that have lost before come first, then this process's own, then the rest.
 * @param o.givesUp what is out is taken back.
 * @param o.isPatient it has not waited for others' turns for as long as one of them may take.
 */
export function candidatesOf(
  members: readonly Waiting[],
  carried: readonly Collected[],
  {
    turns,
    out,
    givesUp,
    isPatient,
  }: {
    readonly turns: Turns;
    readonly out: Outstanding | undefined;
    readonly givesUp: boolean;
    readonly isPatient: boolean;
  },
): Candidates {
  const putOff = members.filter(({ proposal }) => turns.putsOff(proposal));
  const own = members.filter((waiting) => !putOff.includes(waiting));
  const announced =
    out && !givesUp ? out.members.filter(({ proposal }) => !(isPatient && isToLose(proposal, turns))) : [];
  const foreign = carried.flatMap(({ intent, members: theirs }) =>
    theirs.filter(({ proposal }) => !turns.putsOff(proposal, toHex(intent.processId))),
  );
  const elders = new Set(carried.flatMap((intent) => eldersOf(intent, turns)));
  const small = (all: readonly Waiting[]): readonly Waiting[] => all.filter((one) => !isLarge(one));
  const atHand = own.filter((one) => !isLoad(one));
  const all = [
    ...small(foreign).filter((one) => elders.has(one)),
    ...small(announced),
    ...atHand.filter(({ proposal }) => !proposal.rerun),
    ...small(foreign).filter((one) => !elders.has(one)),
    ...atHand.filter(({ proposal }) => proposal.rerun),
    // Nothing may be laid on what is not at hand. Where this process loads, no other's large one is carried.
    ...[...announced.filter(isLarge), ...own.filter(isLoad), ...foreign.filter(isLarge)].slice(0, 1),
  ];
  const decides = [...carried, ...(out ? [givesUp ? voided(out) : out] : [])];
  return { all, own: new Set(own), putOff, carried, decides };
}

/** Whether it is in the way of somebody whose turn it is, and is to hear of that now: to run again when that is over. */
export function isToLose(proposal: Proposal, turns: Turns): boolean {
  return !proposal.isLastTry && turns.putsOff(proposal) && turns.meets(proposal);
}

/** Who has lost before, unless it is in the way of somebody whose turn it is: it is only to hear of that. */
function eldersOf({ intent, members }: Collected, turns: Turns): readonly Waiting[] {
  const processId = toHex(intent.processId);
  return members.filter(({ proposal }) => proposal.losses > 0 && !turns.putsOff(proposal, processId));
}
