/**
 * Opened blocks, parsed metas and small large-values, shared by all segments of a process.
 *
 * Invariants:
 * - What is cached was authenticated. The cache key begins with the segment's Merkle root, so an entry can only
 *   answer for the very bytes it came from.
 * - The sum of the cached sizes never exceeds `maxBytes`; what is larger than that is not cached.
 * - Of concurrent loads of one thing one goes out. Its failure is its caller's own (abort, budget): whoever
 *   joined it then tries alone, once.
 */
import { LRUCache } from 'lru-cache';

/** Per cached thing, for the key and the list node. */
const OVERHEAD_BYTES = 160;

export interface Cacheable {
  readonly byteLength: number;
}

export class BlockCache {
  readonly maxBytes: number;
  readonly #entries: LRUCache<string, Cacheable> | undefined;
  readonly #loading = new Map<string, Promise<Cacheable>>();

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

  /** What is cached, else what `load` yields, which is then cached. */
  async load<T extends Cacheable>(key: string, load: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const cached = this.get<T>(key);
    if (cached !== undefined) return cached;
    signal?.throwIfAborted();
    const other = this.#loading.get(key);
    if (other !== undefined) {
      const joined = await unlessAborted(
        other.then(
          (value) => value as T,
          () => undefined,
        ),
        signal,
      );
      return joined ?? this.#keep(key, load());
    }
    const loading = load();
    this.#loading.set(key, loading);
    try {
      return await this.#keep(key, loading);
    } finally {
      this.#loading.delete(key);
    }
  }

  async #keep<T extends Cacheable>(key: string, loading: Promise<T>): Promise<T> {
    const value = await loading;
    this.set(key, value);
    return value;
  }
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
