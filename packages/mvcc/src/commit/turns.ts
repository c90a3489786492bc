/**
 * Turns: who has lost goes before the young (decision 0021). A record says whose turns there are, in the order in which
 * they came, and what each of them has read; everybody leaves that alone until its turn was taken, or has lapsed.
 *
 * Invariants:
 * - A courtesy: what is put off, or not, decides when something commits, never whether it counts.
 * - A turn is in force for a bounded time after this process saw it come first among those it meets: whoever dies with a
 *   turn holds up nobody for long. Time is this process's own.
 */
import { keysReadWithin, TURN_READS_BYTES_MAX, TURNS_MAX, type Turn, toHex } from '@holdfast/core';
import type { Clock } from '@holdfast/object-store';
import type { View } from '../state/view.js';
import type { Proposal, Waiting } from './proposal.js';
import { ReadSet } from './read-set.js';

/** What somebody who has lost asks for. */
export interface AskedTurn {
  readonly processId: Uint8Array;
  readonly waitMs: number;
  /** Empty: all there is. */
  readonly lost: readonly Waiting[];
}

/** How long others leave alone what somebody has read: to learn of its turn, run, and commit. */
export function turnMs(roundTripMs: number, bodyMs: number): number {
  const ms = TURN_ROUND_TRIPS * roundTripMs + TURN_BODIES * bodyMs;
  return Math.ceil(Math.min(Math.max(ms, TURN_MS_MIN), TURN_MS_MAX));
}

const TURN_ROUND_TRIPS = 8;
const TURN_BODIES = 2;
const TURN_MS_MIN = 20;
const TURN_MS_MAX = 5_000;

/** Turns in a record of so long ago are nobody's any more, ms. */
const OLD_MS = 5_000;

interface Standing {
  readonly turn: Turn;
  /** Whose. */
  readonly name: string;
  readonly reads: ReadSet;
  /** Turns before it that have read what it has. */
  readonly behind: readonly Standing[];
}

export class Turns {
  readonly #clock: Clock;
  readonly #own: string;
  #of: readonly Turn[] = [];
  #isOld = false;
  /** Who is asked to make the next record. */
  #named: string | undefined;
  #standing: readonly Standing[] = [];
  /** When each came first among those it meets, by the monotonic clock. */
  readonly #firstSinceMs = new Map<string, number>();

  /** @param processId this process's. */
  constructor(clock: Clock, processId: Uint8Array) {
    this.#clock = clock;
    this.#own = toHex(processId);
  }

  /** Whether none is in force. */
  get isEmpty(): boolean {
    return this.#live().length === 0;
  }

