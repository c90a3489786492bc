import { onAbort } from './on-abort.js';

/** Time, passed in so that a simulator can own it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. Advisory: nothing is safe because of it alone. */
  now(): number;
  /** Milliseconds since an arbitrary start, never going back. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `act`, which must not throw, after `ms`, never before it returns: for what mostly does not come to pass, such as
   * the end of a call's time.
   * @returns ends the wait.
   */
  after(ms: number, act: () => void): () => void;
}

/** Fills and returns a new array of `length` bytes. Must be unpredictable wherever keys are made from it. */
export type RandomBytes = (length: number) => Uint8Array;

// Platforms keep timers in 32 bits and fire at once when given more.
const timerMsMax = 2 ** 31 - 1;

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(systemClock.after, ms, signal);
  },
  after(ms: number, act: () => void): () => void {
    const end = performance.now() + ms;
    let timer: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => {
          const restMs = end - performance.now();
          if (leftMs > timerMsMax && restMs > 0) arm(restMs);
          else act();
        },
        Math.min(leftMs, timerMsMax),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** `Clock.sleep`, of a clock that has `after`. */
export function sleepBy(after: Clock['after'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const cancel = after(ms, () => {
      leave();
      resolve();
    });
    const leave = onAbort(signal, () => {
      cancel();
      reject(signal?.reason);
    });
  });
}
