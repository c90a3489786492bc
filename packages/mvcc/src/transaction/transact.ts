/**
 * Runs the body of a transaction until it commits.
 *
 * Invariants:
 * - Only what this transaction itself has lost runs its body again: told by where it was lost, not by a code, which
 *   another database (or a nested transaction that has given up) may throw through the body.
 * - What a body concluded from a state that has since changed is no conclusion: not a result, not an error.
 */
import { encodeValue, HoldfastError, isUint8Array, type SegmentDescriptor } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Committer } from '../commit/committer.js';
import type { Contender, Touched } from '../commit/contender.js';
import { isBulkWrite } from '../commit/mutation.js';
import type { Proposal, StreamRun } from '../commit/proposal.js';
import { ReadSet } from '../commit/read-set.js';
import { soon } from '../commit/rerun.js';
import { uploadRun } from '../commit/segment-upload.js';
import { type Budget, BudgetMeter } from '../context/budget.js';
import { CALL_OPTIONS, kindOf, takeOptions } from '../context/call-options.js';
import type { Context } from '../context/context.js';
import { isExpired } from '../context/expiry.js';
import { refuseUnbacked, type UnbackedOptions } from '../context/unbacked.js';
import type { Tip } from '../log/tip.js';
import { requestEntry } from '../requests/request-entry.js';
import { type RequestEntry, type RequestId, replay, requestDigest } from '../requests/requests.js';
import type { Held } from '../state/alive.js';
import { RangeTombstones } from '../state/range-tombstones.js';
import { fromStoredKey } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import type { OneWrite } from './one-write.js';
import { TransactionAttempt, weigh } from './transaction.js';

export interface TransactOptions extends CallOptions, UnbackedOptions {
  /** `snapshot`: only writes of the same key conflict. Default `serializable`. */
  readonly isolation?: 'serializable' | 'snapshot' | undefined;
  /**
   * How often the body is run again after a conflict before CONFLICT is thrown. Default 1000. Runs within one group
   * commit, on the writes of its other members, are not counted.
   */
  readonly maxRetries?: number | undefined;
  /** Makes a repeated call act once: the second one gets the first one's result. */
  readonly requestId?: RequestId | undefined;
  /**
   * What the request is: under the same id another `input`, or another `digest`, is refused; both count where both
   * are given. Without either the id alone says what the request is: a repeated call gets the first one's result,
   * whatever its body would do.
   */
  readonly input?: unknown;
  readonly digest?: string | Uint8Array | undefined;
  /** Fails with BUDGET_EXCEEDED before it overspends. */
  readonly budget?: Budget | undefined;
}

export const TRANSACT_OPTIONS = [
  'isolation',
  'maxRetries',
  'requestId',
  'input',
  'digest',
  'budget',
  'freshness',
  'signal',
  'meter',
] as const;

/** What a transaction came to. */
export interface Committed<T> {
  readonly result: T;
  /** Where its writes stand, a repeated request's first ones too. Undefined: it wrote nothing. */
  readonly stamp: Stamp | undefined;
}

