/**
 * Which of the waiting transactions can be laid on a state, in which order.
 *
 * Invariants:
 * - A transaction is accepted only if nothing that it read was written after its read version, in the state or
 *   by a transaction accepted before it (I5).
 * - Mutations are resolved against exactly what lies before them.
 */
import { HoldfastError, toHex, type Write } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { applyMutations, type Change, isBulkWrite } from './mutation.js';
import type { Accepted, Proposal, Waiting } from './proposal.js';
import { fromStoredKey, type StoredKey } from './space.js';
import type { View } from './view.js';

export interface Verdict {
  readonly accepted: Accepted[];
  /** Lost to an accepted one of the same group: to be told when that one is durable. */
  readonly outrun: { readonly waiting: Waiting; readonly error: HoldfastError }[];
  /** Can't be laid on this state: conflicts, aborts, mutations of a wrong type, budgets. */
  readonly refused: { readonly waiting: Waiting; readonly error: unknown }[];
}

export async function validate(view: View, group: readonly Waiting[]): Promise<Verdict> {
  const verdict: Verdict = { accepted: [], outrun: [], refused: [] };
  const written = new Set<StoredKey>();
  const pending = new Map<StoredKey, Uint8Array | undefined>();
  for (const waiting of group) {
    const { proposal } = waiting;
    const { signal, meter, reads, readVersion } = proposal;
    try {
      signal?.throwIfAborted();
      // Segments uploaded below the floor may be collected at any time: no record may begin to name them.
      if (readVersion < (proposal.bulk ? view.floor : view.floor - 1))
        throw new HoldfastError(
          'TRANSACTION_TOO_OLD',
          `The transaction read version ${readVersion}; the oldest still retained is ${view.floor}. Start it again.`,
        );
      if (await reads.isOverwrittenIn(view, readVersion, { signal, meter })) throw conflict(readVersion);
      if (reads.overlaps(written)) {
        verdict.outrun.push({ waiting, error: conflict(readVersion) });
        continue;
      }
      const writes = await resolveWrites(view, pending, proposal);
      for (const stored of proposal.changes.keys()) written.add(stored);
      verdict.accepted.push({ waiting, writes });
    } catch (error) {
      verdict.refused.push({ waiting, error });
    }
  }
  return verdict;
}

/**
 * The writes that go into the record, mutations resolved.
 * @param pending what lies between the view and this transaction; its own values are added.
 */
export async function resolveWrites(
  view: View,
  pending: Map<StoredKey, Uint8Array | undefined>,
  proposal: Pick<Proposal, 'changes' | 'bulk' | 'signal' | 'meter'>,
): Promise<Write[]> {
  const writes: Write[] = [];
  for (const [stored, change] of proposal.changes) {
    const value = 'value' in change ? change.value : await resolve(view, pending, stored, change, proposal);
    if (!proposal.bulk || !isBulkWrite(stored, change)) writes.push({ key: fromStoredKey(stored), value });
    pending.set(stored, value);
  }
  return writes;
}

export function conflict(readVersion: number): HoldfastError {
  return new HoldfastError(
    'CONFLICT',
    `Another transaction wrote what this one had read at version ${readVersion}. Nothing was changed; run it again.`,
  );
}

async function resolve(
  view: View,
  pending: ReadonlyMap<StoredKey, Uint8Array | undefined>,
  stored: StoredKey,
  change: Extract<Change, { mutations: unknown }>,
  { signal, meter }: CallOptions,
): Promise<Uint8Array> {
  const key = fromStoredKey(stored);
  const base = pending.has(stored)
    ? pending.get(stored)
    : (await view.get(stored, key, { signal, meter }))?.value;
  return applyMutations(base, change.mutations, () => `the key with bytes ${toHex(key.subarray(1))}`);
}
