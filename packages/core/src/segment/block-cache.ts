/**
 * Opened blocks, parsed metas and small large-values, shared by all segments of a process.
 *
 * Invariants:
 * - What is cached was authenticated. The cache key begins with the segment's Merkle root, so an entry can only
 *   answer for the very bytes it came from.
 * - The sum of the cached sizes never exceeds `maxBytes`; what is larger than that is not cached.
 * - Of concurrent loads of one thing one goes out, and it goes on for as long as anybody waits for it.
 * - A failure is remembered by nobody. What the store or the bytes have failed at, all who waited have failed at;
 *   what is one caller's own (a budget, an abort) sends the next of them out, again with all others behind.
 */
import { onAbort, StoreError } from '@holdfast/object-store';
import { LRUCache } from 'lru-cache';
import { HoldfastError } from '../object/errors.js';

/** Per cached thing, for the key and the list node. */
const OVERHEAD_BYTES = 160;

interface Cacheable {
  readonly byteLength: number;
}

export class BlockCache {
  readonly maxBytes: number;
  readonly #entries: LRUCache<string, Cacheable> | undefined;
  readonly #loading = new Map<string, SharedLoad>();

  /** @param maxBytes hard bound; 0: nothing is kept, concurrent loads are still joined. */
  constructor(maxBytes: number) {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 0)
      throw new RangeError(`Expected the cache's size in bytes, 0 or more, found ${maxBytes}.`);
    this.maxBytes = maxBytes;
    this.#entries =
      maxBytes === 0
        ? undefined
        : new LRUCache({ maxSize: maxBytes, sizeCalculation: (value) => value.byteLength + OVERHEAD_BYTES });
  }

  /** Bytes that are cached now. */
  get bytes(): number {
    return this.#entries?.calculatedSize ?? 0;
  }

  /** The caller knows what it put under this key. */
  get<T extends Cacheable>(key: string): T | undefined {
    return this.#entries?.get(key) as T | undefined;
  }

  /** Whether it is here, without counting as a use. */
  has(key: string): boolean {
    return this.#entries?.has(key) ?? false;
  }

  set(key: string, value: Cacheable): void {
    this.#entries?.set(key, value);
  }

  clear(): void {
    this.#entries?.clear();
  }

  /**
   * What is cached, else what `load` yields, which is then cached.
   * @param load is given a signal that is aborted when nobody waits any more; it may be another caller's `load`
   * that answers.
   * @param signal ends this caller's waiting.
   */
  async load<T extends Cacheable>(
    key: string,
    load: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (;;) {
      const cached = this.get<T>(key);
      if (cached !== undefined) return cached;
      signal?.throwIfAborted();
      const other = this.#loading.get(key);
      const loading = other ?? this.#start(key, load);
      try {
        return (await loading.wait(signal)) as T;
      } catch (error) {
        if (other === undefined || signal?.aborted || isEverybodys(error)) throw error;
      }
    }
  }

  #start<T extends Cacheable>(key: string, load: (signal: AbortSignal) => Promise<T>): SharedLoad {
    const loading: SharedLoad = new SharedLoad(
      async (signal) => {
        const value = await load(signal);
        this.set(key, value);
        return value;
      },
      () => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
      },
    );
    this.#loading.set(key, loading);
    return loading;
  }
}

/** A load under way, and how many wait for it. */
class SharedLoad {
  readonly #abort = new AbortController();
  readonly #value: Promise<Cacheable>;
  readonly #leave: () => void;
  #waiting = 0;

  /** @param leave called when it must not be joined any more. */
  constructor(load: (signal: AbortSignal) => Promise<Cacheable>, leave: () => void) {
    this.#leave = leave;
    this.#value = load(this.#abort.signal).finally(leave);
    // Those who wait hear of it.
    this.#value.catch(() => {});
  }

  /** Settles as the load does, or rejects with the signal's reason as soon as that is aborted. */
  wait(signal: AbortSignal | undefined): Promise<Cacheable> {
    this.#waiting++;
    if (!signal) return this.#value;
    return new Promise((resolve, reject) => {
      const forget = onAbort(signal, () => {
        reject(signal.reason);
        if (--this.#waiting > 0) return;
        this.#leave();
        this.#abort.abort(signal.reason);
      });
      this.#value.then(resolve, reject).finally(forget);
    });
  }
}

/** Whether a load failed at what anybody's would have failed at just then. */
function isEverybodys(error: unknown): boolean {
  if (error instanceof StoreError) return true;
  return error instanceof HoldfastError && error.code !== 'BUDGET_EXCEEDED';
}
