/**
 * How long an attempt at a commit may take: one object, handed down to everything that waits on its behalf. Attempts
 * that follow each other share it, since signals and timers cost more than all else that a commit computes: a timer that
 * goes off too early sleeps again for as long as its deadline was put off.
 *
 * It has two moments. Until the first (`commitTimeoutMs`) the commit is tried, and tried again. Until the second, a
 * quarter of that time later, what became of it is found out: the fence, looks at the slot. Then nothing waits any
 * more. With `commitTimeoutMs: 0` everything is tried once, for as long as the store's own layers take.
 *
 * Invariants:
 * - Whatever is given one of its signals ends when that moment comes, or when the database is cut off.
 * - It leaves no timer and no listener behind once it is disposed of.
 */
import {
  type Backoff,
  type CallOptions,
  type Clock,
  jitteredMs,
  onAbort,
  type RandomBytes,
  StoreError,
} from '@holdfast/object-store';

/** What is left for finding out, as a share of the time for trying. */
const SETTLING_SHARE = 1 / 4;

export class Deadline {
  /** `commitTimeoutMs`, as errors name it. */
  readonly ms: number;
  readonly #clock: Clock;
  readonly #cutting: AbortSignal | undefined;
  /** When the attempt began. */
  #sinceMs: number;
  readonly #tries = new AbortController();
  readonly #end = new AbortController();
  #cancelTimer = (): void => {};
  /** A pause has gone on until the tries were over. */
  #slept = false;
  readonly #leaveCutting: () => void;

  /**
   * @param ms `commitTimeoutMs`, from now.
   * @param cutting aborted when the database is cut off.
   */
  constructor(clock: Clock, ms: number, cutting?: AbortSignal) {
    this.ms = ms;
    this.#clock = clock;
    this.#cutting = cutting;
    this.#sinceMs = clock.monotonic();
    this.#leaveCutting = onAbort(cutting, () => {
      this.#tries.abort(cutting?.reason);
      this.#end.abort(cutting?.reason);
    });
    if (ms > 0 && ms < Number.POSITIVE_INFINITY) this.#wait(ms);
  }

  /** The deadline of an attempt that begins now, after the one that this was for. */
  again(): Deadline {
    if (this.isOver) {
      this.dispose();
      return new Deadline(this.#clock, this.ms, this.#cutting);
    }
    this.#sinceMs = this.#clock.monotonic();
    return this;
  }

  #wait(leftMs: number): void {
    const sinceMs = this.#sinceMs;
    this.#cancelTimer = this.#clock.after(leftMs, () => {
      const putOffMs = this.#sinceMs - sinceMs;
      if (putOffMs > 0) this.#wait(putOffMs);
      else this.#endTries();
    });
  }

  #endTries(): void {
    const { ms } = this;
    const reason = new StoreError('UNAVAILABLE', `There was no answer within commitTimeoutMs, ${ms} ms.`);
    this.#tries.abort(reason);
    this.#cancelTimer = this.#clock.after(ms * SETTLING_SHARE, () => this.#end.abort(reason));
  }

  get #triesEndMs(): number {
    return this.#sinceMs + this.ms;
  }

  get #endMs(): number {
    return this.ms === 0 ? Number.POSITIVE_INFINITY : this.#sinceMs + this.ms * (1 + SETTLING_SHARE);
  }

  /** Whether what failed is not tried again. */
  get isOver(): boolean {
    return this.#slept || this.#tries.signal.aborted || this.#clock.monotonic() >= this.#triesEndMs;
  }

  /** For what comes before the commit is sent, and for sending it. */
  get trying(): CallOptions {
    return callOptions(this.#tries.signal, this.#triesEndMs - this.#clock.monotonic());
  }

  /** For finding out what became of it. */
  get settling(): CallOptions {
    return callOptions(this.#end.signal, this.#endMs - this.#clock.monotonic());
  }

  /** The next call of several tries: the last one begins when the tries are over, and has what is left. */
  get next(): CallOptions {
    return this.isOver ? this.settling : this.trying;
  }

  /** Whether this is why something ended: a call that fails with it was not sent. */
  isReason(error: unknown): boolean {
    return this.#end.signal.aborted
      ? error === this.#end.signal.reason || error === this.#tries.signal.reason
      : this.#tries.signal.aborted && error === this.#tries.signal.reason;
  }

  /** Waits before the next try, no longer than until the tries are over. */
  async pause(ms: number): Promise<void> {
    const left = this.#triesEndMs - this.#clock.monotonic();
    if (left <= 0 || this.#tries.signal.aborted) return;
    // The clock may say a little less than was slept.
    this.#slept ||= ms >= left;
    await this.#clock.sleep(Math.min(ms, left), this.#tries.signal).catch(() => {});
  }

  /** Nobody waits for it any more. */
  dispose(): void {
    this.#cancelTimer();
    this.#leaveCutting();
  }
}

function callOptions(signal: AbortSignal, leftMs: number): CallOptions {
  return leftMs > 0 && leftMs < Number.POSITIVE_INFINITY ? { signal, timeoutMs: leftMs } : { signal };
}

const BACKOFF: Backoff = { firstMs: 20, maxMs: 2_000, leastShare: 1 / 2 };
/** A store that asks for more than this is not waited for any longer where no deadline cuts it. */
const RETRY_AFTER_MS_MAX = 30_000;

/**
 * How long to wait before the next try: half to all of a ceiling that doubles, or as long as the store asks for.
 * @param attempt from 0.
 */
export function backoffMs(random: RandomBytes, attempt: number, error?: unknown): number {
  const asked = error instanceof StoreError ? Math.min(error.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX) : 0;
  return Math.max(asked, jitteredMs(random, attempt, BACKOFF));
}
