/**
 * Turns transactions into records: group commit, validation, rebase. DESIGN: "Life of a commit".
 *
 * Invariants:
 * - A transaction is acknowledged only after its record is known to be in the chain (I4).
 * - What a transaction read was not written between its read version and its place in the log (I5).
 * - At most one record of this process is under way; what arrives meanwhile makes the next group. No timer.
 */
import { equalBytes, HoldfastError, recordName } from '@holdfast/core';
import { allowManyListeners } from '@holdfast/object-store';
import { advance } from './advance.js';
import type { Context } from './context.js';
import { type Log, missingRecord } from './log.js';
import type { PreparedFlush, Proposal, Waiting } from './proposal.js';
import { outcomeUnknown, type PublishOutcome, publish } from './publish.js';
import type { BuiltRecord, RecordBuilder } from './record-builder.js';
import { type Chained, chain } from './rerun.js';
import { type Instant, instant, type Tip } from './tip.js';
import { conflict, validate } from './validate.js';
import { ORDER_MAX, type Stamp } from './versionstamp.js';
import type { View } from './view.js';

/** A record carries its writes inline up to here; the rest of the queue goes into the next. */
const GROUP_BYTES_MAX = 1024 * 1024;
const GROUP_TRANSACTIONS_MAX = Math.min(4096, ORDER_MAX);
const SETTLE_PAUSE_MS_FIRST = 50;

/** A record that is under way, or was. */
interface Sent {
  readonly built: BuiltRecord;
  /** The state, if it is committed. */
  readonly next: View;
  /** When the view it follows was known to be the tip. */
  readonly confirmedAt: Instant;
  /** Before its first PUT. */
  readonly sentAt: Instant;
}

/** `fenced`: it is not committed, and never will be. `lost`: another has its version; try the next. */
type Settled = 'committed' | 'lost' | 'fenced';

export interface CommitterStats {
  commits: number;
  transactions: number;
  conflicts: number;
  rebases: number;
  reruns: number;
}

export class Committer {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #builder: RecordBuilder;
  readonly #commitTimeoutMs: number;
  #queue: Waiting[] = [];
  #flush: { prepared: PreparedFlush; done: (published: boolean) => void } | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  readonly stats: CommitterStats = { commits: 0, transactions: 0, conflicts: 0, rebases: 0, reruns: 0 };
  /** Runs before the first record is sent: the probe of an unfamiliar store. */
  beforeFirst: (() => Promise<void>) | undefined;

  constructor(context: Context, log: Log, tip: Tip, builder: RecordBuilder, commitTimeoutMs: number) {
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
    this.#builder = builder;
    this.#commitTimeoutMs = commitTimeoutMs;
  }

  /** Resolves when the transaction is durable; rejects with CONFLICT when what it read has changed. */
  commit(proposal: Proposal): Promise<Stamp> {
    if (this.#closed)
      return Promise.reject(
        new HoldfastError(
          'CLOSED',
          'The database was closed before this transaction could commit. Nothing was changed.',
        ),
      );
    return new Promise((resolve, reject) => {
      const { signal } = proposal;
      const waiting: Waiting = {
        proposal,
        resolve: (stamp) => {
          signal?.removeEventListener('abort', leave);
          resolve(stamp);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', leave);
          reject(error);
        },
      };
      // Only while it waits: once its record is sent, how that went has to be learnt.
      const leave = (): void => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(signal!.reason);
      };
      allowManyListeners(signal);
      signal?.addEventListener('abort', leave, { once: true });
      this.#queue.push(waiting);
      this.#start();
    });
  }

