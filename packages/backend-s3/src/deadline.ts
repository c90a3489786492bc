/** One request's patience: the caller's signal and our own time limit in one. */

export interface Deadline {
  /** Aborts with the caller's reason, or when the time is over. */
  readonly signal: AbortSignal;
  /** Whether it was our time limit that ended it. */
  readonly expired: boolean;
  /** Rejects when the signal aborts, so that a body that stops arriving can't hold us. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Frees the timer and the listener: a caller's signal may live for as long as the process. */
  end(): void;
}

export function startDeadline(milliseconds: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    controller.abort(new Error(`no answer within ${milliseconds} ms`));
  }, milliseconds);
  const onCallerAbort = () => controller.abort(caller?.reason);
  if (caller?.aborted) onCallerAbort();
  caller?.addEventListener('abort', onCallerAbort, { once: true });
  return {
    signal,
    get expired() {
      return expired;
    },
    async race<T>(promise: Promise<T>): Promise<T> {
      let onAbort: (() => void) | undefined;
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason);
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      });
      try {
        return await Promise.race([promise, aborted]);
      } finally {
        if (onAbort) signal.removeEventListener('abort', onAbort);
      }
    },
    end() {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onCallerAbort);
    },
  };
}
