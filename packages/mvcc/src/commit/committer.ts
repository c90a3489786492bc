/**
 * Turns transactions into records: group commit, validation, rebase. ARCHITECTURE.md, "Life of a commit".
 *
 * Invariants:
 * - A transaction is acknowledged only after its record is known to be in the chain (I4).
 * - What a transaction read was not written between its read version and its place in the log (I5).
 * - At most one record of this process is under way; what arrives meanwhile makes the next group. No timer.
 * - Nobody waits for ever: an attempt has one deadline, and who has waited for longer than that is not in it.
 */
import { HoldfastError, toHex } from '@holdfast/core';
import { type CallOptions, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { backoffMs, Deadline } from '../context/deadline.js';
import { inTime } from '../context/in-time.js';
import type { Log } from '../log/log.js';
import type { Tip } from '../log/tip.js';
import type { Stamp } from '../state/versionstamp.js';
import type { View } from '../state/view.js';
import { Announcer, voided } from './announcer.js';
import { Announcing } from './announcing.js';
import { candidatesOf, isToLose } from './candidates.js';
import { Carrying } from './carrying.js';
import { CommitQueue } from './commit-queue.js';
import type { Edit } from './edit.js';
import { Elders } from './elders.js';
import { announcedFlushes } from './flush-edit.js';
import { Group } from './group.js';
import { hintsOf } from './hints.js';
import { counts } from './intents-table.js';
import { Lead } from './lead.js';
import { type Plan, plan } from './plan.js';
import type { Loser, Proposal } from './proposal.js';
import type { BuiltRecord, RecordBuilder } from './record-builder.js';
import { chain } from './rerun.js';
import { Settler } from './settle.js';
import { Standby } from './standby.js';
import { Turns } from './turns.js';
import { isConflict, validate } from './validate.js';

/** Slots that others have had first, before what waits is announced. */
const SLOTS_LOST_MAX = 2;
/** Bodies that lose before they are announced run again at once, so often. */
const ANNOUNCED_AGAIN_MAX = 3;
/** With more turns to come before one's own, no look is needed yet. */
const POLLED_AHEAD_MAX = 4;
/** A turn takes at least a record's round trip, about: who sleeps while others have theirs is awake before its own. */
const ASLEEP_ROUND_TRIPS = 0.9;
/** A listing and what it names, and somewhat more. */
const LOOK_ROUND_TRIPS = 4;

/** Where a commit has one try, and no time of its own. */
const TURN_WAIT_MS = 60_000;

type Step = 'made' | 'done' | undefined;

export interface CommitterStats {
  commits: number;
  transactions: number;
  conflicts: number;
  rebases: number;
  reruns: number;
  announced: number;
  carried: number;
}

export class Committer {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #builder: RecordBuilder;
  readonly #settler: Settler;
  readonly #commitTimeoutMs: number;
  readonly #queue: CommitQueue;
  readonly #announcer: Announcer;
  readonly #lead: Lead;
  readonly #turns: Turns;
  readonly #announcing: Announcing;
  readonly #carrying: Carrying;
  readonly #standby: Standby;
  /** Who goes before whom. */
  readonly elders: Elders;
  #running: Promise<void> | undefined;
  /** Slots that others have had first, since it last had one, or announced. */
  #slotsLost = 0;
  /** The newest record that it knows to be its own. */
  #madeVersion = 0;
  readonly stats: CommitterStats = {
    commits: 0,
    transactions: 0,
    conflicts: 0,
    rebases: 0,
    reruns: 0,
    announced: 0,
    carried: 0,
  };
  /** Runs before the first record is sent: the probe of an unfamiliar store. */
  beforeFirst: ((calls: CallOptions) => Promise<void>) | undefined;

  constructor(context: Context, log: Log, tip: Tip, builder: RecordBuilder, commitTimeoutMs: number) {
    this.#context = context;
    this.#tip = tip;
    this.#builder = builder;
    this.#settler = new Settler(context, log, tip, builder);
    this.#commitTimeoutMs = commitTimeoutMs;
    this.elders = new Elders(context.clock, context.lifetime, commitTimeoutMs || TURN_WAIT_MS);
    this.#queue = new CommitQueue(context.clock, this.elders, commitTimeoutMs);
    this.elders.onChange = () => this.#start();
    this.#queue.onOverdue = () => this.#start();
    this.#announcer = new Announcer(context, tip, log);
    this.#lead = new Lead(context.clock, context.random, builder.processId);
    this.#turns = new Turns(context.clock, builder.processId);
    const parts = { announcer: this.#announcer, turns: this.#turns, lead: this.#lead };
    const onConflict = (view: View): void => this.#countConflict(view);
    this.#announcing = new Announcing(context, parts, { commitTimeoutMs, onConflict, stats: this.stats });
    this.#carrying = new Carrying(context, parts);
    this.#standby = new Standby(context, tip);
    this.#carrying.onFound = () => this.#start();
    tip.onChange(() => this.#lead.saw(tip.view));
  }

  /** Resolves when the transaction is durable; rejects with CONFLICT when what it read has changed. */
  commit(proposal: Proposal): Promise<Stamp> {
    return this.#begin(() => {
      const told = this.#queue.join(proposal);
      this.#standby.joined();
      return told;
    });
  }

  /** Publishes an edit with the next record. Resolves to false where it no longer fitted the state. */
  publish(edit: Edit): Promise<boolean> {
    return this.#begin(() => this.#queue.joinEdit(edit));
  }

  /** Whether the newest record is this process's own: then its upkeep is too. */
  get madeTip(): boolean {
    return this.#madeVersion === this.#tip.view.version;
  }

  /** Whether commits are under way. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Removes what it has announced and is over. */
  tidy(options: CallOptions = {}): Promise<void> {
    return this.#announcer.tidy(options);
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
    if (this.#running || (this.#queue.isIdle && !this.#helps())) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    const { clock, lifetime } = this.#context;
    for (;;) {
      await this.#gather();
      if (this.#queue.isIdle && !this.#announcer.isAwaited && !this.#helps()) return;
      const group = new Group(clock.monotonic());
      this.#queue.fill(group);
      try {
        lifetime.checkBegun();
      } catch (error) {
        this.#announcing.giveOut(error);
        group.fail(error);
        continue;
      }
      await this.#commitGroup(group).catch((error: unknown) => group.fail(error));
    }
  }

  /** Who was just acknowledged, and writes again, goes with the next record, also where that is for others only. */
  async #gather(): Promise<void> {
    await this.#queue.gather();
    if (this.#queue.isIdle && this.#helps()) await this.#context.clock.sleep(0);
  }

  /** Whether others wait for this process to carry what they have announced, though it has nothing of its own. */
  #helps(): boolean {
    const { view } = this.#tip;
    return !this.#context.lifetime.ending.aborted && this.madeTip && this.#carrying.isWaitedFor(view);
  }

  /** Its transactions and edits were told; where it fails, not all of them. */
  async #commitGroup(group: Group): Promise<void> {
    const { clock, lifetime, random } = this.#context;
    let failures = 0;
    let deadline = new Deadline(clock, this.#commitTimeoutMs, lifetime.cutting);
    try {
      for (; ; deadline = deadline.again()) {
        try {
          const made = await this.#attempt(group, deadline);
          if (made === 'done') return group.tellEdits([]);
          if (made) {
            group.tellLosers();
            await this.#gather();
          }
          failures = 0;
          this.#queue.fill(group);
        } catch (error) {
          const said = inWords(error, deadline);
          if (!this.#announcer.isAwaited) throw said;
          // What is out may count all the same: it is asked after for as long as its callers wait.
          group.fail(said);
          group.clear();
          if (!this.#isWorthwhile(said)) this.#announcing.giveOut(said);
          else await clock.sleep(backoffMs(random, failures++, error), lifetime.cutting);
        }
      }
    } finally {
      deadline.dispose();
      group.tellLosers();
    }
  }

  /** One step: a record of its own (`made`), nothing left to do (`done`), or another state. */
  async #attempt(group: Group, deadline: Deadline): Promise<Step> {
    const inTime = deadline.next;
    if (this.beforeFirst) {
      await orAborted(this.beforeFirst(inTime), inTime.signal);
      this.beforeFirst = undefined;
    }
    if (this.#tip.isStale()) await orAborted(this.#tip.follow(), inTime.signal);
    const { view, confirmedAt } = this.#tip;
    this.#lead.saw(view);
    this.#turns.update(view);
    const isOwn = (version: number): boolean => version === this.#madeVersion;
    if (await this.#announcing.conclude(view, deadline.settling, isOwn)) return undefined;
    group.keepWaiting(this.#context.clock, this.#commitTimeoutMs);
    if (group.isEmpty && !this.#announcer.isAwaited && !this.#helps()) return 'done';
    // Where it is known that several are at it, who stands back announces.
    // An edit that no intent can say never stands back: where it keeps losing it asks for a turn.
    const hasOwnEdit = group.edits.some(({ edit }) => !edit.flush);
    if (this.#slotsLost >= SLOTS_LOST_MAX && (hasOwnEdit || !view.contention.contended))
      await this.#announce(view, group, deadline);
    const now = this.#context.clock.monotonic();
    const givesUp = this.#announcing.isOverdue();
    const isOutrun = this.#announcer.out !== undefined && this.#isOutrun;
    const fromMs = hasOwnEdit ? now : this.#lead.mayLeadAtMs(view, isOutrun);
    if (now < fromMs && !givesUp) return this.#standBack(view, group, fromMs, deadline);
    return this.#make({ view, confirmedAt }, group, deadline, givesUp);
  }

  /** Makes the next record. */
  async #make(
    { view, confirmedAt }: Pick<Tip, 'view' | 'confirmedAt'>,
    group: Group,
    deadline: Deadline,
    givesUp: boolean,
  ): Promise<Step> {
    const next = await this.#plan(view, group, deadline, givesUp);
    // To tell others that they have lost is not worth a record, nor is it to take the slot of whose turn it is for that.
    const { out } = this.#announcer;
    const isPutOff =
      this.#isPatient() && out?.members.some(({ proposal }) => isToLose(proposal, this.#turns));
    const isWorthwhile =
      next.members.length > 0 || next.edits.length > 0 || (out !== undefined && (givesUp || !isPutOff));
    if (!isWorthwhile) {
      this.#carrying.isInVain(view);
      if (group.members.length === 0 && !this.#announcer.isAwaited) return 'done';
      // All of it is put off. Of whom the next record is expected looks for others to carry.
      if (this.#lead.isNamed(view) && (await this.#finds(view, deadline))) return undefined;
      const lapsesAtMs = this.#turns.lapsesAtMs ?? this.#context.clock.monotonic() + this.#lead.roundTripMs;
      const patientMs = Math.min(this.#turns.longestMs, this.#patienceMs);
      const untilMs = out ? Math.min(lapsesAtMs, out.sinceMs + patientMs) : lapsesAtMs;
      return this.#standBack(view, group, untilMs, deadline);
    }
    const built = await this.#builder.build(next, deadline.next);
    // Who has left meanwhile is in what was built.
    if (group.hasLeavers) return this.#again(next, group);
    // Asleep since the look: a newer one costs less than to find out afterwards what the slot was. Once.
    if (!group.lookedAgain && this.#tip.isStale(confirmedAt)) {
      group.lookedAgain = true;
      return this.#rebase(next, group);
    }
    group.setSent(true);
    const list = this.#lead.isListingDue(view);
    // Who steps in among others asks for nothing before it has the slot: they would all ask for the same. Nor does who
    // names another: that one asks itself.
    const asks = !view.contention.contended || this.#lead.isNamed(view);
    if (asks && this.#lead.goesOn(next.contention))
      this.#carrying.collect(view, next.decided, { list, ...deadline.trying });
    const settled = await this.#settler.send(view, built, confirmedAt, deadline, {
      fence: () => this.#fence(view),
      answered: (ms) => this.#lead.answered(ms),
    });
    if (settled === 'committed') {
      this.#madeVersion = built.record.version;
      this.#lead.made(built.record.version, list);
      return this.#acknowledge(next, built, group);
    }
    group.setSent(false);
    // More than that one have come since: who is ahead stays ahead.
    this.#slotsLost += this.#tip.view.version > next.version ? SLOTS_LOST_MAX : 1;
    this.#lead.lost();
    return this.#rebase(next, group);
  }

  /** Whether others have announced something, as far as that can be found before somebody else steps in. */
  async #finds(view: View, { trying }: Deadline): Promise<boolean> {
    let found = false;
    const looking = this.#carrying.collect(view, [], { ...trying, list: true }).then((isNew) => {
      found = isNew;
    });
    await inTime(this.#context.clock, looking, LOOK_ROUND_TRIPS * this.#lead.roundTripMs);
    return found;
  }

  /** Looks what can be laid on the state, and decides. Who is in no record as it is, is out of the group. */
  async #plan(view: View, group: Group, deadline: Deadline, givesUp: boolean): Promise<Plan> {
    const { out } = this.#announcer;
    const [turns, lead] = [this.#turns, this.#lead];
    const isPatient = this.#isPatient();
    const carriable = this.#carrying.carriable(view, group.members);
    const candidates = candidatesOf(group.members, carriable, { turns, out, givesUp, isPatient });
    const { own, carried } = candidates;
    const verdict = await validate(view, candidates.all, deadline.next.signal);
    for (const { waiting, error } of verdict.refused) {
      if (!own.has(waiting)) continue;
      if (isConflict(error)) this.#countConflict(view);
      waiting.reject(inWords(error, deadline));
    }
    const chained = await chain(view, verdict);
    const announced = announcedFlushes([...carried, ...(out ? [out] : [])]);
    const edits = [...group.edits.map(({ edit }) => edit), ...announced];
    if (carried.length > 0 || this.#slotsLost >= SLOTS_LOST_MAX)
      lead.heard(Math.max(0, ...carried.map(({ intent }) => intent.roundTripMs)));
    const next = plan(view, chained, edits, candidates.decides, (members) =>
      hintsOf(view, members, candidates, {
        lead,
        turns,
        out,
        isOutrun: this.#isOutrun,
        edits: group.edits.some(({ edit }) => !edit.flush),
      }),
    );
    const losers = next.losers.filter(({ waiting }) => own.has(waiting));
    this.#lose(view, group, losers);
    const left = new Set([...losers, ...verdict.refused].map(({ waiting }) => waiting));
    group.members = group.members.filter((waiting) => !left.has(waiting));
    return next;
  }

  /** How long callers wait. */
  get #patienceMs(): number {
    return this.#commitTimeoutMs || Number.POSITIVE_INFINITY;
  }

  /**
   * Whether what is out waits for others' turns. No longer than the longest of them takes: a crowd that died at once
   * leaves many, one after the other.
   */
  #isPatient(): boolean {
    const { out } = this.#announcer;
    return out !== undefined && this.#context.clock.monotonic() < out.sinceMs + this.#turns.longestMs;
  }

  /** Whether others make records faster than this process can. */
  get #isOutrun(): boolean {
    return this.#tip.cadence.outruns(this.#lead.roundTripMs, this.#context.clock.monotonic());
  }

  #fence(view: View): Plan {
    const { out } = this.#announcer;
    return plan(view, undefined, [], out && counts(view.intents, out) ? [voided(out)] : []);
  }

  #rebase(lost: Plan, group: Group): undefined {
    this.stats.rebases++;
    group.attempts++;
    this.#context.emit({ type: 'rebase', from: lost.parent.version, to: this.#tip.view.version });
    this.#again(lost, group);
  }

  /** Who ran again did so on a record that will never be. */
  #again(lost: Plan, group: Group): undefined {
    const own = new Set(group.members);
    const rerun = lost.rerun.filter(({ waiting }) => own.has(waiting));
    this.#lose(lost.parent, group, rerun);
    const gone = new Set(rerun.map(({ waiting }) => waiting));
    group.members = group.members.filter((waiting) => !gone.has(waiting));
  }

  #acknowledge(next: Plan, { bytes }: BuiltRecord, group: Group): 'made' {
    const { version, members, rerun, edits, decided } = next;
    const own = new Set([...group.members, ...(this.#announcer.out?.members ?? [])]);
    const ownCount = members.filter(({ waiting }) => own.has(waiting)).length;
    this.stats.reruns += rerun.length;
    this.stats.commits++;
    this.stats.transactions += ownCount;
    this.stats.carried += decided.filter(({ writerId }) => !this.#announcer.own.has(toHex(writerId))).length;
    this.#context.emit({
      type: 'commit',
      version,
      transactions: members.length,
      bytes: bytes.length,
      attempts: group.attempts,
      ms: this.#context.clock.monotonic() - group.startedMs,
    });
    for (const [order, { waiting }] of members.entries()) {
      waiting.resolve({ version, order });
      own.delete(waiting);
    }
    group.members = group.members.filter((waiting) => own.has(waiting));
    group.setSent(false);
    group.tellEdits(edits);
    group.edits = [];
    group.attempts = 1;
    this.#slotsLost = 0;
    return 'made';
  }

  /** Whether to go on asking after what is out. */
  #isWorthwhile(error: unknown): boolean {
    if (this.#commitTimeoutMs === 0 || this.#context.lifetime.cutting.aborted) return false;
    return (
      error instanceof HoldfastError && (error.code === 'UNAVAILABLE' || error.code === 'OUTCOME_UNKNOWN')
    );
  }

  async #announce(view: View, group: Group, deadline: Deadline): Promise<void> {
    const inTheirWords = (error: unknown): unknown => inWords(error, deadline);
    if (!(await this.#announcing.announce(view, group, deadline.next, inTheirWords))) return;
    this.#slotsLost = 0;
    // So that its own record says so, if it has one before others take this up.
    this.#lead.heard();
  }

  /** Lets others go first: waits for a newer state, but no longer than until `untilMs`. */
  async #standBack(view: View, group: Group, untilMs: number, deadline: Deadline): Promise<undefined> {
    const { clock } = this.#context;
    const { signal } = deadline.next;
    for (let again = 0; again < ANNOUNCED_AGAIN_MAX; again++) {
      await this.#announce(view, group, deadline);
      if (!group.isEmpty || this.#announcer.isAwaited) break;
      // Who was just told of a conflict runs again now: by the next record what it reads would be old again.
      await this.#queue.gather();
      this.#queue.fill(group);
      if (group.isEmpty) break;
    }
    // So that nothing of what others have announced meanwhile has to be asked for then.
    const { isNext } = this.#turns;
    if (isNext) this.#carrying.collect(view, [], { list: true, ...deadline.trying });
    const { out } = this.#announcer;
    // It can't be decided before it is there; but its writer may be asked to go first.
    if (out && !isNext) {
      const { roundTripMs } = this.#lead;
      await this.#standby.untilSent({ ...out, roundTripMs }, untilMs);
    }
    const ahead = this.#announcer.out ? 0 : Math.max(0, (this.#turns.ahead ?? 0) - POLLED_AHEAD_MAX);
    const isOver = (): boolean =>
      !this.#announcer.out && !this.#queue.isIdle && (this.#turns.ahead ?? 0) === 0;
    const asleepMs = ahead * ASLEEP_ROUND_TRIPS * this.#lead.roundTripMs;
    const asleepUntilMs = clock.monotonic() + Math.min(asleepMs, this.#patienceMs / 2);
    await this.#standby.wait(view, { untilMs: Math.max(untilMs, asleepUntilMs), ahead, isOver, signal });
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
