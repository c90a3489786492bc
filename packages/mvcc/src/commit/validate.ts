/**
 * Which of the waiting transactions can be laid on a state, in which order.
 *
 * Invariants:
 * - A transaction is accepted only if nothing that it read was written after its read version, in the state or
 *   by a transaction accepted before it (I5).
 * - Mutations are resolved against exactly what lies before them.
 */
import { HoldfastError, toHex, type Write } from '@holdfast/core';
import type { Meter } from '@holdfast/object-store';
import type { Held } from '../state/alive.js';
import { toRangeDelete } from '../state/range-tombstones.js';
import { fromStoredKey, type StoredKey } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { View } from '../state/view.js';
import { oldestBase } from './announced.js';
import { GroupWrites } from './group-writes.js';
import { type Looks, newLooks } from './looks.js';
import { applyMutations, type Change, isBulkWrite, TRANSACTION_INLINE_BYTES_MAX } from './mutation.js';
import type { Accepted, Loser, Proposal, Waiting } from './proposal.js';

type Resolved = Omit<Accepted, 'waiting'>;

export interface Verdict {
  readonly accepted: Accepted[];
  /** Lost to an accepted one: what they read is about to be written, if it was not written before. */
  readonly outrun: Loser[];
  /** Can't be laid on this state: conflicts, aborts, mutations of a wrong type, budgets. */
  readonly refused: { readonly waiting: Waiting; readonly error: unknown }[];
}

/**
 * Asks memory first; what only segments can tell is asked of them for all members and keys at once, and then it is
 * decided in order.
 * @param signal ends the waiting for segments: who needed them is refused with its reason.
 */
export async function validate(
  view: View,
  group: readonly Waiting[],
  signal?: AbortSignal,
): Promise<Verdict> {
  const verdict: Verdict = { accepted: [], outrun: [], refused: [] };
  const looks = newLooks();
  const bases = new Bases(view, looks, signal);
  const proving = prove(view, group, signal, looks, ({ proposal }) => bases.fetch(proposal));
  const refusals = await proving;
  const written = new GroupWrites();
  for (const waiting of group) {
    const { proposal } = waiting;
    try {
      if (refusals.has(waiting)) throw refusals.get(waiting);
      if (proposal.reads.overlaps(written)) {
        verdict.outrun.push({ waiting });
        continue;
      }
      const { rangeDeletes, writes } =
        plainWrites(written, proposal) ?? (await resolveWrites(bases, written, proposal));
      verdict.accepted.push({ waiting, rangeDeletes, writes });
    } catch (error) {
      verdict.refused.push({ waiting, error });
    }
  }
  return withDoomed(verdict, written);
}

/**
 * Told at once, who was refused for what it read would run again on this state, and lose again: to those that are
 * about to be written.
 */
function withDoomed({ accepted, outrun, refused }: Verdict, written: GroupWrites): Verdict {
  const isDoomed = ({ waiting, error }: Verdict['refused'][number]): boolean =>
    error instanceof HoldfastError && error.code === 'CONFLICT' && waiting.proposal.reads.overlaps(written);
  const doomed = refused.filter(isDoomed);
  if (doomed.length === 0) return { accepted, outrun, refused };
  return {
    accepted,
    outrun: [...doomed.map(({ waiting }) => ({ waiting })), ...outrun],
    refused: refused.filter((one) => !doomed.includes(one)),
  };
}

/**
 * Whether what each of them has read is as it was, in the state.
 * @param onHopeful told at once of those against whom memory knows nothing.
 * @returns why not, of those that can't be laid on it.
 */
