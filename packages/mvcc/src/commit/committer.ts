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
import type { Log } from '../log/log.js';
import type { Tip } from '../log/tip.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import { CommitQueue } from './commit-queue.js';
import type { Edit } from './edit.js';
import { Group } from './group.js';
import { type Plan, plan } from './plan.js';
import type { Loser, Proposal } from './proposal.js';
import type { BuiltRecord, RecordBuilder } from './record-builder.js';
import { chain } from './rerun.js';
import { Settler } from './settle.js';
import { validate } from './validate.js';

export interface CommitterStats {
  commits: number;
  transactions: number;
  conflicts: number;
  rebases: number;
  reruns: number;
}

export class Committer {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #builder: RecordBuilder;
  readonly #settler: Settler;
  readonly #commitTimeoutMs: number;
  readonly #queue: CommitQueue;
  #running: Promise<void> | undefined;
  readonly stats: CommitterStats = { commits: 0, transactions: 0, conflicts: 0, rebases: 0, reruns: 0 };
  /** Runs before the first record is sent: the probe of an unfamiliar store. */
  beforeFirst: ((calls: CallOptions) => Promise<void>) | undefined;

  constructor(context: Context, log: Log, tip: Tip, builder: RecordBuilder, commitTimeoutMs: number) {
    this.#context = context;
    this.#tip = tip;
    this.#builder = builder;
    this.#settler = new Settler(context, log, tip, builder);
    this.#commitTimeoutMs = commitTimeoutMs;
    this.#queue = new CommitQueue(context.clock);
  }

  /** Resolves when the transaction is durable; rejects with CONFLICT when what it read has changed. */
  commit(proposal: Proposal): Promise<Stamp> {
    return this.#begin(() => this.#queue.join(proposal));
  }

  /** Publishes an edit with the next record. Resolves to false where it no longer fitted the state. */
  publish(edit: Edit): Promise<boolean> {
    return this.#begin(() => this.#queue.joinEdit(edit));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #begin<T>(join: () => Promise<T>): Promise<T> {
    try {
      this.#context.lifetime.checkBegun();
    } catch (error) {
      return Promise.reject(error);
    }
    const told = join();
    this.#start();
    return told;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (!this.#queue.isEmpty) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { clock, lifetime } = this.#context;
    while (!this.#queue.isEmpty) {
      await this.#queue.gather();
      const group = new Group(clock.monotonic());
      this.#queue.fill(group);
      try {
        lifetime.checkBegun();
        group.tellEdits(await this.#commitGroup(group));
      } catch (error) {
        group.fail(error);
      }
    }
  }

  /** @returns the edits that were published. Its transactions were told; those that were not when it fails. */
  async #commitGroup(group: Group): Promise<readonly Edit[]> {
    const { clock, lifetime } = this.#context;
    try {
      for (; ; group.attempts++) {
        const deadline = new Deadline(clock, this.#commitTimeoutMs, lifetime.cutting);
        try {
          const published = await this.#attempt(group, deadline);
          if (published) return published;
          this.#queue.fill(group);
        } catch (error) {
          throw inWords(error, deadline);
        } finally {
          deadline.dispose();
        }
      }
    } finally {
      group.tellLosers();
    }
  }

  /** @returns the edits that were published; undefined: it is to be tried again, on a newer state. */
  async #attempt(group: Group, deadline: Deadline): Promise<readonly Edit[] | undefined> {
    const inTime = deadline.next;
    if (this.beforeFirst) {
      await orAborted(this.beforeFirst(inTime), inTime.signal);
      this.beforeFirst = undefined;
    }
    if (this.#tip.isStale()) await orAborted(this.#tip.follow(), inTime.signal);
    const { view, confirmedAt } = this.#tip;
    const next = await this.#plan(view, group, deadline, inTime);
    if (next.members.length === 0 && next.edits.length === 0) return [];
    const built = await this.#builder.build(next, inTime);
    // Who has left meanwhile is in what was built.
    if (group.hasLeavers) return this.#again(next, group);
    // Asleep since the look: a newer one costs less than to find out afterwards what the slot was. Once.
    if (!group.lookedAgain && this.#tip.isStale(confirmedAt)) {
      group.lookedAgain = true;
      return this.#rebase(next, group);
    }
    group.setSent(true);
    const settled = await this.#settler.send(view, built, confirmedAt, deadline);
    if (settled === 'committed') return this.#acknowledge(next, built, group);
    group.setSent(false);
    return this.#rebase(next, group);
  }

  /** Looks what can be laid on the state, and decides. Who is in no record as it is, is out of the group. */
  async #plan(view: View, group: Group, deadline: Deadline, inTime: CallOptions): Promise<Plan> {
    group.keepWaiting(this.#context.clock, this.#commitTimeoutMs);
    const verdict = await validate(view, group.members, inTime.signal);
    for (const { waiting, error } of verdict.refused) {
      if (error instanceof HoldfastError && error.code === 'CONFLICT') this.#countConflict(view);
      waiting.reject(inWords(error, deadline));
    }
    const chained = await chain(view, verdict);
    const edits = group.edits.map(({ edit }) => edit);
    const next = plan(view, chained, edits);
    this.#lose(view, group, next.losers);
    group.members = next.members.map(({ waiting }) => waiting);
    return next;
  }

  #rebase(lost: Plan, group: Group): undefined {
    this.stats.rebases++;
    this.#context.emit({ type: 'rebase', from: lost.parent.version, to: this.#tip.view.version });
    this.#again(lost, group);
  }

  /** Who ran again did so on a record that will never be. */
  #again(lost: Plan, group: Group): undefined {
    this.#lose(lost.parent, group, lost.rerun);
    group.members = lost.accepted.map(({ waiting }) => waiting);
  }

  #acknowledge(
    { version, members, rerun, edits }: Plan,
    { bytes }: BuiltRecord,
    group: Group,
  ): readonly Edit[] {
    this.stats.reruns += rerun.length;
    this.stats.commits++;
    this.stats.transactions += members.length;
    this.#context.emit({
      type: 'commit',
      version,
      transactions: members.length,
      bytes: bytes.length,
      attempts: group.attempts,
      ms: this.#context.clock.monotonic() - group.startedMs,
    });
    for (const [order, { waiting }] of members.entries()) waiting.resolve({ version, order });
    group.members = [];
    return edits;
  }

  #lose(view: View, group: Group, losers: readonly Loser[]): void {
    for (const loser of losers) {
      this.#countConflict(view);
      group.losers.push(loser);
    }
  }

  #countConflict(view: View): void {
    this.stats.conflicts++;
    this.#context.emit({ type: 'conflict', version: view.version });
  }
}

/** A deadline is no answer to a caller. Whatever was being waited for then: nothing of it had been sent. */
function inWords(error: unknown, deadline: Deadline): unknown {
  if (error instanceof HoldfastError || !deadline.isReason(error)) return error;
  return new HoldfastError(
    'UNAVAILABLE',
    `The commit could not be sent within commitTimeoutMs, ${deadline.ms} ms: the object store did not answer. Nothing was changed; try again.`,
    { cause: error },
  );
}
