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
} from '../object-store.js';
import type { Call } from './calls.js';

/** Passes all four calls of a store through one method, where a test store does its work. */
export abstract class CallStore implements ObjectStore {
  protected readonly store: ObjectStore;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  get capabilities(): Capabilities {
    return this.store.capabilities;
  }

  get identity(): string | undefined {
    return this.store.identity;
  }

  /**
   * @param run makes the call and gives its result; of a listing, its first answer: an iterator's result.
   */
  protected abstract around<T>(call: Call, options: CallOptions, run: () => Promise<T>): Promise<T>;

  get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    const call: Call = { kind: 'get', key, range: options.range, maxBytes: options.maxBytes };
    return this.around(call, options, () => this.store.get(key, options));
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const conditional = options.ifAbsent === true || options.ifMatch !== undefined;
    const call: Call = { kind: 'put', key, bytes: new Uint8Array(bytes), conditional };
    return this.around(call, options, () => this.store.put(key, bytes, options));
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    const call: Call = { kind: 'delete', key: keys[0] ?? '', keys: [...keys] };
    return this.around(call, options, () => this.store.delete(keys, options));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const iterator = this.store.list(prefix, options)[Symbol.asyncIterator]();
    try {
      let result = await this.around({ kind: 'list', key: prefix }, options, () => iterator.next());
      while (!result.done) {
        yield result.value;
        result = await iterator.next();
      }
    } finally {
      await iterator.return?.();
    }
  }

  async close(): Promise<void> {
    await this.store.close?.();
  }
}
