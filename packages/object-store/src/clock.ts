import { onAbort } from './on-abort.js';

/** Time, passed in so that a simulator can own it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. Advisory: nothing is safe because of it alone. */
  now(): number;
  /** Milliseconds since an arbitrary start, never going back. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
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
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const end = performance.now() + ms;
      let timer: ReturnType<typeof setTimeout>;
      const leave = onAbort(signal, () => {
        clearTimeout(timer);
        reject(signal?.reason);
      });
      const arm = (leftMs: number): void => {
        timer = setTimeout(
          () => {
            const restMs = end - performance.now();
            if (leftMs > timerMsMax && restMs > 0) {
              arm(restMs);
              return;
            }
            leave();
            resolve();
          },
          Math.min(leftMs, timerMsMax),
        );
      };
      arm(ms);
    });
  },
};
