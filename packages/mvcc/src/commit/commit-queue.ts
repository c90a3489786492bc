/**
 * The transactions that wait for a record, in the order they came.
 *
 * Invariants:
 * - Each is told once: how its record went, or why it will never be in one.
 * - Until its record is sent its caller can leave at any moment, and then nothing of it is sent.
 */
import { HoldfastError } from '@holdfast/core';
import { type Clock, onAbort } from '@holdfast/object-store';
import { ORDER_MAX, type Stamp } from '../state/versionstamp.js';
import type { Proposal, Waiting } from './proposal.js';

/** A record carries its writes inline up to here; the rest of the queue goes into the next. */
export const GROUP_BYTES_MAX: number = 1024 * 1024;
export const GROUP_TRANSACTIONS_MAX: number = Math.min(4096, ORDER_MAX);

export class CommitQueue {
  readonly #clock: Clock;
  readonly #queue: Waiting[] = [];
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Whether more could not go into the next record anyway. */
  get hasGroup(): boolean {
    return this.#queue.length >= GROUP_TRANSACTIONS_MAX || this.#bytes >= GROUP_BYTES_MAX;
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

  /** Moves as much of the queue into `group` as one record takes, one transaction at least. */
  fill(group: Waiting[]): Waiting[] {
    let bytes = group.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    let count = 0;
    for (const { proposal } of this.#queue) {
      const full = group.length + count >= GROUP_TRANSACTIONS_MAX || bytes + proposal.bytes > GROUP_BYTES_MAX;
      if (full && group.length + count > 0) break;
      bytes += proposal.bytes;
      count++;
    }
    const taken = this.#queue.splice(0, count);
    this.#bytes -= taken.reduce((sum, waiting) => sum + waiting.proposal.bytes, 0);
    group.push(...taken);
    return group;
  }

  #remove(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#bytes -= waiting.proposal.bytes;
  }
}

/** Those of a group whose callers are still there, and have not waited for longer than `timeoutMs` (0: any time). */
export function stillWaiting(group: readonly Waiting[], clock: Clock, timeoutMs: number): Waiting[] {
  const now = clock.monotonic();
  return group.filter((waiting) => {
    if (waiting.stage === 'left') return false;
    const waitedMs = now - waiting.sinceMs;
    if (timeoutMs === 0 || waitedMs <= timeoutMs) return true;
    waiting.reject(
      new HoldfastError(
        'UNAVAILABLE',
        `The transaction has waited ${Math.round(waitedMs)} ms for a record, behind others or losing slots to other writers: expected one within commitTimeoutMs, ${timeoutMs} ms. Nothing was changed; try again.`,
      ),
    );
    return false;
  });
}
