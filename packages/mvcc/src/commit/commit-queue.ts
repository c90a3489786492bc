/**
 * The transactions and edits that wait for a record, in the order they came.
 *
 * Invariants:
 * - Each is told once: how its record went, or why it will never be in one.
 * - Until its record is sent its caller can leave at any moment, and then nothing of it is sent.
 */
import { type Clock, onAbort } from '@holdfast/object-store';
import { ORDER_MAX, type Stamp } from '../state/versionstamp.js';
import type { Edit } from './edit.js';
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
  readonly #queue: Waiting[] = [];
  #bytes = 0;
  #edits: WaitingEdit[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#edits.length === 0;
  }

  /** Resolves when the transaction is durable. */
  join(proposal: Proposal): Promise<Stamp> {
    return new Promise((resolve, reject) => {
      const { signal } = proposal;
      const waiting: Waiting = {
        proposal,
        sinceMs: this.#clock.monotonic(),
        provenThrough: 0,
        stage: 'waiting',
        resolve: (stamp) => {
          forget();
          resolve(stamp);
        },
        reject: (error) => {
          forget();
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

  /** Moves as much of the queue into `group` as one record takes, one transaction at least, and all edits. */
  fill(group: Group): void {
    const { members } = group;
    let bytes = members.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    let count = 0;
    for (const { proposal } of this.#queue) {
      const full =
        members.length + count >= GROUP_TRANSACTIONS_MAX || bytes + proposal.bytes > GROUP_BYTES_MAX;
      if (full && members.length + count > 0) break;
      bytes += proposal.bytes;
      count++;
    }
    const taken = this.#queue.splice(0, count);
    this.#bytes -= taken.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    group.members = [...members, ...taken];
    group.edits = [...group.edits, ...this.#edits];
    this.#edits = [];
  }

  #remove(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#bytes -= waiting.proposal.bytes;
  }
}
