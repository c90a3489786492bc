/**
 * The past: states of earlier versions, and what each version changed.
 *
 * Invariant: of a record that is read again nothing is told before it is shown to be of the history that this
 * process has followed (I2), by its history tree or by the chain of parents from the tip down.
 */
import { equalBytes, HoldfastError, type KeyRange, type LogRecord } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { Expiry, expired } from '../context/expiry.js';
import { advance, jump } from '../log/advance.js';
import { readCheckpointRecord } from '../log/checkpoint-record.js';
import { continues, placeAfter, type Shown } from '../log/continuity.js';
import { Feed } from '../log/feed.js';
import { fork, isBreak, type Place } from '../log/fork.js';
import { type Log, missingRecord } from '../log/log.js';
import type { Step, Tip } from '../log/tip.js';
import { userBounds } from '../reading/entry-reader.js';
import { listCheckpoints } from '../state/checkpoints.js';
import type { View } from '../state/view.js';
import { type Change, changesOf } from './changes.js';

/** One record, as `log` tells it. */
export interface LogEntry {
  readonly version: number;
  readonly time: Date;
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly parent: Uint8Array;
  /** 16 bytes. */
  readonly writerId: Uint8Array;
  readonly transactions: number;
  /** Without those of large transactions, which lie in segments. */
  readonly writes: number;
  /** Ranges that were deleted, each however many keys it had. */
  readonly rangeDeletes: number;
  /** Transactions whose writes lie in segments. */
  readonly bulkTransactions: number;
  /** The object's size. */
  readonly bytes: number;
  readonly flushedThrough: number;
  readonly manifestRoot: Uint8Array;
}

export interface WatchOptions {
  /** Begins after this version; default: after the newest. */
  readonly from?: number | undefined;
  /** Ends the watch, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait before the store is asked for others' writes, milliseconds. Default 1000. */
  readonly pollMs?: number | undefined;
}

export interface LogOptions extends CallOptions {
  /** Default: the newest version. */
  readonly from?: number | undefined;
  /** Default: the oldest retained. */
  readonly to?: number | undefined;
}

/** How many records a walk through the log reads at once. A power of two: its windows then share their proofs. */
const WINDOW = 16;

export class History {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #shown: Shown = new Map();

  constructor(context: Context, log: Log, tip: Tip) {
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
  }

  /** @throws RangeError for a version that is not there yet, HoldfastError SNAPSHOT_EXPIRED for one that is gone. */
  async viewAt(version: number, options: CallOptions = {}): Promise<View> {
    if (!Number.isSafeInteger(version) || version < 1)
      throw new RangeError(`Expected a version from 1, found ${version}.`);
    if (version > this.#tip.view.version) await this.#tip.refresh(options.signal);
    const tip = this.#tip.view;
    if (version === tip.version) return tip;
    if (version > tip.version)
      throw new RangeError(`Expected a version up to ${tip.version}, found ${version}.`);
    if (version < tip.floor) return this.#viewOfCheckpoint(version, tip, options);
    const record = await this.#read(version, options);
    const [view] = await Promise.all([
      // Collected while it was read, it has expired.
      jump(this.#context, this.#log, record, undefined, options).catch(async (error: unknown) => {
        throw await this.#context.expiry.judge(error, version);
      }),
      this.#show(placeAfter(this.#context, record), options),
    ]);
    return view;
  }

