/**
 * Turns transactions into records: group commit, validation, rebase. ARCHITECTURE.md, "Life of a commit".
 *
 * Invariants:
 * - A transaction is acknowledged only after its record is known to be in the chain (I4).
 * - What a transaction read was not written between its read version and its place in the log (I5).
 * - At most one record of this process is under way; what arrives meanwhile makes the next group. No timer.
 * - Nobody waits for ever: an attempt has one deadline, and who has waited for longer than that is not in it.
 */
import { HoldfastError } from '@holdfast/core';
import { type CallOptions, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { Deadline } from '../context/deadline.js';
import { advance } from '../log/advance.js';
import type { Log } from '../log/log.js';
import { outcomeUnknown, publish } from '../log/publish.js';
import { type Instant, instant, type Tip } from '../log/tip.js';
import { Witness } from '../log/witness.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import { CommitQueue, GROUP_BYTES_MAX, GROUP_TRANSACTIONS_MAX, stillWaiting } from './commit-queue.js';
import type { Accepted, PreparedFlush, Proposal, Waiting } from './proposal.js';
import type { BuiltRecord, RecordBuilder } from './record-builder.js';
import { type Chained, chain } from './rerun.js';
import { type Settled, Settler } from './settle.js';
import { conflict, validate } from './validate.js';

/** How long a group waits for those who keep coming, in turns of the microtask queue: none holds up the others. */
const GATHER_TURNS = 16;
const GATHER_ROUNDS_MAX = 16;

export interface CommitterStats {
  commits: number;
  transactions: number;
  conflicts: number;
  rebases: number;
  reruns: number;
}

interface WaitingFlush {
  readonly prepared: PreparedFlush;
  readonly resolve: (published: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** One group's way to its record. */
interface Course {
  readonly startedMs: number;
  attempts: number;
  /** It has looked for a newer tip because it had slept since the look before. */
  lookedAgain: boolean;
}

/** How an attempt ended: with what is to be tried again, or for good. */
type Tried = { readonly again: Waiting[] } | { readonly flushed: boolean };

export class Committer {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #builder: RecordBuilder;
  readonly #settler: Settler;
  readonly #witness: Witness;
  readonly #commitTimeoutMs: number;
  readonly #queue: CommitQueue;
  #flush: WaitingFlush | undefined;
  #running: Promise<void> | undefined;
  readonly stats: CommitterStats = { commits: 0, transactions: 0, conflicts: 0, rebases: 0, reruns: 0 };
  /** Runs before the first record is sent: the probe of an unfamiliar store. */
  beforeFirst: ((calls: CallOptions) => Promise<void>) | undefined;

  constructor(context: Context, log: Log, tip: Tip, builder: RecordBuilder, commitTimeoutMs: number) {
    this.#context = context;
    this.#log = log;
    this.#tip = tip;
    this.#builder = builder;
    this.#settler = new Settler(context, log, tip);
    this.#witness = new Witness(context, tip);
    this.#commitTimeoutMs = commitTimeoutMs;
    this.#queue = new CommitQueue(context.clock);
  }

  /** Resolves when the transaction is durable; rejects with CONFLICT when what it read has changed. */
  commit(proposal: Proposal): Promise<Stamp> {
    try {
      this.#context.lifetime.checkBegun();
    } catch (error) {
      return Promise.reject(error);
    }
    const stamp = this.#queue.join(proposal);
    this.#start();
    return stamp;
  }

  /** Publishes a flush with the next record. Resolves to whether it still was the next one. */
  publishFlush(prepared: PreparedFlush): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#context.lifetime.checkBegun();
      this.#flush = { prepared, resolve, reject };
      this.#start();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
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
      const flush = this.#flush;
      this.#flush = undefined;
      const group = this.#queue.fill([]);
      try {
        this.#context.lifetime.checkBegun();
        const flushed = await this.#commitGroup(group, flush?.prepared);
        flush?.resolve(flushed);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
        flush?.reject(error);
      }
    }
  }

  /** Lets callers that were just acknowledged, and go on to write, join the group: microtasks only, no timer. */
  async #gather(): Promise<void> {
    let seen = -1;
    for (let round = 0; seen < this.#queue.length && round < GATHER_ROUNDS_MAX; round++) {
      if (this.#queue.hasGroup) return;
      seen = this.#queue.length;
      for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined;
    }
  }

  /**
   * @param group what is left in it has not been told yet when this fails.
   * @returns whether the flush was published.
   */
  async #commitGroup(group: Waiting[], flush: PreparedFlush | undefined): Promise<boolean> {
    // Who lost to a member of the group hears of it when that member is durable: run again earlier, it would
    // read the same state and lose again.
    const losers: Chained['losers'] = [];
    const { clock, lifetime } = this.#context;
    const course: Course = { startedMs: clock.monotonic(), attempts: 1, lookedAgain: false };
    try {
      for (; ; course.attempts++) {
        const deadline = new Deadline(clock, this.#commitTimeoutMs, lifetime.cutting);
        try {
          const tried = await this.#attempt(group, losers, flush, course, deadline);
          if ('flushed' in tried) return tried.flushed;
          group.splice(0, group.length, ...tried.again);
          this.#queue.fill(group);
        } catch (error) {
          throw this.#inWords(error, deadline);
        } finally {
          deadline.dispose();
        }
      }
    } finally {
      // A body that is still running must not run twice at once.
      for (const { waiting, error, ended } of losers) {
        if (ended) ended.then(() => waiting.reject(error));
        else waiting.reject(error);
      }
    }
  }

  async #attempt(
    group: Waiting[],
    losers: Chained['losers'],
    flush: PreparedFlush | undefined,
    course: Course,
    deadline: Deadline,
  ): Promise<Tried> {
    const { clock } = this.#context;
    const inTime = deadline.next;
    if (this.beforeFirst) {
      await orAborted(this.beforeFirst(inTime), inTime.signal);
      this.beforeFirst = undefined;
    }
    if (this.#tip.isStale()) await orAborted(this.#tip.follow(), inTime.signal);
    const { view, confirmedAt } = this.#tip;
    group.splice(0, group.length, ...stillWaiting(group, clock, this.#commitTimeoutMs));
    const { accepted, outrun, refused } = await validate(view, group, inTime.signal);
    for (const { waiting, error } of refused) {
      if (error instanceof HoldfastError && error.code === 'CONFLICT') this.#countConflict(view);
      waiting.reject(this.#inWords(error, deadline));
    }
    const usable = flush && isUsable(flush, view) ? flush : undefined;
    const chained = await chain(view, accepted, outrun, roomAfter(accepted));
    for (const loser of chained.losers) this.#lose(view, losers, loser);
    const members = [...accepted, ...chained.accepted];
    group.splice(0, group.length, ...members.map(({ waiting }) => waiting));
    if (members.length === 0 && !usable) return { flushed: false };
    const built = await this.#builder.build(view, members, usable, inTime);
    /** For another attempt: the chained ones ran on a record that will never be. */
    const again = (): Waiting[] => {
      for (const { waiting } of chained.accepted)
        this.#lose(view, losers, { waiting, error: conflict(waiting.proposal.readVersion) });
      return accepted.map(({ waiting }) => waiting);
    };
    // Who has left meanwhile is in what was built.
    if (members.some(({ waiting }) => waiting.stage === 'left')) return { again: again() };
    // Asleep since the look: a newer one costs less than to find out afterwards what the slot was. Once.
    const asleep = !course.lookedAgain && this.#tip.isStale(confirmedAt);
    course.lookedAgain ||= asleep;
    if (!asleep && (await this.#send(view, confirmedAt, built, members, deadline)) === 'committed') {
      this.stats.reruns += chained.accepted.length;
      this.#acknowledge(built, members, course);
      group.length = 0;
      return { flushed: usable !== undefined };
    }
    for (const { waiting } of members) if (waiting.stage === 'sent') waiting.stage = 'waiting';
    this.stats.rebases++;
    this.#context.emit({ type: 'rebase', from: view.version, to: this.#tip.view.version });
    return { again: again() };
  }

  #acknowledge(
    { record, bytes }: BuiltRecord,
    members: readonly Accepted[],
    { attempts, startedMs }: Course,
  ): void {
    this.stats.commits++;
    this.stats.transactions += members.length;
    this.#context.emit({
      type: 'commit',
      version: record.version,
      transactions: members.length,
      bytes: bytes.length,
      attempts,
      ms: this.#context.clock.monotonic() - startedMs,
    });
    for (const [order, { waiting }] of members.entries()) waiting.resolve({ version: record.version, order });
  }

  /** @param confirmedAt when `view` was known to be the tip. */
  async #send(
    view: View,
    confirmedAt: Instant,
    built: BuiltRecord,
    members: readonly Accepted[],
    deadline: Deadline,
  ): Promise<Settled> {
    const { version } = built.record;
    const sentAt = instant(this.#context.clock);
    for (const { waiting } of members) waiting.stage = 'sent';
    const look = this.#witness.consider(view, confirmedAt, deadline.settling);
    const publishing = publish(this.#context, this.#log, version, built.bytes, {
      deadline,
      makeFence: async () => (await this.#builder.build(view, [], undefined, deadline.settling)).bytes,
    });
    publishing.catch(() => {});
    // The state as it will be, made while the record is under way.
    const next = await advance(this.#context, view, built.record, { manifest: built.manifest }).catch(
      (error: unknown) => {
        throw outcomeUnknown(version, error);
      },
    );
    const outcome = await publishing;
    const broken = await this.#witness.verdict(look, deadline.settling.signal).catch((error: unknown) => {
      throw outcomeUnknown(version, error);
    });
    // It may be the first record of an emptied log: not one that continues what its transactions have read.
    if (broken)
      throw new HoldfastError(broken.code, broken.message, {
        cause: broken,
        maybeCommitted: true,
        evidence: broken.evidence,
      });
    const settled = await this.#settler.settle(outcome, { next, built, confirmedAt, sentAt }, deadline);
    if (settled !== 'fenced') return settled;
    throw new HoldfastError(
      'UNAVAILABLE',
      `Record ${version} could not be written within ${this.#commitTimeoutMs} ms and was fenced off: the commit did not happen and can't happen any more. Try again.`,
      { cause: outcome.cause },
    );
  }

  /** A deadline is no answer to a caller. Whatever was being waited for then: nothing of it had been sent. */
  #inWords(error: unknown, deadline: Deadline): unknown {
    if (error instanceof HoldfastError || !deadline.isReason(error)) return error;
    return new HoldfastError(
      'UNAVAILABLE',
      `The commit could not be sent within commitTimeoutMs, ${this.#commitTimeoutMs} ms: the object store did not answer. Nothing was changed; try again.`,
      { cause: error },
    );
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

/** What a record takes beside these. */
function roomAfter(accepted: readonly Accepted[]): { transactions: number; bytes: number } {
  const bytes = accepted.reduce((sum, { waiting }) => sum + waiting.proposal.bytes, 0);
  return { transactions: GROUP_TRANSACTIONS_MAX - accepted.length, bytes: GROUP_BYTES_MAX - bytes };
}

/** Segments older than the floor may be collected at any time: a record that names them now could lose them. */
function isUsable(flush: PreparedFlush, view: View): boolean {
  return flush.after === view.flushedThrough && flush.through >= view.floor;
}
