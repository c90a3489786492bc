/**
 * Sends one record to one slot of the log and finds out what became of it.
 *
 * Invariants:
 * - Only identical bytes are ever sent again to a slot: whichever copy lands, it is the same commit.
 * - `created` is answered only when the store said so; everything else is settled by reading the slot (I4).
 * - Giving up on a slot either fences it (another record took it, so the lost PUT can only fail) or says
 *   that the outcome is not known.
 */
import { HoldfastError, recordName } from '@holdfast/core';
import { StoreError } from '@holdfast/object-store';
import { type Context, fromStoreError } from './context.js';
import type { Log } from './log.js';

export interface PublishOutcome {
  /** `created`: by this PUT. `occupied`: the slot holds a record, ours or another's: read it. */
  readonly slot: 'created' | 'occupied';
  /** An earlier PUT of the same bytes was sent whose outcome is not known. */
  readonly sentBefore: boolean;
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
      return { slot: result.occupied ? 'occupied' : 'created', sentBefore: maybeSent };
    } catch (error) {
      const code = error instanceof StoreError ? error.code : undefined;
      if (code !== 'UNKNOWN_OUTCOME' && code !== 'UNAVAILABLE')
        throw fromStoreError(error, `writing record ${version}`, maybeSent);
      if (code === 'UNKNOWN_OUTCOME') {
        if (!maybeSent) context.emit({ type: 'unknown-outcome', version });
        maybeSent = true;
        if (await isOccupied(log, version)) return { slot: 'occupied', sentBefore: true };
      }
      if (clock.monotonic() >= deadline)
        return await giveUp(context, log, version, maybeSent, error, options);
      await clock.sleep(backoffMs(context, attempt, error));
    }
  }
}

/** Undefined: could not be learnt just now. */
async function isOccupied(log: Log, version: number): Promise<boolean | undefined> {
  try {
    return (await log.readBytes(version)) !== undefined;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'UNAVAILABLE') return undefined;
    throw error;
  }
}

async function giveUp(
  context: Context,
  log: Log,
  version: number,
  maybeSent: boolean,
  cause: unknown,
  options: PublishOptions,
): Promise<PublishOutcome> {
  if (!maybeSent) throw fromStoreError(cause, `writing record ${version}`);
  try {
    const fence = await context.store.put(recordName(version), await options.makeFence(), { ifAbsent: true });
    if (!fence.occupied)
      throw new HoldfastError(
        'UNAVAILABLE',
        `Record ${version} could not be written within ${options.timeoutMs} ms and was fenced off: the commit did not happen and can't happen any more. Try again.`,
        { cause },
      );
    return { slot: 'occupied', sentBefore: true };
  } catch (error) {
    if (error instanceof StoreError) {
      if (await isOccupied(log, version).catch(() => undefined))
        return { slot: 'occupied', sentBefore: true };
      throw outcomeUnknown(version, error);
    }
    throw error;
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

function backoffMs(context: Context, attempt: number, error: unknown): number {
  const asked = error instanceof StoreError ? error.retryAfterMs : undefined;
  const ceiling = Math.min(BACKOFF_MS_FIRST * 2 ** attempt, BACKOFF_MS_MAX);
  return Math.max(asked ?? 0, (ceiling * (1 + context.random(1)[0]! / 255)) / 2);
}
