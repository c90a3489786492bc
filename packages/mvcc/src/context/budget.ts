/** What one transaction may spend on the network, and the account of what it did spend. */
import { HoldfastError } from '@holdfast/core';
import { type Meter, type RequestClass, Traffic } from '@holdfast/object-store';
import { checkKnown } from './call-options.js';

export interface Budget {
  /** Requests at most, all attempts of the body and the commit itself together. */
  readonly requests?: number | undefined;
  /** Bytes at most, sent and received. */
  readonly bytes?: number | undefined;
}

/** Counts, and refuses a request that would overspend before it is sent. */
export class BudgetMeter implements Meter {
  readonly #budget: Budget;
  readonly #also: Meter | undefined;
  readonly #spent = new Traffic();

  constructor(budget: Budget, also: Meter | undefined) {
    checkKnown('transact: budget', budget, ['requests', 'bytes']);
    for (const [name, value] of Object.entries(budget))
      if (value !== undefined && !(typeof value === 'number' && value >= 0))
        throw new RangeError(`budget.${name}: expected a number from 0, found ${String(value)}.`);
    this.#budget = { ...budget };
    this.#also = also;
  }

  request(kind: RequestClass, bytesOut: number): void {
    const { requests = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = this.#budget;
    const spent = Object.values(this.#spent.requests).reduce((sum, n) => sum + n, 0);
    const used = this.#spent.bytesIn + this.#spent.bytesOut;
    if (spent + 1 > requests || used + bytesOut > bytes)
      throw new HoldfastError(
        'BUDGET_EXCEEDED',
        `The transaction's budget is ${requests} requests and ${bytes} bytes; it has used ${spent} and ${used}, and one more ${kind} of ${bytesOut} bytes would overspend. Nothing was changed.`,
      );
    this.#spent.request(kind, bytesOut);
    this.#also?.request(kind, bytesOut);
  }

  response(kind: RequestClass, bytesIn: number): void {
    this.#spent.response(kind, bytesIn);
    this.#also?.response(kind, bytesIn);
  }

  retry(kind: RequestClass): void {
    this.#spent.retry(kind);
    this.#also?.retry(kind);
  }
}
