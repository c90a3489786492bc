/** One request's patience: the caller's signal and our own time limit in one. */
import { onAbort } from '@holdfast/object-store';

// Platforms keep timers in 32 bits and fire at once when given more.
const timerMsMax = 2 ** 31 - 1;

export interface Deadline {
  /** Aborts with the caller's reason, or when the time is over. */
  readonly signal: AbortSignal;
  /** Whether it was our time limit that ended it. */
  readonly expired: boolean;
  /** Rejects when the signal aborts, so that a body that stops arriving can't hold us. Once. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Frees the timer and the listener: a caller's signal may live for as long as the process. */
  end(): void;
}

export function startDeadline(milliseconds: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let expired = false;
  let giveUp: ((reason: unknown) => void) | undefined;
  const abort = (reason: unknown): void => {
    controller.abort(reason);
    giveUp?.(reason);
  };
  const timer = setTimeout(
    () => {
      expired = true;
      abort(new Error(`no answer within ${milliseconds} ms`));
    },
    Math.min(milliseconds, timerMsMax),
  );
  const leave = onAbort(caller, () => abort(caller?.reason));
  return {
    signal,
    get expired() {
      return expired;
    },
    race: (promise) =>
      new Promise((resolve, reject) => {
        giveUp = reject;
        promise.then(resolve, reject);
        if (signal.aborted) reject(signal.reason);
      }),
    end() {
      clearTimeout(timer);
      leave();
    },
  };
}
