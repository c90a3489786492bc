/**
 * The transactions and edits that wait for a record, in the order they came; those that an elder is before wait for it.
 *
 * Invariants:
 * - Each is told once: how its record went, or why it will never be in one.
 * - Until its record is sent its caller can leave at any moment, and then nothing of it is sent.
 * - Nobody is put off for longer than a bounded time, whoever is before.
 */
import { type Clock, onAbort } from '@holdfast/object-store';
import { ORDER_MAX, type Stamp } from '../state/versionstamp.js';
import type { Edit } from './edit.js';
import { type Elders, TURN_MS_MAX } from './elders.js';
import type { Group } from './group.js';
import type { Proposal, Waiting, WaitingEdit } from './proposal.js';

/** A record carries its writes inline up to here; the rest of the queue goes into the next. */
export const GROUP_BYTES_MAX: number = 1024 * 1024;
export const GROUP_TRANSACTIONS_MAX: number = Math.min(4096, ORDER_MAX);

/** How long a group waits for those who keep coming, in turns of the microtask queue: none holds up the others. */
const GATHER_TURNS = 16;
const GATHER_ROUNDS_MAX = 16;

export class CommitQueue {
  readonly #clock: Clock;
  readonly #elders: Elders;
  readonly #putOffMsMax: number;
  /** Told when the bounded time of somebody who was put off is over. */
  onOverdue: () => void = () => {};
  /** Ends the timer until then. */
  #alarm: (() => void) | undefined;
  #queue: Waiting[] = [];
  #bytes = 0;
  #edits: WaitingEdit[] = [];

  /** @param commitTimeoutMs who was put off has as much time left of it for its record. 0: any time. */
  constructor(clock: Clock, elders: Elders, commitTimeoutMs: number) {
    this.#clock = clock;
    this.#elders = elders;
    this.#putOffMsMax = Math.min(TURN_MS_MAX, commitTimeoutMs / 2 || TURN_MS_MAX);
  }

  /** Whether there is nothing in it that may go now. */
  get isIdle(): boolean {
    return this.#edits.length === 0 && this.#queue.every((waiting) => this.#mustWait(waiting));
  }

  /** Resolves when the transaction is durable. */
  join(proposal: Proposal): Promise<Stamp> {
    return new Promise((resolve, reject) => {
      const { signal, contender } = proposal;
      const waiting: Waiting = {
        proposal,
        sinceMs: this.#clock.monotonic(),
        provenThrough: 0,
        stage: 'waiting',
        resolve: (stamp) => {
          forget();
          // Now, not when its caller has heard of it: the next in line goes before whoever is in the queue.
          if (contender) this.#elders.leave(contender);
          resolve(stamp);
        },
        reject: (error) => {
          forget();
          if (contender) this.#elders.takeBack(contender);
          reject(error);
        },
      };
      const forget = onAbort(signal, () => {
        if (waiting.stage !== 'waiting') return;
        waiting.stage = 'left';
        this.#remove(waiting);
        reject(signal!.reason);
      });
      if (waiting.stage === 'left') return;
      this.#queue.push(waiting);
      this.#bytes += proposal.bytes;
      if (contender) this.#elders.handOver(contender, proposal);
      this.#watch();
    });
  }

  /** Resolves when its record is durable: to whether the edit is in it, or was stale. */
  joinEdit(edit: Edit): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#edits.push({ edit, resolve, reject });
    });
  }

  /** Lets callers that were just acknowledged, and go on to write, join the group: microtasks only, no timer. */
  async gather(): Promise<void> {
    let seen = -1;
    for (let round = 0; seen < this.#queue.length && round < GATHER_ROUNDS_MAX; round++) {
      // More could not go into the next record anyway.
      if (this.#queue.length >= GROUP_TRANSACTIONS_MAX || this.#bytes >= GROUP_BYTES_MAX) return;
      seen = this.#queue.length;
      for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined;
    }
  }

  /**
   * Moves as much of the queue into `group` as one record takes, and all edits; one transaction at least, if any may
   * go. Who has a turn goes before the others in the group.
   */
  fill(group: Group): void {
    const { members } = group;
    let bytes = members.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    const taken = new Set<Waiting>();
    for (const waiting of this.#goers()) {
      const { proposal } = waiting;
      const count = members.length + taken.size;
      const full = count >= GROUP_TRANSACTIONS_MAX || bytes + proposal.bytes > GROUP_BYTES_MAX;
      if (full && count > 0) break;
      bytes += proposal.bytes;
      this.#bytes -= proposal.bytes;
      taken.add(waiting);
    }
    this.#queue = this.#queue.filter((waiting) => !taken.has(waiting));
    group.members = turnsFirst([...members, ...taken]);
    group.edits = [...group.edits, ...this.#edits];
    this.#edits = [];
    this.#watch();
  }

  /** Those who may go now, in their order. */
  #goers(): readonly Waiting[] {
    if (this.#elders.isEmpty) return this.#queue;
    for (const waiting of this.#queue) {
      const { contender } = waiting.proposal;
      // It is about to lose, and needs a turn itself.
      if (contender?.isSlow && this.#mustWait(waiting)) this.#elders.stand(contender);
    }
    return turnsFirst(this.#queue.filter((waiting) => !this.#mustWait(waiting)));
  }

  #mustWait({ proposal, sinceMs }: Waiting): boolean {
    if (this.#elders.isEmpty || this.#clock.monotonic() - sinceMs >= this.#putOffMsMax) return false;
    return this.#elders.mustWait(proposal);
  }

  /** Sees to it that nobody is forgotten, if somebody may be put off. */
  #watch(): void {
    const oldest = this.#queue[0];
    if (!oldest || this.#elders.isEmpty) {
      this.#alarm?.();
      this.#alarm = undefined;
      return;
    }
    const leftMs = oldest.sinceMs + this.#putOffMsMax - this.#clock.monotonic();
    // Overdue, it goes into the next group. And whoever came later is overdue later.
    if (leftMs <= 0 || this.#alarm) return;
    this.#alarm = this.#clock.after(leftMs, () => {
      this.#alarm = undefined;
      this.onOverdue();
      this.#watch();
    });
  }

  #remove(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#bytes -= waiting.proposal.bytes;
    this.#watch();
  }
}

function turnsFirst(all: readonly Waiting[]): readonly Waiting[] {
  const hasTurn = ({ proposal }: Waiting): boolean => proposal.contender?.stage === 'turn';
  if (!all.some(hasTurn)) return all;
  return [...all.filter(hasTurn), ...all.filter((waiting) => !hasTurn(waiting))];
}
