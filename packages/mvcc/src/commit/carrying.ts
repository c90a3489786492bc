/** What this process does for others: looks for what they have announced, and says what of it goes into its next record. */
import { toHex } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import type { View } from '../state/view.js';
import type { Announcer } from './announcer.js';
import { type Collected, Collector } from './collector.js';
import { GROUP_TRANSACTIONS_MAX } from './commit-queue.js';
import type { Lead } from './lead.js';
import type { Plan } from './plan.js';
import { isLarge, isLoad, type Waiting } from './proposal.js';
import type { Turns } from './turns.js';

/** What one record takes of others' intents, bytes. */
const CARRIED_BYTES_MAX = 4 * 1024 * 1024;

export class Carrying {
  readonly #collector: Collector;
  readonly #announcer: Announcer;
  readonly #turns: Turns;
  readonly #lead: Lead;
  /** Told when others' intents were found. */
  onFound: () => void = () => {};
  /** On this state nothing of others could be carried to any effect. */
  #vainVersion = 0;

  constructor(context: Context, parts: { announcer: Announcer; turns: Turns; lead: Lead }) {
    this.#collector = new Collector(context);
    this.#announcer = parts.announcer;
    this.#turns = parts.turns;
    this.#lead = parts.lead;
  }

  /** Whether others wait for a record on `view`, as far as is known. */
  isWaitedFor(view: View): boolean {
    if (this.#vainVersion === view.version) return false;
    return this.#collector.carriable(view).some((found) => !this.#isPutOff(found));
  }

  /** Nothing of it was worth a record on `view`. */
  isInVain(view: View): void {
    this.#vainVersion = view.version;
  }

  /**
   * What of others' intents goes into the record on `view`: one at least, if any may.
   * @param own what of this process's goes into it.
   */
  carriable(view: View, own: readonly Waiting[]): Collected[] {
    const taken: Collected[] = [];
    let [bytes, transactions] = [0, 0];
    // A record lays one large transaction on the state, behind all others: this process's own first.
    let hasLarge = (this.#announcer.out?.members.some(isLarge) ?? false) || own.some(isLoad);
    for (const found of this.#collector.carriable(view)) {
      if (this.#isPutOff(found)) continue;
      const large = found.members.some(isLarge);
      if (large && hasLarge) continue;
      hasLarge ||= large;
      bytes += found.bytes;
      transactions += found.members.length;
      if (taken.length > 0 && (bytes > CARRIED_BYTES_MAX || transactions > GROUP_TRANSACTIONS_MAX)) break;
      taken.push(found);
    }
    return taken;
  }

  /**
   * Whether an intent is left for later, because somebody's turn comes first. Who has read the same is told at once,
   * unless it would not run again.
   */
  #isPutOff({ intent, members }: Collected): boolean {
    const processId = toHex(intent.processId);
    return members.some(
      ({ proposal }) =>
        this.#turns.putsOff(proposal, processId) &&
        (intent.turnMs === 0 || !this.#turns.meets(proposal, processId)),
    );
  }

  /**
   * Looks what others have announced.
   * @param decided by the record that is on its way meanwhile.
   * @returns whether there was anything new.
   */
  async collect(
    view: View,
    decided: Plan['decided'],
    options: CallOptions & { readonly list: boolean },
  ): Promise<boolean> {
    if (!options.list && !this.#lead.isContended) return false;
    const { own } = this.#announcer;
    const before = this.#collector.heard;
    const skip = new Set(decided.map(({ writerId }) => toHex(writerId)));
    await this.#collector.collect(view, { ...options, own, skip });
    if (this.#collector.heard === before) return false;
    this.#lead.heard();
    this.onFound();
    return true;
  }
}
