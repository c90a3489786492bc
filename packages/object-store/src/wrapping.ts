/** What all wrappers share. */
import type { Clock } from './clock.js';
import type { ObjectStore } from './object-store.js';
import { onAbort } from './on-abort.js';

/** The properties that a wrapper hands on unchanged. */
export function sameStore(store: ObjectStore): Pick<ObjectStore, 'capabilities' | 'identity' | 'close'> {
  return {
    capabilities: store.capabilities,
    identity: store.identity,
    ...(store.close ? { close: () => store.close!() } : {}),
  };
}

export interface Limits {
  readonly clock: Clock;
  readonly ms: number;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** What to fail with after `ms`. */
  expired(): unknown;
  /** What to fail with when the caller's signal is aborted. */
  aborted(reason: unknown): unknown;
}

/**
 * Gives a call a deadline and the caller's abort, and settles at either even if the call ignores its signal.
 * Leaves no timer and no listener behind.
 */
export async function within<T>(call: (signal: AbortSignal) => Promise<T>, limits: Limits): Promise<T> {
  const { clock, ms, signal } = limits;
  const calling = new AbortController();
  let leave: (() => void) | undefined;
  let cancel: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      leave = onAbort(signal, () => {
        reject(limits.aborted(signal?.reason));
        calling.abort(signal?.reason);
      });
      call(calling.signal).then(resolve, reject);
      cancel = clock.after(ms, () => {
        const expired = limits.expired();
        reject(expired);
        calling.abort(expired);
      });
    });
  } finally {
    leave?.();
    cancel?.();
  }
}
