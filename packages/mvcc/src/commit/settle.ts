/**
 * Sends a record, and finds out what became of it.
 *
 * Invariants:
 * - `committed` is answered only when the record is known to be in the chain (I4).
 * - A slot below the floor proves nothing: it may have been collected, and taken again.
 * - Once it may have been sent no failure says that nothing happened.
 */
import { equalBytes, HoldfastError, recordName } from '@holdfast/core';
import { orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { backoffMs, type Deadline } from '../context/deadline.js';
import { advance } from '../log/advance.js';
import type { Log } from '../log/log.js';
import { outcomeUnknown, type PublishOutcome, publish } from '../log/publish.js';
import { type Instant, instant, type Tip } from '../log/tip.js';
import { Witness } from '../log/witness.js';
import type { View } from '../state/view.js';
import { type Plan, plan } from './plan.js';
import type { BuiltRecord, RecordBuilder } from './record-builder.js';

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

interface SendOptions {
  /** The record that takes its slot where it is given up. Default: one that says nothing. */
  readonly fence?: () => Plan;
  /** Told how long the store took to answer, ms. */
  readonly answered?: (ms: number) => void;
}

/** `fenced`: it is not committed, and never will be. `lost`: another has its version; try the next. */
type Settled = 'committed' | 'lost' | 'fenced';

export class Settler {
  readonly #context: Context;
  readonly #log: Log;
  readonly #tip: Tip;
  readonly #builder: RecordBuilder;
  readonly #witness: Witness;

  constructor(context: Context, log: Log, tip: Tip, builder: RecordBuilder) {
    this.#context = context;
    this.#builder = builder;
    this.#log = log;
    this.#tip = tip;
    this.#witness = new Witness(context, tip);
  }

  /**
   * Whether the record after `parent` is committed.
   * @param confirmedAt when `parent` was known to be the tip.
   * @throws HoldfastError UNAVAILABLE where it could not be written in time, and never will be; others.
   */
  async send(
    parent: View,
    built: BuiltRecord,
    confirmedAt: Instant,
    deadline: Deadline,
    { fence = () => plan(parent), answered }: SendOptions = {},
  ): Promise<'committed' | 'lost'> {
    const { version } = built.record;
    const sentAt = instant(this.#context.clock);
    const makeFence = async (): Promise<Uint8Array> =>
      (await this.#builder.build(fence(), deadline.settling)).bytes;
    const look = this.#witness.consider(parent, confirmedAt, deadline.settling);
    const publishing = publish(this.#context, this.#log, version, built.bytes, {
      deadline,
      makeFence,
      answered,
    });
    publishing.catch(() => {});
    const unknown = (error: unknown): never => {
      throw outcomeUnknown(version, error);
    };
    // The state as it will be, made while the record is under way.
    const next = await advance(this.#context, parent, built.record, { manifest: built.manifest }).catch(
      unknown,
    );
    const outcome = await publishing;
    const broken = await this.#witness.verdict(look, deadline.settling.signal).catch(unknown);
    // It may be the first record of an emptied log: not one that continues what its transactions have read.
    if (broken) throw maybeCommitted(broken);
    const settled = await this.#settle(outcome, { next, built, confirmedAt, sentAt }, deadline);
    if (settled !== 'fenced') return settled;
    throw new HoldfastError(
      'UNAVAILABLE',
      `Record ${version} could not be written within ${deadline.ms} ms and was fenced off: the commit did not happen and can't happen any more. Try again.`,
      { cause: outcome.cause },
    );
  }

  /** Whether our record is the one of its version. */
  async #settle({ slot }: PublishOutcome, sent: Sent, deadline: Deadline): Promise<Settled> {
    const { version } = sent.next;
    for (let attempt = 0; ; attempt++) {
      try {
        return slot === 'occupied'
          ? await this.#findAfterLoss(sent, deadline)
          : await this.#confirm(slot, sent, deadline);
      } catch (error) {
        // Cut off, or out of time: that says nothing of the record.
        if (!(error instanceof HoldfastError) || deadline.isReason(error))
          throw outcomeUnknown(version, error);
        if (error.code !== 'UNAVAILABLE') throw maybeCommitted(error);
        if (deadline.isOver) throw outcomeUnknown(version, error);
        await deadline.pause(backoffMs(this.#context.random, attempt, error.cause));
      }
    }
  }

  /** The store created our record, or our fence. Whether that says anything of the chain. */
  async #confirm(
    slot: 'created' | 'fenced',
    { built, next, confirmedAt, sentAt }: Sent,
    deadline: Deadline,
  ): Promise<Settled> {
    const { version } = next;
    // What we created is an orphan below the floor, or was committed and has sunk there. And if it is an orphan,
    // a copy of our PUT that arrived earlier may have been committed, and collected.
    const floor = await this.#floorAfter(version, confirmedAt, deadline);
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
  async #floorAfter(version: number, confirmedAt: Instant, deadline: Deadline): Promise<number> {
    if (!this.#tip.isStale(confirmedAt)) return 0;
    const asked = instant(this.#context.clock);
    const newest = await this.#log.newest(deadline.next);
    const tip = newest === undefined ? undefined : await this.#log.read(newest, deadline.next);
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
  async #findAfterLoss({ built }: Sent, deadline: Deadline): Promise<Settled> {
    const { version, hash } = built.record;
    await orAborted(this.#tip.follow(true), deadline.next.signal);
    const { view: tip } = this.#tip;
    if (tip.version < version)
      throw new HoldfastError(
        'CORRUPT',
        `The store says that ${recordName(version)} exists, and then that it doesn't: expected a store that reads its own writes.`,
      );
    if (tip.floor > version) throw belowFloor(version, tip.floor);
    return equalBytes(await this.#tip.hashOf(version, deadline.next), hash) ? 'committed' : 'lost';
  }
}

/** The same, of a record that was sent. */
function maybeCommitted(error: HoldfastError): HoldfastError {
  const { code, message, evidence } = error;
  return new HoldfastError(code, message, { cause: error, maybeCommitted: true, evidence });
}

function belowFloor(version: number, floor: number): HoldfastError {
  return outcomeUnknown(
    version,
    new Error(`the oldest version retained is ${floor} by now, and what lay below it is collected`),
  );
}
