/**
 * Whether an open database still takes calls.
 *
 * Invariants:
 * - Once it has ended it stays so, and every later call hears the same: a database that has seen two histories is
 *   not used again by this process.
 */
import { HoldfastError } from '@holdfast/core';

export class Lifetime {
  #ended: HoldfastError | undefined;
  readonly #ending = new AbortController();

  /** Aborted when it ends: what only waits for news stops waiting. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** @throws HoldfastError CLOSED, or what stopped it. */
  check(): void {
    if (this.#ended) throw this.#ended;
  }

  /** Ends it with FORK or ROLLBACK. What ended it first stays. */
  stop(error: HoldfastError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#ending.abort(error);
  }

  /** Ends it with CLOSED. */
  close(): void {
    this.stop(new HoldfastError('CLOSED', 'This database was closed. Nothing was done; open it again.'));
  }
}
