/**
 * Faults that a test schedules: what a network or a dying server does to single requests.
 *
 * `after: 'effect'` means that the request took effect before its answer was spoilt; `'nothing'` that it did not.
 */
import type { LoggedRequest, OperationName } from './request.js';

export type Fault =
  /** The connection is cut; nothing happened. */
  | 'reset-before'
  /** The connection is cut instead of an answer; the request took effect. */
  | 'reset-after-effect'
  /** The request takes effect, half of its answer is sent, then the connection is cut. */
  | 'slow-close'
  /** Answers with an error. */
  | {
      readonly status: number;
      readonly after: 'effect' | 'nothing';
      readonly code?: string;
      /** Sent as `Retry-After`. */
      readonly retryAfterSeconds?: number;
      /** Sent as `Location`. */
      readonly location?: string;
    }
  /** The request takes effect; the head of its answer is right, and its body goes on until the client hangs up. */
  | {
      readonly endlessBody: true;
      /** Of an error instead, whose body does not end. */
      readonly status?: number;
      /** The `Content-Length` that is announced; none unless given, as with a chunked body. */
      readonly announced?: number;
      /** Milliseconds between bytes. 0, as fast as the client takes them, unless given. */
      readonly dripMs?: number;
    }
  /** Waits before the answer; by default after the effect. Longer than the client's patience: a time-out. */
  | { readonly delayMs: number; readonly after?: 'effect' | 'nothing' };

/** Takes effect, and its answer comes too late for any client. */
export const timesOutAfterEffect: Fault = { delayMs: 3_600_000, after: 'effect' };
/** Takes no effect, and no answer comes for as long as any client waits. */
export const timesOutBefore: Fault = { delayMs: 3_600_000, after: 'nothing' };

interface Scheduled {
  readonly operation: OperationName | '*';
  readonly fault: Fault;
  remaining: number;
}

export class FaultSchedule {
  #scheduled: Scheduled[] = [];

  /** The next `times` requests of this operation meet `fault`. */
  next(operation: OperationName | '*', fault: Fault, times = 1): void {
    this.#scheduled.push({ operation, fault, remaining: times });
  }

  clear(): void {
    this.#scheduled = [];
  }

  /** How many scheduled faults have not happened yet. */
  get pending(): number {
    return this.#scheduled.reduce((sum, { remaining }) => sum + remaining, 0);
  }

  take(request: LoggedRequest): Fault | undefined {
    const found = this.#scheduled.find(
      ({ operation, remaining }) => remaining > 0 && (operation === '*' || operation === request.operation),
    );
    if (!found) return undefined;
    found.remaining--;
    return found.fault;
  }
}
