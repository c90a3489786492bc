import { cutRange } from './byte-range.js';
import { type Clock, systemClock } from './clock.js';
import { StoreError } from './errors.js';
import { compareKeys } from './key-order.js';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectStore,
  PutOptions,
  PutResult,
  StoredObject,
} from './object-store.js';
import { randomHex, systemRandom } from './random.js';

/**
 * Objects in this process's memory: the reference that the contract is read from, and a store for tests.
 *
 * Invariants:
 * - Each call takes effect in one synchronous step, so conditions are atomic.
 * - Bytes are copied in and out: no caller holds the stored array.
 * - An ETag is never used twice, so replaced bytes that come back have a new one.
 */
export class MemoryStore implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity: string;
  readonly #objects = new Map<string, { bytes: Uint8Array; etag: string; modifiedMs: number }>();
  readonly #nowMs: () => number;
  /** Every key, descending: the name of a newer record is less than that of an older one, so it goes to the end. */
  readonly #keys: string[] = [];
  #writes = 0;

  /**
   * @param name what tells this store from others; random unless given.
   * @param clock its own.
   */
  constructor(name: string = randomHex(systemRandom, 8), clock: Pick<Clock, 'now'> = systemClock) {
    this.identity = `memory:${name}`;
    this.#nowMs = () => clock.now();
  }

  /** A copy of all objects as they are now, in key order: for tests. */
  objects(): ReadonlyMap<string, Uint8Array> {
    const ascending = [...this.#keys].reverse();
    return new Map(ascending.map((key) => [key, this.#objects.get(key)!.bytes.slice()]));
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    const { start, end } = cutRange(
      this.#objects.get(key)?.bytes.length ?? 0,
      options.range,
      options.maxBytes,
    );
    const object = this.#objects.get(key);
    if (object === undefined) return undefined;
    const { bytes, etag, modifiedMs } = object;
    return { bytes: bytes.slice(start, end), etag, size: bytes.length, modifiedMs };
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    options.signal?.throwIfAborted();
    if (options.ifAbsent && options.ifMatch !== undefined) {
      throw new StoreError('INVALID', 'A put takes ifAbsent or ifMatch, not both.');
    }
    const found = this.#objects.get(key);
    if (options.ifAbsent && found) return { occupied: true };
    if (options.ifMatch !== undefined && found?.etag !== options.ifMatch) return { occupied: true };
    const etag = `"${++this.#writes}"`;
    // Not slice(): a Buffer's slice shares its memory.
    this.#objects.set(key, { bytes: new Uint8Array(bytes), etag, modifiedMs: this.#nowMs() });
    if (!found) this.#keys.splice(this.#greater(key), 0, key);
    return { etag };
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    for (const key of keys) {
      if (this.#objects.delete(key)) this.#keys.splice(this.#greater(key), 1);
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const { signal, limit = Number.POSITIVE_INFINITY } = options;
    let after = options.after;
    signal?.throwIfAborted();
    for (let listed = 0; listed < limit; listed++) {
      // Sought anew each time, since keys come and go while the consumer is thinking.
      const isBefore = after === undefined || compareKeys(after, prefix) < 0;
      const key = this.#keys[isBefore ? this.#first(prefix) : this.#greater(after!) - 1];
      if (key === undefined || !key.startsWith(prefix)) return;
      yield { key, size: this.#objects.get(key)!.bytes.length };
      signal?.throwIfAborted();
      after = key;
    }
  }

  /** Index of the least key at or after `key`. */
  #first(key: string): number {
    const greater = this.#greater(key);
    return this.#keys[greater] === key ? greater : greater - 1;
  }

  /** How many keys come after `key`. */
  #greater(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keys[middle]!, key) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
