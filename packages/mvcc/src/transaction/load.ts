/**
 * `load`: the rows are uploaded as one sorted run, and then one transaction of blind writes names it.
 *
 * Invariants:
 * - The source is read once, so only the transaction can run again, on the same run: it reads nothing but its request's
 *   entry.
 * - A request that was committed before is answered before the source is read.
 * - A row that can't be stored ends the load, unless its caller wants to hear of it and go on: nothing is left out
 *   silently.
 */
import { HoldfastError, type Key } from '@holdfast/core';
import type { LoadChunk } from '../commit/load-chunk.js';
import { LOAD_SIZES, type LoadProgress, type LoadSizes, uploadLoad } from '../commit/load-upload.js';
import { checkKnown, kindOf } from '../context/call-options.js';
import { type RowSource, Rows } from '../context/row-source.js';
import { replay } from '../requests/requests.js';
import { EXPIRY_OPTIONS, type ExpiryOptions, expiresMs, takeExpiry } from './expiry.js';
import type { OneWrite, WriteOptions } from './one-write.js';
import { type Committed, runTransaction, type TransactCall, type TransactParts } from './transact.js';

/** A key, its value, and perhaps when it begins to read as absent: `expireInMs` counts from the call of `load`. */
export type LoadEntry = readonly [key: Key, value: unknown, options?: ExpiryOptions | undefined];

export type LoadEntries = RowSource<LoadEntry>;

export interface LoadOptions extends WriteOptions {
  /** Told now and then, and at the end. What it throws ends the load. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Told of an entry that can't be stored (a key or value that is none, or too large), which is then left out. `row`
   * counts from 1. Without it such an entry ends the load, and nothing is changed.
   */
  readonly onRefused?: ((row: number, error: Error) => void) | undefined;
}

/** What a load came to. */
export interface LoadResult {
  /** Entries that were taken; where a key came several times, each counts. */
  readonly entries: number;
  /** Those that `onRefused` was told of. */
  readonly refused: number;
  readonly version: number;
}

/** What is kept with its request. */
type Taken = Pick<LoadResult, 'entries' | 'refused'>;

interface Load extends Pick<OneWrite, 'input' | 'takes'> {
  readonly rows: Rows;
  readonly onProgress: (progress: LoadProgress) => void;
  readonly onRefused: ((row: number, error: Error) => void) | undefined;
  readonly sizes: LoadSizes;
}

/** @throws TypeError. Nothing is read of the source. */
export function loading(
  entries: LoadEntries,
  options: LoadOptions | undefined,
  sizes: LoadSizes = LOAD_SIZES,
): Load {
  const { onProgress = () => {}, onRefused } = options ?? {};
  for (const [name, listener] of Object.entries({ onProgress, onRefused }))
    if (listener !== undefined && typeof listener !== 'function')
      throw new TypeError(`load: ${name}: expected a function, found ${kindOf(listener)}.`);
  return {
    rows: new Rows('load', entries, 'an (async) iterable of [key, value]'),
    onProgress: notLate('onProgress', onProgress),
    onRefused: onRefused && notLate('onRefused', onRefused),
    sizes,
    // Without the rows: they are not known before they are read, and a repeated call is not to read them.
    input: () => ['load'],
    takes: ['onProgress', 'onRefused'],
  };
}

/** A listener that has nothing to wait for: what one rejects with later would be nobody's. */
function notLate<A extends unknown[]>(name: string, listener: (...args: A) => unknown): (...args: A) => void {
  return (...args) => {
    const result = listener(...args);
    if (!(result instanceof Object && 'then' in result)) return;
    Promise.resolve(result).catch(() => {});
    throw new ListenerError(
      `load: ${name}: expected a function that returns nothing, found one that returns a promise. Nothing was changed.`,
    );
  };
}

class ListenerError extends TypeError {}

