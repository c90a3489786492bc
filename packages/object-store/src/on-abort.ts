/**
 * Tells calls that their caller's signal was aborted.
 *
 * Invariant: a signal has one listener of this module at most, however many calls wait for it, and none once they
 * have ended. A signal may live for as long as its process, and serve thousands of calls at once: a listener for each
 * would be warned of as a leak (Node's MaxListenersExceededWarning, from the eleventh on).
 */
interface Waiting {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `act` once when `signal` is aborted: now, if it is already.
 * @param act must not throw.
 * @returns ends the wait; call it when the call has ended, whatever the outcome.
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    act();
    return () => undefined;
  }
  const waiting = waitingFor.get(signal) ?? begin(signal);
  // The same function may be given by several calls.
  const own = (): void => act();
  waiting.acts.add(own);
  return () => {
    if (!waiting.acts.delete(own) || waiting.acts.size > 0) return;
    signal.removeEventListener('abort', waiting.listener);
    if (waitingFor.get(signal) === waiting) waitingFor.delete(signal);
  };
}

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as it is aborted: that ends the waiting, not
 * the work, which is shared with others or can't be stopped.
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const leave = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(leave);
  });
}

function begin(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>();
  const listener = (): void => {
    waitingFor.delete(signal);
    // One of them may end the wait of a later one, which is not told then.
    for (const act of acts) {
      acts.delete(act);
      act();
    }
  };
  const waiting = { acts, listener };
  waitingFor.set(signal, waiting);
  signal.addEventListener('abort', listener, { once: true });
  return waiting;
}