export interface TransactParts {
  readonly context: Context;
  readonly tip: Tip;
  readonly committer: Committer;
  readonly checkWritable: () => void;
  /** The time of a run of the body that begins, milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** A call of `transact`, as it was made: nothing of it is the caller's any more. */
export interface TransactCall extends CallOptions {
  readonly isolation: 'serializable' | 'snapshot';
  readonly maxRetries: number;
  readonly request: Request | undefined;
  /** What the body's one write needs beside it: the parts of its stream. */
  readonly streamRun?: StreamRun | undefined;
  /** Or those of a load, which the body says nothing of. */
  readonly load?: readonly SegmentDescriptor[] | undefined;
}

interface Request {
  readonly entry: RequestEntry;
  readonly digest: Uint8Array;
}

type Body<T> = (tx: TransactionAttempt) => Promise<T> | T;

const RETRIES_MAX = 1000;
/** Writes of this size go to segments at once. */
const BULK_BYTES = 512 * 1024;

/**
 * Checks a call, and takes what it says.
 * @param write what the call itself is, where it is one write: part of what its request id stands for.
 * @throws TypeError, RangeError.
 */
export function takeCall(
  context: Context,
  call: string,
  options: TransactOptions | undefined,
  write?: Pick<OneWrite, 'input' | 'takes'>,
): TransactCall {
  const known = write ? ['requestId', ...(write.takes ?? []), ...CALL_OPTIONS] : TRANSACT_OPTIONS;
  const taken = takeOptions(call, options, known as readonly (keyof TransactOptions)[]);
  const { isolation = 'serializable', maxRetries = RETRIES_MAX, requestId, input, digest, budget } = taken;
  if (isolation !== 'serializable' && isolation !== 'snapshot')
    throw new TypeError(
      `isolation: expected 'serializable' or 'snapshot', found ${JSON.stringify(isolation)}.`,
    );
  if (!(typeof maxRetries === 'number' && maxRetries >= 0))
    throw new RangeError(`maxRetries: expected a number from 0, found ${String(maxRetries)}.`);
  if (digest !== undefined && typeof digest !== 'string' && !isUint8Array(digest))
    throw new TypeError(`digest: expected a string or a Uint8Array, found ${kindOf(digest)}.`);
  refuseUnbacked(call, taken);
  const { sha256 } = context.sealing.provider;
  return {
    signal: taken.signal,
    meter: budget === undefined ? taken.meter : new BudgetMeter(budget, taken.meter),
    isolation,
    maxRetries,
    request:
      requestId === undefined
        ? undefined
        : {
            entry: requestEntry(requestId),
            digest: requestDigest(sha256, { input, digest, write: write?.input() }),
          },
  };
}

/** Runs a transaction of one write. */
export async function runOneWrite(
  parts: TransactParts,
  { apply, change }: OneWrite,
  call: TransactCall,
): Promise<Committed<unknown>> {
  if (!change || call.request) return runTransaction(parts, apply, call);
  const { context, tip, committer } = parts;
  const { signal, meter } = call;
  signal?.throwIfAborted();
  context.lifetime.checkBegun();
  const nowMs = parts.nowMs();
  const [stored, what] = change(nowMs);
  const bytes = weigh(stored, what);
  if (bytes > BULK_BYTES) return runTransaction(parts, apply, call);
  meter?.request('write', bytes);
  // What reads nothing loses to nobody: there is no body to run again, and no turn to wait for.
  const proposal: Proposal = {
    readVersion: tip.view.version,
    reads: ReadSet.none,
    changes: new Map([[stored, what]]),
    deleted: RangeTombstones.none,
    nowMs,
    bytes,
    losses: 0,
    bodyMs: 0,
    signal,
    meter,
    rerun: noRerun,
  };
  try {
    return { result: undefined, stamp: await committer.commit(proposal) };
  } catch (error) {
    // But it may be too old by now, or have been announced to somebody who could not read it.
    if (!(error instanceof HoldfastError && RUN_AGAIN.has(error.code))) throw error;
    return runTransaction(parts, apply, call);
  }
}

const noRerun = async (): Promise<undefined> => undefined;

export async function runTransaction<T>(
  parts: TransactParts,
  body: Body<T>,
  call: TransactCall,
): Promise<Committed<T>> {
  const { context } = parts;
  const { signal, meter, maxRetries, request } = call;
  if (typeof body !== 'function')
    throw new TypeError(`transact: expected a function that takes a transaction, found ${kindOf(body)}.`);
  if (request) parts.checkWritable();
  const { elders } = parts.committer;
  const contender = elders.begin(signal);
  try {
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) await elders.turn(contender);
      signal?.throwIfAborted();
      context.lifetime.checkBegun();
      const run = await runOnce(parts, body, call, contender, attempt);
      if ('committed' in run) return run.committed;
      if (attempt >= maxRetries) throw run.lost;
      // No pause: who has lost has waited for a record, or others have; and turns keep rivals apart.
      elders.lose(contender, run.touched);
      meter?.retry('write');
    }
  } finally {
    elders.leave(contender);
  }
}

