/** Runs the body of a transaction until it commits. */
import { encodeValue, HoldfastError } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Budget, BudgetMeter } from './budget.js';
import type { Committer } from './committer.js';
import type { Context } from './context.js';
import { isBulkWrite } from './mutation.js';
import { ReadSet } from './read-set.js';
import { requestEntry } from './request-entry.js';
import { type RequestEntry, type RequestId, replay, requestDigest } from './requests.js';
import { uploadRun } from './segment-upload.js';
import { fromStoredKey } from './space.js';
import type { Tip } from './tip.js';
import { TransactionAttempt } from './transaction.js';
import { refuseUnbacked, type UnbackedOptions } from './unbacked.js';
import type { Stamp } from './versionstamp.js';

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
  /** What the request is: another input under the same id is refused. `input` is hashed, `digest` taken as it is. */
  readonly input?: unknown;
  readonly digest?: string | Uint8Array | undefined;
  /** Fails with BUDGET_EXCEEDED before it overspends. */
  readonly budget?: Budget | undefined;
}

/** What a transaction came to. */
export interface Committed<T> {
  readonly result: T;
  /** Where its writes stand, a repeated request's first ones too. Undefined: it wrote nothing. */
  readonly stamp: Stamp | undefined;
}

interface Parts {
  readonly context: Context;
  readonly tip: Tip;
  readonly committer: Committer;
  readonly checkWritable: () => void;
}

const RETRIES_MAX = 1000;
/** Writes of this size go to segments at once. */
const BULK_BYTES = 512 * 1024;
const BACKOFF_MS_MAX = 100;

export async function runTransaction<T>(
  parts: Parts,
  body: (tx: TransactionAttempt) => Promise<T> | T,
  options: TransactOptions = {},
): Promise<Committed<T>> {
  const { context } = parts;
  checkCall(body, options);
  const { signal, requestId, maxRetries = RETRIES_MAX } = options;
  const meter = options.budget ? new BudgetMeter(options.budget, options.meter) : options.meter;
  const calls = { ...options, meter };
  const request =
    requestId === undefined
      ? undefined
      : {
          entry: requestEntry(requestId),
          digest: requestDigest(context.sealing.provider.sha256, options),
        };
  if (request) parts.checkWritable();
  for (let attempt = 0; ; attempt++) {
    context.lifetime.checkBegun();
    signal?.throwIfAborted();
    try {
      return await runOnce(parts, body, calls, request);
    } catch (error) {
      const again =
        error instanceof HoldfastError && (error.code === 'CONFLICT' || error.code === 'TRANSACTION_TOO_OLD');
      if (!again || attempt >= maxRetries) throw error;
      // The first repetition is at once: the newer state is at hand. Then jitter keeps rivals apart.
      if (attempt > 0) {
        const ceiling = Math.min(2 ** Math.min(attempt, 10), BACKOFF_MS_MAX);
        await context.clock.sleep((ceiling * context.random(1)[0]!) / 255, signal);
      }
      meter?.retry('write');
    }
  }
}

interface Request {
  readonly entry: RequestEntry;
  readonly digest: Uint8Array;
}

async function runOnce<T>(
  parts: Parts,
  body: (tx: TransactionAttempt) => Promise<T> | T,
  options: TransactOptions,
  request: Request | undefined,
): Promise<Committed<T>> {
  const { tip, committer, context } = parts;
  const { signal, meter, isolation = 'serializable' } = options;
  const view = tip.view;
  const tx = new TransactionAttempt(view, { signal, meter });
  let ended: Ended<T>;
  try {
    ended = await runBody(tx, body, request);
  } catch (error) {
    tx.finish();
    // What was concluded from a state that has since changed is no conclusion.
    if (!(error instanceof HoldfastError)) await confirmReads(parts, tx, options);
    // Whether a session has room is read beside the body, whatever the body's isolation.
    else if (error.code === 'LIMIT_EXCEEDED')
      await confirmReads(parts, tx, { ...options, isolation: undefined });
    throw error;
  }
  if (ended.replayed) return { result: ended.result, stamp: ended.replayed };
  if (tx.changes.size === 0) {
    await confirmReads(parts, tx, options);
    return { result: ended.result, stamp: undefined };
  }
  parts.checkWritable();
  const isBulk = tx.bytes - tx.inlineBytes > BULK_BYTES;
  const plain = isBulk ? bulkEntries(tx) : [];
  const bulk = isBulk ? await uploadRun(context, view.version, plain, { signal, meter }) : undefined;
  // Its record may carry others' writes too: each pays for one request and for its own bytes, so that an
  // account does not depend on its neighbours.
  const bytes = isBulk ? tx.inlineBytes : tx.bytes;
  meter?.request('write', bytes);
  let { result } = ended;
  const stamp = await committer.commit({
    readVersion: view.version,
    reads: isolation === 'snapshot' ? writtenKeys(tx) : tx.reads,
    changes: new Map(tx.changes.entries()),
    bulk: bulk && bulk.length > 0 ? bulk : undefined,
    bytes,
    signal,
    meter,
    rerun: async (on) => {
      const again = new TransactionAttempt(on, { signal, meter });
      const { replayed, result: value } = await runBody(again, body, request);
      if (replayed || again.changes.size === 0 || again.bytes - again.inlineBytes > BULK_BYTES)
        return undefined;
      result = value;
      return { changes: new Map(again.changes.entries()), bytes: again.bytes };
    },
  });
  return { result, stamp };
}