export async function load(
  parts: TransactParts,
  { rows, onProgress, onRefused, sizes }: Load,
  call: TransactCall,
): Promise<Committed<Taken>> {
  const { context, tip } = parts;
  const { signal, meter, request } = call;
  signal?.throwIfAborted();
  // What is uploaded is as safe as this version is new.
  const view = await tip.refresh(signal);
  if (request) {
    const { stored, bytes } = request.entry.at;
    const found = await view.get(stored, bytes, { signal, meter });
    const known = replay(request.entry, request.digest, found);
    if (known) return { result: known.result as Taken, stamp: known.stamp };
  }
  const { version: oldest } = view;
  const base = (): Promise<number> | number => {
    context.lifetime.checkBegun();
    // Better to be told after one segment than after all of them.
    const check = ({ floor, version }: { floor: number; version: number }): number => {
      if (oldest < floor) throw loadTooOld(oldest, floor);
      return version;
    };
    return tip.isStale() ? tip.refresh(signal).then(check) : check(tip.view);
  };
  const taker = new RowTaker(parts.nowMs());
  const add = (row: unknown, chunk: LoadChunk): void => {
    try {
      taker.take(row, chunk);
    } catch (error) {
      if (!onRefused || !isRefusal(error)) throw inRow(taker.rows, error);
      onRefused(taker.rows, error);
    }
  };
  const uploaded = await uploadLoad(context, rows, { base, add, onProgress, sizes, signal, meter });
  const taken = { entries: uploaded.rows, refused: taker.rows - uploaded.rows };
  if (uploaded.segments.length === 0) return runTransaction(parts, () => taken, call);
  return runTransaction(parts, () => taken, { ...call, load: uploaded.segments });
}

function loadTooOld(baseVersion: number, floor: number): HoldfastError {
  return new HoldfastError(
    'TRANSACTION_TOO_OLD',
    `This load began at version ${baseVersion}; the oldest still retained is ${floor}, so what was uploaded may be gone. Nothing was changed. Load in several parts, or with a longer retention.`,
  );
}

/** In a row's place: whoever was to make it could not. */
export class UnfitRow {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

class RowTaker {
  readonly #nowMs: number;
  /** Given until now. */
  rows = 0;

  /** @param nowMs the time of the load, milliseconds since 1970. */
  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** @throws TypeError, RangeError, HoldfastError LIMIT_EXCEEDED: then nothing of it is in the chunk. */
  take(row: unknown, chunk: LoadChunk): void {
    this.rows++;
    if (row instanceof UnfitRow) throw row.error;
    if (!Array.isArray(row) || row.length < 2 || row.length > 3)
      throw new TypeError(
        `expected [key, value], found ${Array.isArray(row) ? `an array of ${row.length}` : kindOf(row)}`,
      );
    const options = row[2] as ExpiryOptions | undefined;
    const expiry = options === undefined ? undefined : this.#expiry(options);
    chunk.addKey(row[0] as Key);
    chunk.addValue(row[1], expiry);
  }

  #expiry(options: ExpiryOptions): number | undefined {
    checkKnown('load', options, EXPIRY_OPTIONS);
    return expiresMs(takeExpiry('load', options), this.#nowMs);
  }
}

/** Of the entry itself, and not of who gives it. */
function isRefusal(error: unknown): error is Error {
  if (error instanceof ListenerError) return false;
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    (error instanceof HoldfastError && error.code === 'LIMIT_EXCEEDED')
  );
}

/** Says of which row it is. */
function inRow(row: number, error: unknown): unknown {
  if (!isRefusal(error)) return error;
  const { message } = error;
  const said = `load: row ${row}: ${message}${/[.!?]$/.test(message) ? '' : '.'} Nothing was changed.`;
  const options = { cause: error };
  if (error instanceof HoldfastError) return new HoldfastError(error.code, said, options);
  return error instanceof TypeError ? new TypeError(said, options) : new RangeError(said, options);
}
