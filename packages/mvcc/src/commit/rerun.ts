/**
 * Runs transactions again that lost only to members of their own group, on the group's writes: a hot key then
 * costs one record for many of them, not one record each.
 *
 * Invariants:
 * - They run one after the other, each on exactly the state that lies before it in the record, so there is
 *   nothing to validate (I5).
 * - That state is durable only with the record they are in. If it does not become the next one, what they saw
 *   never was, and they hear of a conflict: the committer sees to that.
 * - A body that waits for more than memory holds up nobody: it is let go, and told of its conflict when it ended.
 */
import type { View } from '../state/view.js';
import { GROUP_BYTES_MAX, GROUP_TRANSACTIONS_MAX } from './commit-queue.js';
import { GroupWrites } from './group-writes.js';
import type { Accepted, Loser, Waiting } from './proposal.js';
import { Bases, resolveWrites, type Verdict } from './validate.js';

/** How long a body may take, in turns of the microtask queue: some dozen reads of what is in memory. */
const TURNS_MAX = 512;

export interface Chained {
  readonly accepted: readonly Accepted[];
  /** Who ran again: laid on the accepted ones, in this order, and lost if the record is. */
  readonly rerun: Accepted[];
  /** In no record as they are. */
  readonly losers: Loser[];
}

/** Runs as many of the outrun again as the record takes beside the accepted ones. */
export async function chain(view: View, { accepted, outrun }: Verdict): Promise<Chained> {
  const chained: Chained = { accepted, rerun: [], losers: [] };
  // A large transaction's writes are not at hand here.
  const blind = accepted.some(({ waiting }) => waiting.proposal.bulk);
  let state = view;
  const laid = [...accepted];
  let shown = 0;
  let bytes = accepted.reduce((sum, { waiting }) => sum + waiting.proposal.bytes, 0);
  for (const loser of outrun) {
    const { rerun } = loser.waiting.proposal;
    if (blind || !rerun || laid.length >= GROUP_TRANSACTIONS_MAX) {
      chained.losers.push(loser);
      continue;
    }
    state = state.withPending(laid.slice(shown).map((one, i) => ({ ...one, order: shown + i })));
    shown = laid.length;
    const running = layAgain(state, loser.waiting, rerun, GROUP_BYTES_MAX - bytes);
    const outcome = await soon(running);
    if (outcome?.value) {
      chained.rerun.push(outcome.value.accepted);
      laid.push(outcome.value.accepted);
      bytes += outcome.value.bytes;
    } else chained.losers.push({ waiting: loser.waiting, ended: running });
  }
  return chained;
}

async function layAgain(
  state: View,
  waiting: Waiting,
  rerun: NonNullable<Waiting['proposal']['rerun']>,
  room: number,
): Promise<{ readonly accepted: Accepted; readonly bytes: number } | undefined> {
  try {
    const again = await rerun(state);
    if (!again) return undefined;
    if (again.bytes > room) return undefined;
    const { meter } = waiting.proposal;
    const resolved = await resolveWrites(new Bases(state), new GroupWrites(), { ...again, meter });
    return { accepted: { waiting, ...resolved }, bytes: again.bytes };
  } catch {
    // Whatever it was, it was concluded from a state that is not durable: the next run, on one that is, will tell.
    return undefined;
  }
}

/** What comes within a bounded number of microtasks; undefined: nothing yet. */
export async function soon<T>(work: Promise<T>): Promise<{ readonly value: T } | undefined> {
  let outcome: { readonly value: T } | undefined;
  work.then((value) => {
    outcome = { value };
  });
  for (let turn = 0; turn < TURNS_MAX && !outcome; turn++) await undefined;
  return outcome;
}
