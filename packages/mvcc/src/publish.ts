/**
 * Sends one record to one slot of the log and finds out what became of it.
 *
 * Invariants:
 * - Only identical bytes are ever sent again to a slot: whichever copy lands, it is the same commit.
 * - `created` is answered only when the store said so; everything else is settled by reading the slot (I4).
 * - Giving up on a slot either fences it (another record took it, so the lost PUT can only fail) or says
 *   that the outcome is not known.
 * - Once a PUT may have been sent, no failure says that nothing happened.
 * - `created` and `fenced` say what the store did with the slot. Whether the slot was a free one, or one that
 *   had been collected, is the caller's to find out: it knows when the tip was confirmed.
 */
import { HoldfastError, recordName } from '@holdfast/core';
import { StoreError } from '@holdfast/object-store';
import { type Context, fromStoreError } from './context.js';
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

const BACKOFF_MS_FIRST = 20;
const BACKOFF_MS_MAX = 2_000;

export interface PublishOptions {
  /** When to stop trying, in milliseconds from the first send. */
  readonly timeoutMs: number;
  /** Makes an empty record for the same slot. */
  readonly makeFence: () => Promise<Uint8Array>;
}

export async function publish(
  context: Context,
  log: Log,
  version: number,
  bytes: Uint8Array,
  options: PublishOptions,
): Promise<PublishOutcome> {
  const { store, clock } = context;
  const name = recordName(version);
  const deadline = clock.monotonic() + options.timeoutMs;
  let maybeSent = false;
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await store.put(name, bytes, { ifAbsent: true });
      return { slot: result.occupied ? 'occupied' : 'created' };
    } catch (error) {
      // A failure that is none of a store's own words tells nothing.
      if (!(error instanceof StoreError)) throw outcomeUnknown(version, error);
      if (error.code !== 'UNKNOWN_OUTCOME' && error.code !== 'UNAVAILABLE')
        throw fromStoreError(error, `writing record ${version}`, maybeSent);
      if (error.code === 'UNKNOWN_OUTCOME') {
        if (!maybeSent) context.emit({ type: 'unknown-outcome', version });
        maybeSent = true;
        if (await isOccupied(log, version)) return { slot: 'occupied' };
      }
      if (clock.monotonic() >= deadline) {
        if (!maybeSent) throw fromStoreError(error, `writing record ${version}`);
        return await giveUp(context, log, version, error, options);
      }
      await clock.sleep(backoffMs(context, attempt, error));
    }
  }
}

/** Undefined: could not be learnt just now, for whatever reason. The next PUT tells too. */
async function isOccupied(log: Log, version: number): Promise<boolean | undefined> {
  try {
    return (await log.readBytes(version)) !== undefined;
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
    const fence = await context.store.put(recordName(version), await options.makeFence(), { ifAbsent: true });
    return fence.occupied ? { slot: 'occupied' } : { slot: 'fenced', cause };
  } catch (error) {
    if (await isOccupied(log, version)) return { slot: 'occupied' };
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

function backoffMs(context: Context, attempt: number, error: StoreError): number {
  const ceiling = Math.min(BACKOFF_MS_FIRST * 2 ** attempt, BACKOFF_MS_MAX);
  return Math.max(error.retryAfterMs ?? 0, (ceiling * (1 + context.random(1)[0]! / 255)) / 2);
}