/** Losing is a value: whatever is thrown comes from the body, or ends the transaction. */
type Run<T> =
  | { readonly committed: Committed<T> }
  | { readonly lost: HoldfastError; readonly touched: Touched };

async function runOnce<T>(
  parts: TransactParts,
  body: Body<T>,
  call: TransactCall,
  contender: Contender,
  losses: number,
): Promise<Run<T>> {
  const { tip, committer, context } = parts;
  const { signal, meter, isolation, streamRun, load } = call;
  const view = tip.view;
  const startedMs = context.clock.monotonic();
  const tx = attemptOn(parts, view, call);
  committer.elders.run(contender);
  const running = runBody(tx, body, call.request);
  const endedSoon = await soon(running);
  contender.isSlow = endedSoon === undefined;
  const ended = endedSoon?.value ?? (await running);
  if ('error' in ended) {
    const { error, whose } = ended;
    // What it read from is gone: it runs again on what is there.
    const lost =
      isExpired(error) && tx.hasRaised(error)
        ? error
        : whose === 'final'
          ? undefined
          : // Whether a session has room is read beside the body, whatever the body's isolation.
            await staleReads(parts, tx, whose === 'session' ? { ...call, isolation: 'serializable' } : call);
    if (lost) return { lost, touched: touchedBy(tx, tx.reads) };
    throw error;
  }
  if (ended.replayed) return { committed: { result: ended.result, stamp: ended.replayed } };
  if (tx.writesNothing && !load) {
    const lost = await staleReads(parts, tx, call);
    return lost
      ? { lost, touched: touchedBy(tx, tx.reads) }
      : { committed: { result: ended.result, stamp: undefined } };
  }
  parts.checkWritable();
  // A session's entry may be large. A record has one run for each transaction.
  const isBulk = !streamRun && !load && tx.bytes - tx.inlineBytes > BULK_BYTES;
  const plain = isBulk ? bulkEntries(tx) : [];
  const bulk = isBulk ? await uploadRun(context, view.version, plain, { signal, meter }) : load;
  // Its record may carry others' writes too: each pays for one request and for its own bytes, so that an
  // account does not depend on its neighbours.
  const bytes = isBulk ? tx.inlineBytes : tx.bytes;
  meter?.request('write', bytes);
  let { result } = ended;
  const proposal: Proposal = {
    readVersion: view.version,
    reads: isolation === 'snapshot' ? writtenKeys(tx) : tx.reads,
    changes: tx.changes.inOrder(),
    deleted: tx.deleted,
    nowMs: tx.nowMs,
    bulk: bulk && bulk.length > 0 ? bulk : undefined,
    isLoad: load !== undefined,
    streamRun,
    bytes,
    losses,
    isLastTry: losses >= call.maxRetries,
    bodyMs: context.clock.monotonic() - startedMs,
    signal,
    meter,
    contender,
    // A slow body would end too late there.
    rerun:
      contender.isSlow || load
        ? undefined
        : async (on) => {
            const again = attemptOn(parts, on, call);
            const { replayed, result: value } = resultOf(await runBody(again, body, call.request));
            if (replayed || again.writesNothing || again.bytes - again.inlineBytes > BULK_BYTES)
              return undefined;
            result = value;
            return {
              changes: again.changes.inOrder(),
              deleted: again.deleted,
              bytes: again.bytes,
              nowMs: again.nowMs,
            };
          },
  };
  try {
    const stamp = await committer.commit(proposal);
    return { committed: { result, stamp } };
  } catch (error) {
    if (error instanceof HoldfastError && RUN_AGAIN.has(error.code) && !isUploadTooOld(error, call))
      return { lost: error, touched: proposal };
    throw error;
  }
}

/** What the committer says of a transaction that is to be run again. */
const RUN_AGAIN: ReadonlySet<string> = new Set(['CONFLICT', 'TRANSACTION_TOO_OLD', 'SNAPSHOT_EXPIRED']);

/** What was uploaded for it stays as old as it is, however often it runs. */
function isUploadTooOld({ code }: HoldfastError, { streamRun, load }: TransactCall): boolean {
  return (streamRun !== undefined || load !== undefined) && code === 'TRANSACTION_TOO_OLD';
}

