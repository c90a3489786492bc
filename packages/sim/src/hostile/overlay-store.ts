/** An image as an adversary shows it, which can be written to: each store is a copy of its own, and takes its time. */
import {
  type Clock,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  MemoryStore,
  type PutOptions,
  type PutResult,
  type StoredObject,
} from '@holdfast/object-store';
import type { Changes, Image } from './image-store.js';

/** What each request takes: who asks again and again must see time pass. */
const ANSWER_MS = 20;

export class OverlayStore extends MemoryStore {
  readonly #changes: Changes;
  readonly #clock: Clock;

  private constructor(changes: Changes, clock: Clock) {
    super('overlay');
    this.#changes = changes;
    this.#clock = clock;
  }

  static async of(image: Image, changes: Changes, clock: Clock): Promise<OverlayStore> {
    const store = new OverlayStore(changes, clock);
    for (const [name, bytes] of image) if (!changes.has(name)) await store.#add(name, bytes);
    for (const [name, shown] of changes) {
      const bytes = image.get(name);
      if (shown instanceof Uint8Array) await store.#add(name, shown);
      else if (shown !== 'gone' && bytes) {
        const copy = bytes.slice();
        if (typeof shown === 'object') copy[shown.at]! ^= shown.mask;
        await store.#add(name, copy);
      }
    }
    return store;
  }

  #add(name: string, bytes: Uint8Array): Promise<PutResult> {
    return super.put(name, bytes);
  }

  override async put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    await this.#clock.sleep(ANSWER_MS);
    return super.put(name, bytes, options);
  }

  override async get(name: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    await this.#clock.sleep(ANSWER_MS);
    return this.#changes.get(name) === 'listed only' ? undefined : super.get(name, options);
  }

  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<ListedObject, void, undefined> {
    await this.#clock.sleep(ANSWER_MS);
    for await (const listed of super.list(prefix, options))
      if (this.#changes.get(listed.key) !== 'not listed') yield listed;
  }
}