  /** Takes no more transactions; resolves when those that were taken are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running) await this.#running;
  }

  /** Publishes a flush with the next record. Resolves to whether it was: another process may have been first. */
  publishFlush(prepared: PreparedFlush): Promise<boolean> {
    return new Promise((resolve) => {
      this.#flush = { prepared, done: resolve };
      this.#start();
    });
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 || this.#flush) this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 || this.#flush) {
      await this.#gather();
      const group = this.#takeGroup([]);
      const flush = this.#flush;
      this.#flush = undefined;
      try {
        const flushed = await this.#commitGroup(group, flush?.prepared);
        flush?.done(flushed);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
        flush?.done(false);
      }
    }
  }

  /** Lets callers that were just acknowledged, and go on to write, join the group: microtasks only, no timer. */
  async #gather(): Promise<void> {
    for (let seen = -1; seen < this.#queue.length; ) {
      seen = this.#queue.length;
      for (let turn = 0; turn < 16; turn++) await undefined;
    }
  }

  /** Moves as much of the queue into `group` as one record takes. */
  #takeGroup(group: Waiting[]): Waiting[] {
    let bytes = group.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    let count = 0;
    for (const { proposal } of this.#queue) {
      const full = group.length + count >= GROUP_TRANSACTIONS_MAX || bytes + proposal.bytes > GROUP_BYTES_MAX;
      if (full && group.length + count > 0) break;
      bytes += proposal.bytes;
      count++;
    }
    group.push(...this.#queue.splice(0, count));
    return group;
  }

  /** @returns whether the flush was published. */
  async #commitGroup(group: Waiting[], flush: PreparedFlush | undefined): Promise<boolean> {
    // Who lost to a member of the group hears of it when that member is durable: run again earlier, it would
    // read the same state and lose again.
    const losers: Chained['losers'] = [];
    try {
      return await this.#commitMembers(group, losers, flush);
    } finally {
      // A body that is still running must not run twice at once.
      for (const { waiting, error, ended } of losers) {
        if (ended) ended.then(() => waiting.reject(error));
        else waiting.reject(error);
      }
    }
  }

  async #commitMembers(
    group: Waiting[],
    losers: Chained['losers'],
    flush: PreparedFlush | undefined,
  ): Promise<boolean> {
    if (this.beforeFirst) {
      await this.beforeFirst();
      this.beforeFirst = undefined;
    }
    const startedMs = this.#context.clock.monotonic();
    let lookedAgain = false;
    for (let attempts = 1; ; attempts++) {
      if (this.#tip.isStale()) await this.#tip.follow();
      const { view, confirmedAt } = this.#tip;
      const { accepted, outrun, refused } = await validate(view, group);
      for (const { waiting, error } of refused) {
        if (error instanceof HoldfastError && error.code === 'CONFLICT') this.#countConflict(view);
        waiting.reject(error);
      }
      const usable = flush && isUsable(flush, view) ? flush : undefined;
      const chained = await chain(view, accepted, outrun, GROUP_TRANSACTIONS_MAX - accepted.length);
      for (const loser of chained.losers) this.#lose(view, losers, loser);
      const members = [...accepted, ...chained.accepted];
      group.splice(0, group.length, ...members.map(({ waiting }) => waiting));
      if (members.length === 0 && !usable) return false;
      const built = await this.#builder.build(view, members, usable);
      // Asleep since the look: a newer one costs less than to find out afterwards what the slot was. Once.
      const again: boolean = !lookedAgain && this.#tip.isStale(confirmedAt);
      lookedAgain ||= again;
      const settled = again ? 'lost' : await this.#send(view, confirmedAt, built);
      if (settled === 'committed') {
        this.stats.commits++;
        this.stats.transactions += members.length;
        this.stats.reruns += chained.accepted.length;
        this.#context.emit({
          type: 'commit',
          version: built.record.version,
          transactions: members.length,
          bytes: built.bytes.length,
          attempts,
          ms: this.#context.clock.monotonic() - startedMs,
        });
        for (const [order, { waiting }] of members.entries())
          waiting.resolve({ version: built.record.version, order });
        group.length = 0;
        return usable !== undefined;
      }
      this.stats.rebases++;
      this.#context.emit({ type: 'rebase', from: view.version, to: this.#tip.view.version });
      // The chained ones ran on a record that will never be.
      group.length = accepted.length;
      for (const { waiting } of chained.accepted)
        this.#lose(view, losers, { waiting, error: conflict(waiting.proposal.readVersion) });
      this.#takeGroup(group);
    }
  }

  /** @param confirmedAt when `view` was known to be the tip. */
  async #send(view: View, confirmedAt: Instant, built: BuiltRecord): Promise<Settled> {
    const { version } = built.record;
    const timeoutMs = this.#commitTimeoutMs;
    const sentAt = instant(this.#context.clock);
    const publishing = publish(this.#context, this.#log, version, built.bytes, {
      timeoutMs,
      makeFence: async () => (await this.#builder.build(view, [], undefined)).bytes,
    });
    publishing.catch(() => {});
    // The state as it will be, made while the record is under way.
    const next = await advance(this.#context, view, built.record, { manifest: built.manifest }).catch(
      (error: unknown) => {
        throw outcomeUnknown(version, error);
      },
    );
    const outcome = await publishing;
    const settled = await this.#settle(outcome, { next, built, confirmedAt, sentAt });
    if (settled !== 'fenced') return settled;
    throw new HoldfastError(
      'UNAVAILABLE',
      `Record ${version} could not be written within ${timeoutMs} ms and was fenced off: the commit did not happen and can't happen any more. Try again.`,
      { cause: outcome.cause },
    );
  }

  /** Whether our record is the one of its version. From here on a failure can't say that nothing happened. */
  async #settle({ slot }: PublishOutcome, sent: Sent): Promise<Settled> {
    const { clock } = this.#context;
    const { version } = sent.next;
    const deadline = clock.monotonic() + this.#commitTimeoutMs;
    for (let pauseMs = SETTLE_PAUSE_MS_FIRST; ; pauseMs *= 2) {
      try {
        return slot === 'occupied' ? await this.#findAfterLoss(sent) : await this.#confirm(slot, sent);
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw outcomeUnknown(version, error);
        if (error.code !== 'UNAVAILABLE')
          throw new HoldfastError(error.code, error.message, { cause: error, maybeCommitted: true });
        if (clock.monotonic() >= deadline) throw outcomeUnknown(version, error);
        await clock.sleep(pauseMs);
      }
    }
  }

  /** The store created our record, or our fence. Whether that says anything of the chain. */
  async #confirm(slot: 'created' | 'fenced', { built, next, confirmedAt, sentAt }: Sent): Promise<Settled> {
    const { version } = next;
    // What we created is an orphan below the floor, or was committed and has sunk there. And if it is an orphan,
    // a copy of our PUT that arrived earlier may have been committed, and collected.
    const floor = await this.#floorAfter(version, confirmedAt);
    if (floor > version) throw belowFloor(version, floor);
    if (slot === 'fenced') return 'fenced';
    this.#tip.adopt(next, sentAt, [{ record: built.record, view: next }]);
    return 'committed';
  }

  /**
   * A floor that tells whether the slot `version`, in which we created something, was a free one: it is above
   * `version` if the slot had been collected before. Until half the grace period after the tip below it was
   * confirmed no request is needed: it can't have been. (0: any floor.)
   * @param confirmedAt of the view that our record follows; a reader may have confirmed a newer tip meanwhile.
   */
  async #floorAfter(version: number, confirmedAt: Instant): Promise<number> {
    if (!this.#tip.isStale(confirmedAt)) return 0;
    const asked = instant(this.#context.clock);
    const newest = await this.#log.newest();
    const tip = newest === undefined ? undefined : await this.#log.read(newest);
    if (this.#tip.isStale(asked))
      throw new HoldfastError('UNAVAILABLE', 'Reading the tip took longer than half the grace period.');
    if (tip === undefined || tip.version < version)
      throw new HoldfastError(
        'UNAVAILABLE',
        `The listing of the log does not show record ${version}, just created.`,
      );
    return tip.floor;
  }

  /** The slot is taken: by a copy of our own PUT, or by another writer, whose records we then follow. */
  async #findAfterLoss({ built }: Sent): Promise<Settled> {
    const { version, hash } = built.record;
    await this.#tip.follow(true);
    const { view: tip, confirmedAt } = this.#tip;
    if (tip.version < version)
      throw new HoldfastError(
        'CORRUPT',
        `The store says that ${recordName(version)} exists, and then that it doesn't: expected a store that reads its own writes.`,
      );
    // Below the floor a slot proves nothing: it may have been collected, and taken again.
    if (tip.floor > version) throw belowFloor(version, tip.floor);
    let seen = this.#tip.hashAt(version);
    if (seen === undefined) {
      seen = (await this.#log.readHeader(version))?.hash;
      if (this.#tip.isStale(confirmedAt))
        throw new HoldfastError('UNAVAILABLE', 'Reading the slot took longer than half the grace period.');
    }
    if (seen === undefined) throw missingRecord(version, `Record ${tip.version}`);
    return equalBytes(seen, hash) ? 'committed' : 'lost';
  }

  #lose(view: View, losers: Chained['losers'], loser: Chained['losers'][number]): void {
    this.#countConflict(view);
    losers.push(loser);
  }

  #countConflict(view: View): void {
    this.stats.conflicts++;
    this.#context.emit({ type: 'conflict', version: view.version });
  }
}

/** Segments older than the floor may be collected at any time: a record that names them now could lose them. */
function isUsable(flush: PreparedFlush, view: View): boolean {
  return flush.after === view.flushedThrough && flush.through >= view.floor;
}

function belowFloor(version: number, floor: number): HoldfastError {
  return outcomeUnknown(
    version,
    new Error(`the oldest version retained is ${floor} by now, and what lay below it is collected`),
  );
}