function attemptOn(
  { context, nowMs }: TransactParts,
  view: View,
  { signal, meter }: TransactCall,
): TransactionAttempt {
  return new TransactionAttempt({
    view,
    nowMs,
    calls: { signal, meter },
    checkOpen: () => context.lifetime.checkBegun(),
  });
}

/** How a run of the body ended. */
type Ended<T> =
  | {
      readonly result: T;
      /** It was a repeated request, committed here: the body did not run. */
      readonly replayed: Stamp | undefined;
    }
  | {
      readonly error: unknown;
      /**
       * `body`: it was concluded from what was read; `session`: from how full the request's session is; `final`:
       * it stays as it is, or nothing was concluded (a read failed).
       */
      readonly whose: 'body' | 'session' | 'final';
    };

function resultOf<T>(ended: Ended<T>): { result: T; replayed: Stamp | undefined } {
  if ('error' in ended) throw ended.error;
  return ended;
}

async function runBody<T>(
  tx: TransactionAttempt,
  body: Body<T>,
  request: Request | undefined,
): Promise<Ended<T>> {
  let found: TailEntry | undefined;
  if (request) {
    try {
      found = await tx.readStored(request.entry.at);
      const known = replay(request.entry, request.digest, found);
      if (known) return { result: known.result as T, replayed: known.stamp };
    } catch (error) {
      return { error, whose: 'final' };
    }
  }
  let result: T;
  tx.begin();
  try {
    result = await body(tx);
    await tx.complete();
    if (request) checkResult(result);
  } catch (error) {
    const own = error instanceof HoldfastError && tx.hasRaised(error);
    // What is too large was read, or made of what was read.
    return { error, whose: own && error.code !== 'LIMIT_EXCEEDED' ? 'final' : 'body' };
  } finally {
    tx.finish();
  }
  if (request) {
    try {
      tx.setStored(request.entry.at.stored, request.entry.committed(found, request.digest, result));
    } catch (error) {
      return { error, whose: 'session' };
    }
  }
  return { result, replayed: undefined };
}

/**
 * Reads alone are as good as a commit: they hold at the tip as it is after the body, or the body runs again.
 * @returns the conflict, if they don't hold.
 */
async function staleReads(
  parts: TransactParts,
  tx: TransactionAttempt,
  { isolation, signal, meter }: TransactCall,
): Promise<HoldfastError | undefined> {
  if (isolation === 'snapshot' || tx.reads.isEmpty) return undefined;
  const now = await parts.tip.refresh(signal);
  signal?.throwIfAborted();
  if (!(await tx.reads.isOverwrittenIn(now, tx.readVersion, { signal, meter }))) return undefined;
  return new HoldfastError(
    'CONFLICT',
    `What this transaction read at version ${tx.readVersion} has changed. Run it again.`,
  );
}

/** @param reads all that it can lose by. */
function touchedBy({ changes, deleted }: TransactionAttempt, reads: ReadSet): Touched {
  return { reads, changes: changes.inOrder(), deleted };
}

/** Under snapshot isolation two transactions conflict when they write the same key (Berenson et al. 1995, P4). */
function writtenKeys({ changes, deleted }: TransactionAttempt): ReadSet {
  const keys = new ReadSet();
  for (const stored of changes.keys()) keys.addPoint(stored);
  for (const { begin, end } of deleted.all())
    keys.addRange({ begin: fromStoredKey(begin), end: fromStoredKey(end) });
  return keys;
}

/** What goes into segments, in key order. */
function* bulkEntries(tx: TransactionAttempt): Generator<Held & { key: Uint8Array; version: 0; order: 0 }> {
  for (const [stored, change] of tx.changes.inOrder())
    if (isBulkWrite(stored, change)) yield { key: fromStoredKey(stored), ...change, version: 0, order: 0 };
}

/** A request's result is stored with it, so it must be something that can be stored. */
function checkResult(result: unknown): void {
  try {
    encodeValue({ result });
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new TypeError(
      `The body's result must be a value that can be stored, because a repeated request returns it: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
