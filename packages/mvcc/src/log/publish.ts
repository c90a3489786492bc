/**
 * Sends one record to one slot of the log and finds out what became of it.
 *
 * Invariants:
 * - Only identical bytes are ever sent again to a slot: whichever copy lands, it is the same commit.
 * - `created` is answered only when the claim said so; everything else is settled by reading the slot (I4).
 * - Giving up on a slot either fences it (another record took it, so the lost PUT can only fail) or says
 *   that the outcome is not known.
 * - Once a PUT may have been sent, no failure says that nothing happened.
 * - `created` and `fenced` say what the store did with the slot. Whether the slot was a free one, or one that
 *   had been collected, is the caller's to find out: it knows when the tip was confirmed.
 */
import { HoldfastError } from '@holdfast/core';
import { type CallOptions, StoreError } from '@holdfast/object-store';
import { type Context, fromStoreError } from '../context/context.js';
import { backoffMs, type Deadline } from '../context/deadline.js';
import type { Log } from './log.js';

export interface PublishOutcome {
  /**
   * `created`: by this PUT. `occupied`: the slot holds a record, ours or another's: read it. `fenced`: given up
   * on; an empty record was created in the slot.
   */
  readonly slot: 'created' | 'occupied' | 'fenced';
  /** Of `fenced`: what the last PUT failed with. */
  readonly cause?: unknown;
}

interface PublishOptions {
  readonly deadline: Deadline;
  /** Makes an empty record for the same slot. */
  readonly makeFence: () => Promise<Uint8Array>;
  /** Told how long the store took to answer, ms. */
  readonly answered?: ((ms: number) => void) | undefined;
}

export async function publish(
  context: Context,
  log: Log,
  version: number,
  bytes: Uint8Array,
  options: PublishOptions,
): Promise<PublishOutcome> {
  const { slots, random } = context;
  const { deadline } = options;
  let maybeSent = false;
  for (let attempt = 0; ; attempt++) {
    try {
      const askedMs = context.clock.monotonic();
      const slot = await slots.claim(version, bytes, deadline.next);
      options.answered?.(context.clock.monotonic() - askedMs);
      return { slot };
    } catch (error) {
      const unsent = deadline.isReason(error);
      // A failure that is none of a store's own words tells nothing.
      if (!unsent && !(error instanceof StoreError)) throw outcomeUnknown(version, error);
      const code = unsent ? 'UNAVAILABLE' : (error as StoreError).code;
      if (code !== 'UNKNOWN_OUTCOME' && code !== 'UNAVAILABLE')
        throw fromStoreError(error, `writing record ${version}`, maybeSent);
      if (code === 'UNKNOWN_OUTCOME') {
        if (!maybeSent) context.emit({ type: 'unknown-outcome', version });
        maybeSent = true;
        if (await isOccupied(log, version, deadline.next)) return { slot: 'occupied' };
      }
      if (deadline.isOver) {
        if (!maybeSent) throw fromStoreError(error, `writing record ${version}`);
        return await giveUp(context, log, version, error, options);
      }
      await deadline.pause(backoffMs(random, attempt, error));
    }
  }
}

/** Undefined: could not be learnt just now, for whatever reason. The next PUT tells too. */
async function isOccupied(log: Log, version: number, calls: CallOptions): Promise<boolean | undefined> {
  try {
    return (await log.readBytes(version, calls)) !== undefined;
  } catch {
    return undefined;
  }
}

async function giveUp(
  context: Context,
  log: Log,
  version: number,
  cause: unknown,
  options: PublishOptions,
): Promise<PublishOutcome> {
  try {
    const bytes = await options.makeFence();
    const slot = await context.slots.claim(version, bytes, options.deadline.settling);
    return slot === 'occupied' ? { slot } : { slot: 'fenced', cause };
  } catch (error) {
    if (await isOccupied(log, version, options.deadline.settling)) return { slot: 'occupied' };
    throw outcomeUnknown(version, error);
  }
}

/** What a caller hears when neither yes nor no can be said. */
export function outcomeUnknown(version: number, cause: unknown): HoldfastError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new HoldfastError(
    'OUTCOME_UNKNOWN',
    `Record ${version} was sent, and what became of it could not be learnt${why}. The writes may have taken effect: ask outcome(requestId), or read them back before sending them again.`,
    { cause, maybeCommitted: true },
  );
}
