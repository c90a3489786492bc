/** The past: states of earlier versions, and what each version changed. */
import {
  decodeKey,
  decodeValue,
  HoldfastError,
  type KeyRange,
  type KeyTuple,
  type LogRecord,
  sharedSubtreesAgree,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { advance, jump } from './advance.js';
import type { Context } from './context.js';
import { userBounds } from './entry-reader.js';
import type { Lifetime } from './lifetime.js';
import { type Log, missingRecord } from './log.js';
import { expired } from './snapshot.js';
import { toStoredKey } from './space.js';
import type { Tip } from './tip.js';
import { formatVersionstamp, type Versionstamp } from './versionstamp.js';
import { recordWrites, type View } from './view.js';

/** One write, as `watch` tells it. */
export interface Change<V = unknown> {
  readonly version: number;
  readonly versionstamp: Versionstamp;
  readonly key: KeyTuple;
  /** Undefined: deleted. */
  readonly value: V | undefined;
  readonly previous: V | undefined;
}

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

/** How many records are read ahead of a walk through the log. */
const READ_AHEAD = 16;

export class History {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;

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
    if (version < tip.floor) throw expired(version, tip.floor);
    const view = await jump(this.#context, this.#log, await this.#read(version, options), undefined, options);
    // Costs nothing, and notices a record of another branch where its tree and the tip's overlap.
    if (!sharedSubtreesAgree(view.history, tip.history))
      throw new HoldfastError(
        'FORK',
        `Record ${version} is not of the history that this process has seen up to version ${tip.version}. The store shows two histories; stop using it and compare replicas.`,
      );
    return view;
  }

  /** The newest version whose record was written at `date` or before. Writers' wall clocks: advisory. */
  async versionAt(date: Date, options: CallOptions = {}): Promise<number> {
    const timeMs = date.getTime();
    if (Number.isNaN(timeMs)) throw new RangeError('Expected a valid Date, found an invalid one.');
    const tip = await this.#tip.refresh(options.signal);
    if (tip.timeMs <= timeMs) return tip.version;
    let low = tip.floor;
    let high = tip.version;
    if ((await this.#read(low, options)).body.timeMs > timeMs)
      throw new HoldfastError(
        'SNAPSHOT_EXPIRED',
        `Nothing is retained from ${date.toISOString()} or before: the oldest version is ${low}.`,
      );
    // Times never go back along the log: low is at or before the date, high is after it.
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.#read(middle, options)).body.timeMs <= timeMs) low = middle;
      else high = middle;
    }
    return low;
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

  /** Records from `from` to `to`, either way, read ahead. */
  async *records(
    from: number,
    to: number,
    options: CallOptions = {},
  ): AsyncGenerator<LogRecord, void, undefined> {
    const step = to >= from ? 1 : -1;
    const ahead: Promise<LogRecord>[] = [];
    let next = from;
    for (let at = from; step > 0 ? at <= to : at >= to; at += step) {
      for (; ahead.length < READ_AHEAD && (step > 0 ? next <= to : next >= to); next += step) {
        const reading = this.#read(next, options);
        reading.catch(() => {});
        ahead.push(reading);
      }
      yield await ahead.shift()!;
    }
  }

  async *log(
    options: CallOptions & { from?: number | undefined; to?: number | undefined } = {},
  ): AsyncGenerator<LogEntry, void, undefined> {
    const tip = await this.#tip.refresh(options.signal);
    const { from = tip.version, to = tip.floor } = options;
    for (const version of [from, to])
      if (!Number.isSafeInteger(version) || version < tip.floor || version > tip.version)
        throw new RangeError(`log: expected versions from ${tip.floor} to ${tip.version}, found ${version}.`);
    for (const [name, version] of Object.entries({ from, to }))
      if (!Number.isSafeInteger(version) || version < 1 || version > tip.version)
        throw new RangeError(
          `log: expected ${name} to be a version from 1 to ${tip.version}, found ${String(version)}.`,
        );
    for await (const record of this.records(from, to, options)) {
      const { transactions } = record.body;
      yield {
        version: record.version,
        time: new Date(record.body.timeMs),
        hash: record.hash,
        parent: record.parent,
        writerId: record.body.writerId,
        transactions: transactions.length,
        writes: transactions.reduce((sum, { writes }) => sum + writes.length, 0),
        bulkTransactions: transactions.filter(({ bulkRun }) => bulkRun !== 0).length,
        bytes: record.bytes,
        flushedThrough: record.flushedThrough,
        manifestRoot: record.manifestRoot,
      };
    }
  }

  /**
   * Every change to the range after version `from`, in order, as it comes. Ends when `signal` is aborted.
   * @param pollMs how long to wait before asking the store again while nothing comes from this process.
   */
  async *watch(
    range: KeyRange | undefined,
    options: { from?: number | undefined; signal?: AbortSignal | undefined; pollMs: number },
  ): AsyncGenerator<Change, void, undefined> {
    const { signal, pollMs } = options;
    if (!(typeof pollMs === 'number' && pollMs >= 0))
      throw new RangeError(`pollMs: expected milliseconds from 0, found ${String(pollMs)}.`);
    const bounds = userBounds(range ?? {});
    const begin = toStoredKey(bounds.begin);
    const end = toStoredKey(bounds.end!);
    const changed = new Signal();
    const unsubscribe = this.#tip.onChange(() => changed.raise());
    try {
      signal?.throwIfAborted();
      const { from } = options;
      let view = from === undefined ? await this.#tip.refresh(signal) : await this.viewAt(from, { signal });
      while (!signal?.aborted) {
        const known = this.#tip.view.version;
        // Nothing new is no walk: backwards from the record that is not there yet.
        const news = known > view.version ? this.records(view.version + 1, known, { signal }) : [];
        for await (const record of news) {
          const next = await advance(this.#context, view, record, { signal });
          const before = new Map<string, Uint8Array | undefined>();
          for await (const { key, value, order, stored } of recordWrites(next, record, { signal })) {
            if (stored < begin || stored >= end) continue;
            const previous = before.has(stored)
              ? before.get(stored)
              : (await view.get(stored, key, { signal }))?.value;
            before.set(stored, value);
            yield {
              version: record.version,
              versionstamp: formatVersionstamp({ version: record.version, order }),
              key: decodeKey(key.subarray(1)),
              value: value && decodeValue(value),
              previous: previous && decodeValue(previous),
            };
          }
          view = next;
        }
        if (this.#tip.view.version > view.version || signal?.aborted) continue;
        await changed.wait(this.#context, pollMs, signal);
        if (this.#tip.view.version === view.version && !signal?.aborted) await this.#tip.refresh(signal);
      }
    } catch (error) {
      // Ending a watch is what the signal is for: it is an end, not a failure.
      if (!signal?.aborted) throw error;
    } finally {
      unsubscribe();
    }
  }
}

/** Wakes one waiter. */
class Signal {
  #raised = false;
  #wake: (() => void) | undefined;

  raise(): void {
    this.#raised = true;
    this.#wake?.();
  }

  async wait({ clock }: Context, ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#raised) {
      const stop = new AbortController();
      const signals = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
      const raised = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([raised, clock.sleep(ms, signals).catch(() => {})]);
      stop.abort();
      this.#wake = undefined;
    }
    this.#raised = false;
  }
}

/** An entry whose bytes are nobody else's. */
export function ownLogEntry(entry: LogEntry): LogEntry {
  const { hash, parent, writerId, manifestRoot } = entry;
  return {
    ...entry,
    hash: hash.slice(),
    parent: parent.slice(),
    writerId: writerId.slice(),
    manifestRoot: manifestRoot.slice(),
  };
}

/** A watch ends with its database; where that was stopped (FORK, ROLLBACK) it says so instead. */
export async function* untilStopped<T>(
  { ending }: Lifetime,
  open: () => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const check = (): void => {
    const reason: unknown = ending.aborted ? ending.reason : undefined;
    if (reason instanceof HoldfastError && reason.code !== 'CLOSED') throw reason;
  };
  for await (const change of open()) {
    check();
    yield change;
    check();
  }
  check();
}