  /** A version below the floor: only a checkpoint's. Its entry in the state says which record is meant. */
  async #viewOfCheckpoint(version: number, tip: View, options: CallOptions): Promise<View> {
    const checkpoints = await listCheckpoints(tip, options.signal);
    const named = checkpoints.find((checkpoint) => checkpoint.version === version);
    if (!named) throw expired(version, tip.floor);
    const record = await readCheckpointRecord(this.#log, named, options);
    // What it names stays for as long as it does: where something is gone, that is damage.
    return jump({ ...this.#context, expiry: new Expiry() }, this.#log, record, undefined, options);
  }

  /** @throws HoldfastError FORK unless the history that this process has followed begins with that of `place`. */
  async #show(place: Place, options: CallOptions): Promise<void> {
    const tip = this.#tip.view;
    try {
      if (place.version === tip.version && !equalBytes(place.hash, tip.hash))
        throw fork(this.#context, tip, place, 'this process has seen another record there');
      if (place.version !== tip.version)
        await continues(this.#context, this.#log, place, tip, options, this.#shown);
    } catch (error) {
      throw isBreak(error) ? await this.#judge(error, place.version, options) : error;
    }
  }

  /** Below the floor a slot proves nothing, not even that there are two histories. */
  async #judge(error: HoldfastError, version: number, options: CallOptions): Promise<HoldfastError> {
    if (this.#tip.isStale()) await this.#tip.refresh(options.signal);
    const { floor } = this.#tip.view;
    return version < floor ? expired(version, floor) : this.#tip.broken(error);
  }

  /**
   * The newest version whose record was written at `date` or before. Writers' wall clocks: advisory.
   *
   * Records' times never go back, so one writer whose clock was ahead holds up the time of all that follow, until it
   * has passed. Those have one time, and are told apart by their writers' own clocks.
   */
  async versionAt(date: Date, options: CallOptions = {}): Promise<number> {
    const dateMs = date.getTime();
    if (Number.isNaN(dateMs)) throw new RangeError('Expected a valid Date, found an invalid one.');
    const tip = await this.#tip.refresh(options.signal);
    if (tip.clockMs <= dateMs) return tip.version;
    const timeOf = async (version: number): Promise<number> =>
      (await this.#read(version, options)).body.timeMs;
    if ((await timeOf(tip.floor)) > dateMs)
      throw new HoldfastError(
        'SNAPSHOT_EXPIRED',
        `Nothing is retained from ${date.toISOString()} or before: the oldest version is ${tip.floor}.`,
      );
    // Of the tip it is known already that it does not hold.
    const after =
      tip.timeMs <= dateMs
        ? tip.version
        : await lastWhere(tip.floor, tip.version, async (version) => (await timeOf(version)) <= dateMs);
    let found = after;
    const heldUpMs = after + 2 <= tip.version ? await timeOf(after + 1) : undefined;
    if (heldUpMs !== undefined && (await timeOf(after + 2)) === heldUpMs) {
      const end =
        tip.timeMs === heldUpMs
          ? tip.version
          : await lastWhere(after + 2, tip.version, async (version) => (await timeOf(version)) === heldUpMs);
      const isBefore = async (version: number): Promise<boolean> =>
        clockOf(await this.#read(version, options)) <= dateMs;
      if (await isBefore(after + 2)) found = await lastWhere(after + 2, end + 1, isBefore);
    }
    // Which of the records that led here are of this history is not known: these two decide.
    const deciding = await Promise.all(
      [found, Math.min(found + 1, tip.version)].map((version) => this.#read(version, options)),
    );
    await Promise.all(deciding.map((record) => this.#show(placeAfter(this.#context, record), options)));
    return found;
  }

  async #read(version: number, options: CallOptions): Promise<LogRecord> {
    const record = await this.#log.read(version, options);
    // Below the floor a slot proves nothing: it may have been collected, and taken again by a late PUT. Judged
    // after the answer, because the process may have slept.
    if (record === undefined || this.#tip.isStale()) await this.#tip.refresh(options.signal);
    const { floor } = this.#tip.view;
    if (version < floor) throw expired(version, floor);
    if (record === undefined) throw missingRecord(version, 'The log');
    return record;
  }

  /** Records from `from` to `to`, either way, a window of them read ahead. Both ends are retained versions. */
  async *records(
    from: number,
    to: number,
    options: CallOptions = {},
  ): AsyncGenerator<LogRecord, void, undefined> {
    const step = to >= from ? 1 : -1;
    const endOf = (start: number): number => {
      const end =
        step > 0 ? Math.ceil(start / WINDOW) * WINDOW : Math.floor((start - 1) / WINDOW) * WINDOW + 1;
      return step > 0 ? Math.min(end, to) : Math.max(end, to);
    };
    const read = (start: number): Promise<LogRecord[]> => {
      const window = this.#window(Math.min(start, endOf(start)), Math.max(start, endOf(start)), options);
      window.catch(() => {});
      return window;
    };
    let ahead = read(from);
    for (let start = from; step > 0 ? start <= to : start >= to; ) {
      const window = await ahead;
      start = endOf(start) + step;
      if (step > 0 ? start <= to : start >= to) ahead = read(start);
      yield* step > 0 ? window : window.reverse();
    }
  }

  /** Records `first` to `last`: the last one is shown to be of this history, and each names the one before it. */
  async #window(first: number, last: number, options: CallOptions): Promise<LogRecord[]> {
    const versions = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const records = await Promise.all(versions.map((version) => this.#read(version, options)));
    await this.#show(placeAfter(this.#context, records.at(-1)!), options);
    for (const [i, record] of records.slice(0, -1).entries()) {
      const next = records[i + 1]!;
      if (equalBytes(record.hash, next.parent)) continue;
      const error = fork(
        this.#context,
        placeAfter(this.#context, next),
        record,
        'the next one names another parent',
      );
      throw await this.#judge(error, record.version, options);
    }
    return records;
  }

  async *log(
    options: CallOptions & { from?: number | undefined; to?: number | undefined } = {},
  ): AsyncGenerator<LogEntry, void, undefined> {
    const tip = await this.#tip.refresh(options.signal);
    const { from = tip.version, to = tip.floor } = options;
    for (const [name, version] of Object.entries({ from, to }))
      if (!Number.isSafeInteger(version) || version < tip.floor || version > tip.version)
        throw new RangeError(
          `log: expected ${name} to be a version from ${tip.floor} to ${tip.version}, found ${String(version)}.`,
        );
    for await (const record of this.records(from, to, options)) {
      const { transactions } = record.body;
      yield {
        version: record.version,
        time: new Date(clockOf(record)),
        hash: record.hash.slice(),
        parent: record.parent.slice(),
        writerId: record.body.writerId.slice(),
        transactions: transactions.length,
        writes: transactions.reduce((sum, { writes }) => sum + writes.length, 0),
        rangeDeletes: transactions.reduce((sum, { rangeDeletes }) => sum + rangeDeletes.length, 0),
        bulkTransactions: transactions.filter(isBulk).length,
        bytes: record.bytes,
        flushedThrough: record.flushedThrough,
        manifestRoot: record.manifestRoot.slice(),
      };
    }
  }

  /**
   * Every change to the range after version `from`, in order, as it comes. Ends when `signal` is aborted, and when
   * the database is closed.
   * @param pollMs how long to wait before asking the store again while nothing comes from this process.
   */
  async *watch(
    range: KeyRange | undefined,
    options: { from?: number | undefined; signal?: AbortSignal | undefined; pollMs: number },
  ): AsyncGenerator<Change, void, undefined> {
    const { from, signal, pollMs } = options;
    if (!(typeof pollMs === 'number' && pollMs >= 0))
      throw new RangeError(`pollMs: expected milliseconds from 0, found ${String(pollMs)}.`);
    const bounds = userBounds(range ?? {});
    const { ending } = this.#context.lifetime;
    const isEnded = (): boolean => {
      // A history that is broken is no end that was asked for.
      if (ending.aborted && isBreak(ending.reason)) throw ending.reason;
      return ending.aborted || (signal?.aborted ?? false);
    };
    const feed = new Feed(this.#tip, [signal, ending]);
    try {
      signal?.throwIfAborted();
      let view = from === undefined ? await this.#tip.refresh(signal) : await this.viewAt(from, { signal });
      while (!isEnded()) {
        for await (const step of this.#after(view, feed, { signal })) {
          yield* changesOf(view, step, bounds, { signal });
          view = step.view;
        }
        if (this.#tip.view.version > view.version || isEnded()) continue;
        await feed.wait(this.#context.clock, pollMs);
        if (this.#tip.view.version === view.version && !isEnded()) await this.#tip.refresh(signal);
      }
    } catch (error) {
      // Ending a watch is what the signal is for: it is an end, not a failure.
      if (!isEnded()) throw error;
    } finally {
      feed.close();
    }
  }

  /** The steps from `view` to what is known now, fetching only those that the feed has not. */
  async *#after(view: View, feed: Feed, options: CallOptions): AsyncGenerator<Step, void, undefined> {
    const known = this.#tip.view.version;
    let last = view;
    while (last.version < known) {
      const step = feed.take(last.version + 1);
      if (step) {
        if (!equalBytes(step.record.parent, last.hash))
          throw this.#tip.broken(fork(this.#context, last, step.record, 'its parent is another record'));
        last = step.view;
        yield step;
        continue;
      }
      const until = Math.min(known, (feed.first ?? Number.POSITIVE_INFINITY) - 1);
      for await (const record of this.records(last.version + 1, until, options)) {
        const next: View = await advance(this.#context, last, record, options).catch((error: unknown) => {
          throw this.#tip.broken(error);
        });
        last = next;
        yield { record, view: next };
      }
    }
  }
}

/** Whether its writes lie in segments. The run of one that writes a stream has its parts. */
function isBulk({ bulkRun, writes }: LogRecord['body']['transactions'][number]): boolean {
  return bulkRun !== 0 && !writes.some(({ stream }) => stream);
}

/** The writer's own clock, milliseconds since 1970. */
function clockOf({ body }: LogRecord): number {
  return body.timeMs - body.behindMs;
}

/**
 * The last number for which it holds: it holds for `low`, not for `high`, and never again after it has not.
 */
async function lastWhere(low: number, high: number, holds: (n: number) => Promise<boolean>): Promise<number> {
  let [first, last] = [low, high];
  while (last - first > 1) {
    const middle = Math.floor((first + last) / 2);
    if (await holds(middle)) first = middle;
    else last = middle;
  }
  return first;
}
