/**
 * What this process has announced: at most one intent at a time (decision 0021, "An owner").
 *
 * Invariants:
 * - An intent is sealed once, and those bytes alone are sent.
 * - Only what is in no record under way is announced; while it is out this process makes no record that does not
 *   decide it.
 * - What became of it is learnt only from a record that was taken up through the tip: nothing is learnt from the answer
 *   to its PUT.
 * - Its transactions get no other writer id while it can still count.
 */
import {
  type DecidedIntent,
  equalBytes,
  HoldfastError,
  type Intent,
  intentName,
  sealIntent,
  toHex,
  type Verdict,
} from '@holdfast/core';
import { type CallOptions, orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { Log } from '../log/log.js';
import type { Tip } from '../log/tip.js';
import type { View } from '../state/view.js';
import { toAnnounced } from './announced.js';
import { counts, decidedOf } from './intents-table.js';
import type { Carried } from './plan.js';
import type { Waiting, WaitingEdit } from './proposal.js';

/** What became of the intent that was out. */
export type Conclusion =
  | { readonly kind: 'decided'; readonly version: number; readonly verdicts: readonly Verdict[] }
  /** It never counted, and never will. */
  | { readonly kind: 'never' }
  /** It counts no more, and the records that would tell whether it did are gone. */
  | { readonly kind: 'unknown'; readonly cause: unknown };

/** The intent that is out. */
export interface Outstanding extends Carried {
  readonly intent: Intent;
  readonly bytes: Uint8Array;
  /** Since when the first of its transactions waits, by the monotonic clock. */
  readonly sinceMs: number;
  /** Who waits for its transactions; nobody any more once they were told. */
  waiting: readonly Waiting[];
  edit: WaitingEdit | undefined;
  /** Resolves when its PUT has ended, to whether it was answered. */
  readonly sent: Promise<boolean>;
  /** When that began, by the monotonic clock. */
  readonly sentMs: number;
}

/** The same intent, taken back by the record that decides it. */
export function voided(out: Outstanding): Carried {
  return { ...out, members: [], voided: out.members.length };
}

/** Objects of intents that are over, before they are deleted together. */
const SPENT_MAX = 8;

export class Announcer {
  readonly #context: Context;
  readonly #tip: Tip;
  readonly #log: Log;
  /** The last intent that was decided; undefined: the next one begins a writer id. */
  #last: Pick<DecidedIntent, 'writerId' | 'k' | 'hash'> | undefined;
  #out: Outstanding | undefined;
  #spent: string[] = [];
  /** Writer ids that were this process's, hex. */
  readonly own: Set<string> = new Set();

  constructor(context: Context, tip: Tip, log: Log) {
    this.#context = context;
    this.#tip = tip;
    this.#log = log;
  }

  get out(): Outstanding | undefined {
    return this.#out;
  }

  /** Whether somebody waits for what is out. */
  get isAwaited(): boolean {
    const out = this.#out;
    return out !== undefined && (out.waiting.length > 0 || out.edit !== undefined);
  }

  /**
   * Seals transactions, and sends them. `view` is the newest state.
   * @throws HoldfastError LIMIT_EXCEEDED where they are too much for one intent: nothing was sent.
   */
  async announce(
    view: View,
    { waiting, edit }: { readonly waiting: readonly Waiting[]; readonly edit?: WaitingEdit | undefined },
    hints: Pick<Intent, 'processId' | 'recordsMade' | 'roundTripMs' | 'turnMs' | 'losses'>,
    options: CallOptions,
  ): Promise<Outstanding> {
    const { sealing, random } = this.#context;
    const intent: Intent = {
      ...hints,
      base: view.version,
      ...(edit ? { flush: edit.edit.flush! } : {}),
      transactions: waiting.map(({ proposal }) => toAnnounced(proposal)),
    };
    const last = this.#nextTo(view);
    const place = last ? { writerId: last.writerId, k: last.k + 1 } : 'first';
    const sealed = await sealIntent(sealing, intent, place, random(16));
    this.own.add(toHex(sealed.writerId));
    const sentMs = this.#context.clock.monotonic();
    const sent = this.#send(sealed, options);
    this.#out = {
      ...sealed,
      base: view.version,
      intent,
      // Whoever lays them in a record of this process: as an intent they don't run again with other writes.
      members: waiting.map((one) => ({
        ...one,
        proposal: { ...one.proposal, rerun: undefined, signal: undefined },
        stage: 'sent',
      })),
      waiting,
      edit,
      sinceMs: Math.min(...waiting.map(({ sinceMs }) => sinceMs), this.#context.clock.monotonic()),
      sent,
      sentMs,
    };
    return this.#out;
  }

  /** Its last intent, if the state still knows it as that: else somebody shares its writer id, or it was dropped. */
  #nextTo({ intents }: View): Pick<DecidedIntent, 'writerId' | 'k'> | undefined {
    if (!this.#last) return undefined;
    const { writerId, k, hash } = this.#last;
    const known = decidedOf(intents, writerId);
    return known?.k === k && equalBytes(known.hash, hash) ? known : undefined;
  }

  /**
   * Sends it until the store has answered. What it answers says nothing of the intent.
   * @returns whether it did.
   */
  async #send(
    { writerId, k, bytes }: Pick<Outstanding, 'writerId' | 'k' | 'bytes'>,
    options: CallOptions,
  ): Promise<boolean> {
    const { store } = this.#context;
    return store.put(intentName(writerId, k), bytes, { ...options, ifAbsent: true }).then(
      () => true,
      () => false,
    );
  }

  /** What became of what is out, by the newest state; undefined: it is not decided. */
  async conclude(view: View, options: CallOptions): Promise<Conclusion | undefined> {
    const out = this.#out;
    if (!out) return undefined;
    const conclusion = await this.#conclude(view, out, options);
    if (!conclusion) return undefined;
    this.#out = undefined;
    this.#last = conclusion.kind === 'decided' ? out : undefined;
    this.#spend(intentName(out.writerId, out.k));
    return conclusion;
  }

  async #conclude(view: View, out: Outstanding, options: CallOptions): Promise<Conclusion | undefined> {
    const known = decidedOf(view.intents, out.writerId);
    if (known?.k === out.k)
      // With another hash it is a clone's, and ours never counted.
      return equalBytes(known.hash, out.hash) ? { kind: 'decided', ...known } : { kind: 'never' };
    if (counts(view.intents, out)) return undefined;
    return this.#lookBack(view, out, options);
  }

  /** It can count no more. Whether it did, the records since its base tell. */
  async #lookBack(view: View, out: Outstanding, options: CallOptions): Promise<Conclusion> {
    try {
      for (let version = out.base + 1; version <= view.version; version++) {
        const hash = await this.#tip.hashOf(version, options);
        const record = await this.#log.read(version, options);
        if (!record || !equalBytes(record.hash, hash))
          throw new HoldfastError('CORRUPT', `Record ${version} was there, and is not any more.`);
        const known = decidedOf(record.body.intents, out.writerId);
        if (known?.k === out.k && equalBytes(known.hash, out.hash)) return { kind: 'decided', ...known };
      }
      return { kind: 'never' };
    } catch (error) {
      return { kind: 'unknown', cause: error };
    }
  }

  /** Deletes what is over, several at once. */
  #spend(name: string): void {
    this.#spent.push(name);
    if (this.#spent.length >= SPENT_MAX) this.tidy();
  }

  /** Deletes the objects of intents that are over. Who is killed before leaves them to others. */
  async tidy(options: CallOptions = {}): Promise<void> {
    const spent = this.#spent;
    this.#spent = [];
    if (spent.length === 0) return;
    await orAborted(this.#context.store.delete(spent, options), options.signal).catch(() => {});
  }
}
