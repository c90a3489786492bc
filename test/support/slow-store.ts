import type {
  CallOptions,
  Clock,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectStore,
  PutOptions,
  PutResult,
  StoredObject,
} from '@holdfast/object-store';

/**
 * A store whose every answer takes `ms` by the clock: with a `ManualClock` the time that passes is the number of
 * answers waited for one after the other, and nothing else.
 */
export class SlowStore implements ObjectStore {
  readonly capabilities: ObjectStore['capabilities'];
  readonly identity: string | undefined;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  ms = 0;
  /** Reads of objects under this prefix, and how many of them were ever under way at once. */
  readonly reads = { count: 0, atOnce: 0, atOnceMax: 0 };
  readonly #counted: string;

  constructor(store: ObjectStore, clock: Clock, counted: string) {
    this.capabilities = store.capabilities;
    this.identity = store.identity;
    this.#store = store;
    this.#clock = clock;
    this.#counted = counted;
  }

  async #wait({ signal }: CallOptions): Promise<void> {
    if (this.ms > 0) await this.#clock.sleep(this.ms, signal);
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    if (!key.startsWith(this.#counted)) {
      await this.#wait(options);
      return this.#store.get(key, options);
    }
    const { reads } = this;
    reads.count++;
    reads.atOnceMax = Math.max(reads.atOnceMax, ++reads.atOnce);
    try {
      await this.#wait(options);
      return await this.#store.get(key, options);
    } finally {
      reads.atOnce--;
    }
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    await this.#wait(options);
    return this.#store.put(key, bytes, options);
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#wait(options);
    return this.#store.delete(keys, options);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    await this.#wait(options);
    yield* this.#store.list(prefix, options);
  }
}
