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
