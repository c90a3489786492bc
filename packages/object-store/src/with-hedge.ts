import { type Clock, systemClock } from './clock.js';
import type { GetOptions, ObjectStore, StoredObject } from './object-store.js';
import { onAbort } from './on-abort.js';
import { sameStore } from './wrapping.js';

export interface HedgeOptions {
  readonly clock?: Clock | undefined;
  /** Milliseconds until the second GET. Unless given, the `percentile` of the latest reads. */
  readonly delayMs?: number | undefined;
  /** Between 0 and 1; 0.95 unless given. */
  readonly percentile?: number | undefined;
  /** How many extra reads there may be for one read, as a long-run share. 0.05 unless given. */
  readonly shareMax?: number | undefined;
}

const samplesMin = 20;
const samplesMax = 128;

/**
 * Sends a slow read a second time and takes the answer that comes first (Dean and Barroso, "The Tail at Scale",
 * CACM 2013). Both are sent after the call, so either answer is as fresh as the contract demands.
 *
 * Invariant: extra reads never exceed `shareMax` of the reads, so a slow store is not made slower.
 */
export function withHedge(store: ObjectStore, options: HedgeOptions = {}): ObjectStore {
  const { clock = systemClock, percentile = 0.95, shareMax = 0.05 } = options;
  const samplesMs: number[] = [];
  let samples = 0;
  let reads = 0;
  let extraReads = 0;

  /** Undefined: not known yet. */
  function delayMs(): number | undefined {
    if (options.delayMs !== undefined) return options.delayMs;
    if (samplesMs.length < samplesMin) return undefined;
    const sorted = samplesMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percentile))];
  }

  async function get(key: string, o: GetOptions = {}): Promise<StoredObject | undefined> {
    o.signal?.throwIfAborted();
    const since = clock.monotonic();
    reads++;
    const found = await hedged(key, o, delayMs());
    samplesMs[samples++ % samplesMax] = clock.monotonic() - since;
    return found;
  }

  function hedged(key: string, o: GetOptions, waitMs: number | undefined): Promise<StoredObject | undefined> {
    if (waitMs === undefined) return store.get(key, o);
    const ending = new AbortController();
    const leave = onAbort(o.signal, () => ending.abort(o.signal?.reason));
    const read = (): Promise<StoredObject | undefined> => store.get(key, { ...o, signal: ending.signal });
    let cancel: (() => void) | undefined;

    return new Promise<StoredObject | undefined>((resolve, reject) => {
      let running = 1;
      // While the other one is running, a failure may still be made good.
      const onFailure = (error: unknown): void => {
        if (--running === 0) reject(error);
      };
      read().then(resolve, onFailure);
      cancel = clock.after(waitMs, () => {
        if (running === 0 || ending.signal.aborted || extraReads + 1 > shareMax * reads) return;
        extraReads++;
        running++;
        read().then(resolve, onFailure);
      });
    }).finally(() => {
      leave();
      cancel?.();
      ending.abort('The other read was faster.');
    });
  }

  return {
    ...sameStore(store),
    get,
    put: (key, bytes, o) => store.put(key, bytes, o),
    delete: (keys, o) => store.delete(keys, o),
    list: (prefix, o) => store.list(prefix, o),
  };
}
