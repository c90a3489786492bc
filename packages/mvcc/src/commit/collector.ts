/**
 * Others' intents, as far as this process has found them: what its next record may carry.
 *
 * Invariants:
 * - What does not authenticate is as good as absent: the store could else use up a writer's numbers.
 * - Whether an intent counts is judged on the parent of the record that is to carry it, again for each.
 * - What is kept is bounded: one intent for a writer, and all of them together by their bytes.
 * - Nobody waits for a listing, or for an intent, that does not come.
 */
import {
  equalBytes,
  INTENT_BYTES_MAX,
  INTENT_PREFIX,
  type Intent,
  intentName,
  openIntent,
  parseIntentName,
  toHex,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { View } from '../state/view.js';
import { fromAnnounced } from './announced.js';
import { counts, decidedOf, type IntentPlace } from './intents-table.js';
import type { Waiting } from './proposal.js';
import { isInMemory, validate } from './validate.js';

/** An intent that was found, as it can be laid on a state. */
export interface Collected extends IntentPlace {
  /** SHA-256 of its object. */
  readonly hash: Uint8Array;
  readonly intent: Intent;
  /** Of its transactions, in order. Nobody of this process waits for them. */
  readonly members: readonly Waiting[];
  readonly bytes: number;
}

/** A writer is asked for its next intent until it was not there so often, and only if it was heard of lately. */
const MISSES_MAX = 3;
const LATELY_RECORDS = 6;
/** Intents that are asked for at once. */
const ASKED_MAX = 256;
/** Names that one listing takes in. */
const LISTED_MAX = 1_000;
/** Intents that are over and still lie in the bucket, before who lists them deletes them. */
const LEFT_OVER_MAX = 256;
/** All that is kept, bytes. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

export class Collector {
  readonly #context: Context;
  /** By its writer, hex. */
  readonly #found = new Map<string, Collected>();
  /** Whose validation has to read segments first: until it has. */
  readonly #warming = new Set<Collected>();
  readonly #warm = new WeakSet<Collected>();
  /** How often a writer's next intent was not there, since its last one. */
  readonly #misses = new Map<string, { readonly k: number; count: number }>();
  readonly #asked = new Set<string>();
  #bytes = 0;
  /** Intents that were found since it was made. */
  heard = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** What a record on `view` may carry, without waiting for a segment. What can count no more is let go. */
  carriable(view: View): Collected[] {
    const carriable: Collected[] = [];
    for (const [writer, found] of this.#found) {
      if (!counts(view.intents, found)) this.#forget(writer, found);
      // Of a state that is still to come for this process: what it has read can't be judged yet.
      else if (found.base <= view.version && !this.#warming.has(found) && this.#isAtHand(view, found))
        carriable.push(found);
    }
    return carriable;
  }

  /**
   * Asks for what those who were lately heard of may have announced since, and whom nobody knows by a listing.
   * @param view the newest state.
   * @param options.own writers of this process, hex; `skip`: those that the record under way decides.
   */
  async collect(
    view: View,
    options: CallOptions & {
      readonly list: boolean;
      readonly own: ReadonlySet<string>;
      readonly skip: ReadonlySet<string>;
    },
  ): Promise<void> {
    this.carriable(view);
    const { turns, successor } = view.contention;
    // All wait for one key: whoever has lost it lately has a turn, and nothing to be carried.
    const isLine = turns.length > 0 && successor !== undefined && equalBytes(turns[0]!.processId, successor);
    const asked = (isLine ? [] : this.#lately(view)).filter(({ writerId }) => {
      const writer = toHex(writerId);
      return !options.own.has(writer) && !options.skip.has(writer);
    });
    await Promise.all([
      ...asked.slice(0, ASKED_MAX).map((place) => this.#ask(view, place, options)),
      options.list ? this.#list(view, options) : undefined,
    ]);
  }

  #lately({ intents, version }: View): Pick<IntentPlace, 'writerId' | 'k'>[] {
    return intents.decided.flatMap(({ writerId, k, version: decidedIn }) => {
      // Decided in the newest record: its writer can hardly have heard of that.
      if (decidedIn >= version || version - decidedIn > LATELY_RECORDS) return [];
      const misses = this.#misses.get(toHex(writerId));
      if (misses?.k === k && misses.count >= MISSES_MAX) return [];
      return [{ writerId, k: k + 1 }];
    });
  }

  async #list(view: View, options: CallOptions & { readonly own: ReadonlySet<string> }): Promise<void> {
    const { store } = this.#context;
    const found: Pick<IntentPlace, 'writerId' | 'k'>[] = [];
    const leftOver: string[] = [];
    try {
      for await (const { key } of store.list(INTENT_PREFIX, { ...options, limit: LISTED_MAX })) {
        const place = parseIntentName(key);
        if (!place || options.own.has(toHex(place.writerId))) continue;
        const last = decidedOf(view.intents, place.writerId);
        // Not the first of a writer that was dropped, or was never there: it counts nowhere any more.
        if (last ? place.k <= last.k : place.k > 1) leftOver.push(key);
        else if (place.k === (last?.k ?? 0) + 1) found.push(place);
      }
    } catch {
      // Another listing tells.
      return;
    }
    // Its writer deletes what is over, unless it was killed.
    if (leftOver.length > LEFT_OVER_MAX) store.delete(leftOver, options).catch(() => {});
    await Promise.all(found.slice(0, ASKED_MAX).map((place) => this.#ask(view, place, options)));
  }

  async #ask(
    view: View,
    { writerId, k }: Pick<IntentPlace, 'writerId' | 'k'>,
    options: CallOptions,
  ): Promise<void> {
    const writer = toHex(writerId);
    const name = intentName(writerId, k);
    if (this.#found.get(writer)?.k === k || this.#asked.has(name)) return;
    this.#asked.add(name);
    try {
      const found = await this.#context.store.get(name, { ...options, maxBytes: INTENT_BYTES_MAX });
      if (found) await this.#take(view, { writerId, k }, found.bytes, options);
      else this.#miss(writer, k - 1);
    } catch {
      // Not to be read, or not authentic: as good as absent. Its owner carries it itself.
      this.#miss(writer, k - 1);
    } finally {
      this.#asked.delete(name);
    }
  }

  #miss(writer: string, k: number): void {
    const misses = this.#misses.get(writer);
    if (misses?.k === k) misses.count++;
    else this.#misses.set(writer, { k, count: 1 });
  }

  async #take(
    view: View,
    { writerId, k }: Pick<IntentPlace, 'writerId' | 'k'>,
    bytes: Uint8Array,
    { signal }: CallOptions,
  ): Promise<void> {
    const { sealing } = this.#context;
    const { intent, hash } = await openIntent(sealing, bytes, { writerId, k }, signal);
    const { base } = intent;
    const found: Collected = {
      writerId,
      k,
      base,
      hash,
      intent,
      members: toMembers(intent, this.#context.clock.monotonic()),
      bytes: bytes.length,
    };
    // What a listing or a slow answer brings may be known already.
    if (!counts(view.intents, found) || this.#bytes + found.bytes > KEPT_BYTES_MAX) return;
    const writer = toHex(writerId);
    const before = this.#found.get(writer);
    if (before) this.#forget(writer, before);
    this.#found.set(writer, found);
    this.#bytes += found.bytes;
    this.heard++;
  }

  #isAtHand(view: View, found: Collected): boolean {
    if (this.#warm.has(found) || found.members.every((member) => isInMemory(view, member))) return true;
    // Next time, with what it needs in the block cache.
    this.#warming.add(found);
    validate(view, found.members)
      .catch(() => {})
      .finally(() => {
        this.#warming.delete(found);
        this.#warm.add(found);
      });
    return false;
  }

  #forget(writer: string, found: Collected): void {
    this.#found.delete(writer);
    this.#bytes -= found.bytes;
    if (this.#misses.size > ASKED_MAX * 4) this.#misses.clear();
  }
}

/** @throws TypeError, HoldfastError: what no sound writer announces. */
function toMembers(intent: Intent, sinceMs: number): Waiting[] {
  const members = intent.transactions.map(
    (transaction): Waiting => ({
      proposal: fromAnnounced(transaction, intent),
      sinceMs,
      provenThrough: 0,
      stage: 'sent',
      resolve: () => {},
      reject: () => {},
    }),
  );
  // What it writes is not at hand, so nothing may be laid on it in the same record.
  if (members.length > 1 && members.some(({ proposal }) => proposal.bulk))
    throw new TypeError('Expected a large transaction alone in its intent.');
  return members;
}