export async function prove(
  view: View,
  group: readonly Waiting[],
  signal?: AbortSignal,
  looks: Looks = newLooks(),
  onHopeful?: (waiting: Waiting) => void,
): Promise<ReadonlyMap<Waiting, unknown>> {
  const refusals = new Map<Waiting, unknown>();
  const looking: Promise<void>[] = [];
  for (const waiting of group) {
    const error = refusalInMemory(view, waiting);
    if (error !== undefined) refusals.set(waiting, error);
    else if (waiting.proposal.reads.needsSegments(view, since(waiting)))
      looking.push(lookIntoSegments(view, waiting, refusals, looks, signal));
    else waiting.provenThrough = view.version;
  }
  if (onHopeful) for (const waiting of group) if (!refusals.has(waiting)) onHopeful(waiting);
  await Promise.all(looking);
  return refusals;
}

/** Whether it can be laid on the state without waiting for a segment. */
export function isInMemory(view: View, waiting: Waiting): boolean {
  const { reads, changes } = waiting.proposal;
  if (reads.needsSegments(view, since(waiting))) return false;
  for (const [stored, change] of changes)
    if (!('value' in change) && view.isBeyondMemory(stored, fromStoredKey(stored))) return false;
  return true;
}

/** From where on it has to be looked whether its reads still hold: an earlier look has proven the rest. */
function since({ proposal, provenThrough }: Waiting): number {
  return Math.max(proposal.readVersion, provenThrough);
}

/** Why it can't be laid on the state, as far as memory tells; undefined: nothing is known against it. */
function refusalInMemory(view: View, waiting: Waiting): unknown {
  const { signal, bulk, streamRun, reads, readVersion } = waiting.proposal;
  if (signal?.aborted) return signal.reason;
  // Segments uploaded below the floor may be collected at any time: no record may begin to name them.
  if (bulk && oldestBase(bulk) < view.floor) return bulkTooOld(oldestBase(bulk), view.floor);
  if (streamRun && streamRun.baseVersion < view.floor) return uploadTooOld(streamRun.baseVersion, view.floor);
  if (readVersion < (bulk ? view.floor : view.floor - 1))
    return new HoldfastError(
      'TRANSACTION_TOO_OLD',
      `The transaction read version ${readVersion}; the oldest still retained is ${view.floor}. Start it again.`,
    );
  return reads.isOverwrittenInMemory(view, since(waiting)) ? conflict(readVersion) : undefined;
}

function bulkTooOld(baseVersion: number, floor: number): HoldfastError {
  return new HoldfastError(
    'TRANSACTION_TOO_OLD',
    `The upload of this transaction began at version ${baseVersion}; the oldest still retained is ${floor}. Start it again.`,
  );
}

/** The same rule, of a stream's parts: however new the state is that its transaction has read. */
export function uploadTooOld(baseVersion: number, floor: number): HoldfastError {
  return new HoldfastError(
    'TRANSACTION_TOO_OLD',
    `The upload of this stream began at version ${baseVersion}; the oldest still retained is ${floor}, so what was uploaded may be gone. Nothing was changed. Send the stream again, from its beginning.`,
  );
}

async function lookIntoSegments(
  view: View,
  waiting: Waiting,
  refusals: Map<Waiting, unknown>,
  looks: Looks,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { meter, reads, readVersion } = waiting.proposal;
  try {
    const found = await reads.isOverwrittenInSegments(view, since(waiting), { signal, meter }, looks);
    if (found) refusals.set(waiting, conflict(readVersion));
    else waiting.provenThrough = view.version;
  } catch (error) {
    refusals.set(waiting, error);
  }
}

/** What mutations are resolved with: what a key's newest write in a view is. */
export class Bases {
  readonly #view: View;
  readonly #looks: Looks;
  readonly #signal: AbortSignal | undefined;
  /** By account: whose budget does not allow a read fails alone. */
  readonly #fetched = new Map<Meter | undefined, Map<StoredKey, Promise<TailEntry | undefined>>>();

  constructor(view: View, looks: Looks = newLooks(), signal?: AbortSignal) {
    this.#view = view;
    this.#looks = looks;
    this.#signal = signal;
  }