  /** Takes up what a newer state says. */
  update({ contention, clockMs }: View): void {
    const { turns, successor } = contention;
    // By its writer's clock, whatever that is worth: of a crowd that is gone nobody has to be waited for.
    this.#isOld = this.#clock.now() - clockMs > OLD_MS;
    this.#named = successor && toHex(successor);
    if (turns === this.#of) return;
    this.#of = turns;
    const standing: Standing[] = [];
    for (const turn of turns) {
      const reads = ReadSet.from(turn.reads);
      const behind = standing.filter((earlier) => earlier.reads.meets(reads));
      standing.push({ turn, name: toHex(turn.processId), reads, behind });
    }
    // Further back than it was: it has had that turn, and this is another.
    const before = new Map(this.#standing.map(({ name, behind }) => [name, behind.length]));
    for (const { name, behind } of standing)
      if (behind.length > (before.get(name) ?? behind.length)) this.#firstSinceMs.delete(name);
    this.#standing = standing;
    // What is not there any more was taken.
    const names = new Set(standing.map(({ name }) => name));
    for (const name of this.#firstSinceMs.keys()) if (!names.has(name)) this.#firstSinceMs.delete(name);
    this.#live();
  }

  /**
   * The turns after a record.
   * @param served whose transactions are in it, hex.
   * @param asked by those who have lost in it.
   */
  after(
    served: ReadonlySet<string>,
    asked: Iterable<AskedTurn>,
  ): {
    readonly turns: readonly Turn[] /** All have read what the first has. */;
    readonly areSerial: boolean;
  } {
    const left = this.#live().filter(({ name }) => !served.has(name));
    const turns = left.map(({ turn }) => turn);
    const reads = left.map((standing) => standing.reads);
    const known = new Set(left.map(({ name }) => name));
    for (const { processId, waitMs, lost } of asked) {
      const name = toHex(processId);
      if (known.has(name) || turns.length >= TURNS_MAX) continue;
      known.add(name);
      const all =
        lost.length === 0 ? ReadSet.everything : ReadSet.union(lost.map(({ proposal }) => proposal.reads));
      turns.push({ processId, waitMs, reads: keysReadWithin(all.toKeysRead(), TURN_READS_BYTES_MAX) });
      reads.push(all);
    }
    const [first, ...others] = reads.filter((one) => !one.isEmpty);
    return { turns, areSerial: first !== undefined && others.every((one) => one.meets(first)) };
  }

  /** Whether it is about to make records: it is told so by a turn that puts off nobody, or stands second in a line. */
  get isNext(): boolean {
    const live = this.#live();
    const own = live.find(({ name }) => name === this.#own);
    if (!own || own.reads.isEmpty) return own !== undefined;
    return live[0]?.name === this.#named && countBefore(own, live) === 1;
  }

  /** How many turns that it meets stand before this process's own; undefined: it has none. */
  get ahead(): number | undefined {
    const live = this.#live();
    const own = live.find(({ name, reads }) => name === this.#own && !reads.isEmpty);
    return own && countBefore(own, live);
  }

  /**
   * Whether a transaction is to be put off, because it writes what somebody whose turn comes earlier has read.
   * @param processId whose it is.
   */
  putsOff(proposal: Proposal, processId: string = this.#own): boolean {
    return this.#before(processId).some(({ reads }) => reads.isHitBy(proposal.changes, proposal.deleted));
  }

  /** Whether it has read what one of those has. */
  meets(proposal: Proposal, processId: string = this.#own): boolean {
    return this.#before(processId).some(({ reads }) => reads.meets(proposal.reads));
  }

  #before(processId: string): readonly Standing[] {
    if (this.#standing.length === 0) return this.#standing;
    const live = this.#live();
    const at = live.findIndex(({ name }) => name === processId);
    return (at < 0 ? live : live.slice(0, at)).filter((standing) => countBefore(standing, live) === 0);
  }

  /** How long the longest of them may be in force, ms. */
  get longestMs(): number {
    return Math.max(0, ...this.#live().map((standing) => this.#waitMs(standing)));
  }

  /** When the next of them lapses, by the monotonic clock; undefined: there is none. */
  get lapsesAtMs(): number | undefined {
    const live = this.#live();
    const ends = live.flatMap((standing) => {
      const since = this.#firstSinceMs.get(standing.name);
      return since === undefined ? [] : [since + this.#waitMs(standing)];
    });
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Who is asked to make the next record needs nobody to carry what it has run again. */
  #waitMs({ turn, name }: Standing): number {
    const waitMs = Math.min(turn.waitMs, TURN_MS_MAX);
    return name === this.#named ? waitMs / 2 : waitMs;
  }

  #live(): readonly Standing[] {
    if (this.#standing.length === 0 || this.#isOld) return [];
    const now = this.#clock.monotonic();
    const live: Standing[] = [];
    for (const standing of this.#standing) {
      const { name } = standing;
      let since = this.#firstSinceMs.get(name);
      if (since === undefined && countBefore(standing, live) === 0) {
        since = now;
        this.#firstSinceMs.set(name, since);
      }
      const isLapsed = since !== undefined && now >= since + this.#waitMs(standing);
      if (!isLapsed) live.push(standing);
    }
    return live;
  }
}

/** Of the turns that it meets and that come before it, those that are in force. */
function countBefore({ behind }: Standing, live: readonly Standing[]): number {
  return behind.filter((earlier) => live.includes(earlier)).length;
}