interface Ended<T> {
  readonly result: T;
  /** It was a repeated request, committed here: the body did not run. */
  readonly replayed: Stamp | undefined;
}

async function runBody<T>(
  tx: TransactionAttempt,
  body: (tx: TransactionAttempt) => Promise<T> | T,
  request: Request | undefined,
): Promise<Ended<T>> {
  if (request === undefined) {
    const result = await body(tx);
    tx.finish();
    return { result, replayed: undefined };
  }
  const { entry, digest } = request;
  const found = await tx.readStored(entry.at);
  const known = replay(entry, digest, found);
  if (known) return { result: known.result as T, replayed: known.stamp };
  const result = await body(tx);
  tx.setStored(entry.at.stored, entry.committed(found, digest, checkResult(result)));
  tx.finish();
  return { result, replayed: undefined };
}

/** Reads alone are as good as a commit: they hold at the tip as it is after the body, or the body runs again. */
async function confirmReads(
  parts: Parts,
  tx: TransactionAttempt,
  { isolation, signal, meter }: TransactOptions,
): Promise<void> {
  if (isolation === 'snapshot' || tx.reads.isEmpty) return;
  const now = await parts.tip.refresh(signal);
  signal?.throwIfAborted();
  if (await tx.reads.isOverwrittenIn(now, tx.readVersion, { signal, meter }))
    throw new HoldfastError(
      'CONFLICT',
      `What this transaction read at version ${tx.readVersion} has changed. Run it again.`,
    );
}

/** Under snapshot isolation two transactions conflict when they write the same key (Berenson et al. 1995, P4). */
function writtenKeys(tx: TransactionAttempt): ReadSet {
  const keys = new ReadSet();
  for (const stored of tx.changes.keys()) keys.addPoint(stored);
  return keys;
}

/** What goes into segments, in key order. */
function* bulkEntries(
  tx: TransactionAttempt,
): Generator<{ key: Uint8Array; value: Uint8Array | undefined; version: 0; order: 0 }> {
  for (const [stored, change] of tx.changes.entries())
    if (isBulkWrite(stored, change))
      yield { key: fromStoredKey(stored), value: change.value, version: 0, order: 0 };
}

function checkCall(body: unknown, options: TransactOptions): void {
  const { isolation, maxRetries, digest } = options;
  if (typeof body !== 'function')
    throw new TypeError(
      `transact: expected a function that takes a transaction, found ${body === null ? 'null' : typeof body}.`,
    );
  if (isolation !== undefined && isolation !== 'serializable' && isolation !== 'snapshot')
    throw new TypeError(
      `isolation: expected 'serializable' or 'snapshot', found ${JSON.stringify(isolation)}.`,
    );
  if (maxRetries !== undefined && !(typeof maxRetries === 'number' && maxRetries >= 0))
    throw new RangeError(`maxRetries: expected a number from 0, found ${String(maxRetries)}.`);
  if (digest !== undefined && typeof digest !== 'string' && !(digest instanceof Uint8Array))
    throw new TypeError(`digest: expected a string or a Uint8Array, found ${typeof digest}.`);
  refuseUnbacked('transact', options);
}

/** A request's result is stored with it, so it must be something that can be stored. */
function checkResult(result: unknown): unknown {
  try {
    encodeValue({ result });
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new TypeError(
      `The body's result must be a value that can be stored, because a repeated request returns it: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return result;
}