  /** Begins to read what the mutations of a proposal need and memory doesn't have. */
  fetch({ changes, meter }: Pick<Proposal, 'changes' | 'meter'>): void {
    const fetched = this.#fetched.get(meter) ?? new Map<StoredKey, Promise<TailEntry | undefined>>();
    this.#fetched.set(meter, fetched);
    for (const [stored, change] of changes) {
      if ('value' in change || fetched.has(stored)) continue;
      const key = fromStoredKey(stored);
      if (!this.#view.isBeyondMemory(stored, key)) continue;
      const found = this.#looks(() => this.#view.latest(stored, key, { signal: this.#signal, meter }));
      // Whoever needs it meets the error there.
      found.catch(() => {});
      fetched.set(stored, found);
    }
  }

  get(
    stored: StoredKey,
    key: Uint8Array,
    { meter }: Pick<Proposal, 'meter'>,
  ): Promise<TailEntry | undefined> {
    const fetched = this.#fetched.get(meter)?.get(stored);
    return fetched ?? this.#view.latest(stored, key, { signal: this.#signal, meter });
  }
}

/** The same, at once, of a proposal that is what most are: writes of values, and no more. */
function plainWrites(written: GroupWrites, { changes, deleted, bulk }: Proposal): Resolved | undefined {
  if (bulk || deleted.size > 0) return undefined;
  const writes: Write[] = [];
  const resolved: [StoredKey, Held][] = [];
  for (const [stored, change] of changes) {
    if (!('value' in change)) return undefined;
    const { value, expiresMs, stream } = change;
    writes.push({ key: fromStoredKey(stored), value, expiresMs, stream });
    resolved.push([stored, change]);
  }
  written.add(deleted, resolved);
  return { rangeDeletes: [], writes };
}

/**
 * What of a proposal goes into the record, mutations resolved.
 * @param bases of the view that the record follows.
 * @param written what lies between the view and this transaction; what it does itself is added, if all of it can be.
 */
export async function resolveWrites(
  bases: Bases,
  written: GroupWrites,
  proposal: Pick<Proposal, 'changes' | 'deleted' | 'bulk' | 'meter' | 'nowMs'>,
): Promise<Resolved> {
  const { changes, deleted, bulk } = proposal;
  const resolved: [StoredKey, Held][] = [];
  const writes: Write[] = [];
  let inlineBytes = deleted.bytes;
  for (const [stored, change] of changes) {
    const held = 'value' in change ? change : await resolve(bases, written, stored, change, proposal);
    // Only here it is known what mutations come to. Refused alone: a record that is too long would fail all in it.
    if (!('value' in change)) inlineBytes += stored.length + held.value!.length;
    if (inlineBytes > TRANSACTION_INLINE_BYTES_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `What the add, max and min of one transaction come to weighs at most ${TRANSACTION_INLINE_BYTES_MAX} bytes with its deleteRange, because it lies in one record; found more. Split it. Nothing was changed.`,
      );
    if (!bulk || !isBulkWrite(stored, change)) writes.push({ key: fromStoredKey(stored), ...held });
    resolved.push([stored, held]);
  }
  written.add(deleted, resolved);
  return { rangeDeletes: Array.from(deleted.all(), toRangeDelete), writes };
}

export function conflict(readVersion: number): HoldfastError {
  return new HoldfastError(
    'CONFLICT',
    `Another transaction wrote what this one had read at version ${readVersion}. Nothing was changed; run it again.`,
  );
}

export function isConflict(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'CONFLICT';
}

async function resolve(
  bases: Bases,
  written: GroupWrites,
  stored: StoredKey,
  change: Extract<Change, { mutations: unknown }>,
  proposal: Pick<Proposal, 'meter' | 'nowMs'>,
): Promise<Held> {
  const key = fromStoredKey(stored);
  const base = written.get(stored) ?? (await bases.get(stored, key, proposal));
  const name = (): string => `the key with bytes ${toHex(key.subarray(1))}`;
  return applyMutations(base, change.mutations, proposal.nowMs, name);
}
