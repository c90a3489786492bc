import pLimit from 'p-limit';
import type { ListedObject, ListOptions, ObjectStore } from './object-store.js';
import { onAbort } from './on-abort.js';
import { sameStore } from './wrapping.js';

export interface LimitOptions {
  /** How many requests are under way at once. */
  readonly concurrency: number;
}

/**
 * Bounds the requests under way at once; the others wait in line, and leave it when they are aborted. A listing
 * holds a place only while it waits for the store, not while its consumer is thinking.
 */
export function withLimit(store: ObjectStore, options: LimitOptions): ObjectStore {
  const limit = pLimit(options.concurrency);

  async function inTurn<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    let leave: (() => void) | undefined;
    const waiting = new Promise<never>((_, reject) => {
      leave = onAbort(signal, () => reject(signal?.reason));
    });
    const running = limit(() => {
      // From here on the store itself answers for an abort: it alone knows what it has sent.
      leave?.();
      signal?.throwIfAborted();
      return call();
    });
    running.catch(() => undefined);
    return Promise.race([running, waiting]);
  }

  async function* list(prefix: string, o: ListOptions): AsyncGenerator<ListedObject, void, undefined> {
    const iterator = store.list(prefix, o)[Symbol.asyncIterator]();
    let done = false;
    try {
      for (;;) {
        const result = await inTurn(() => iterator.next(), o.signal);
        if (result.done) {
          done = true;
          return;
        }
        yield result.value;
      }
    } finally {
      if (!done) await iterator.return?.();
    }
  }

  return {
    ...sameStore(store),
    get: (key, o = {}) => inTurn(() => store.get(key, o), o.signal),
    put: (key, bytes, o = {}) => inTurn(() => store.put(key, bytes, o), o.signal),
    delete: (keys, o = {}) => inTurn(() => store.delete(keys, o), o.signal),
    list: (prefix, o = {}) => list(prefix, o),
  };
}
