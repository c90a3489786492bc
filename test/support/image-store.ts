/**
 * A bucket as an adversary shows it: the objects of an image, some of them replaced, hidden or made up. Read-only,
 * so that every mutation starts from the same image.
 */
import {
  type GetOptions,
  type ListedObject,
  type ListOptions,
  type MemoryStore,
  type ObjectStore,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';

export type Image = ReadonlyMap<string, Uint8Array>;

/** What the adversary shows instead; undefined: nothing. */
export type Changes = ReadonlyMap<string, Uint8Array | undefined>;

export class ImageStore implements ObjectStore {
  readonly capabilities = { putIfAbsent: true, putIfMatch: true, orderedList: true };
  readonly identity = 'image:';
  readonly #objects: Map<string, Uint8Array>;

  constructor(image: Image, changes: Changes = new Map()) {
    this.#objects = new Map(image);
    for (const [key, bytes] of changes)
      if (bytes === undefined) this.#objects.delete(key);
      else this.#objects.set(key, bytes);
  }

  async get(key: string, { range }: GetOptions = {}): Promise<StoredObject | undefined> {
    const whole = this.#objects.get(key);
    if (whole === undefined) return undefined;
    // A range past the end yields what is there, as HTTP has it.
    const bytes = range ? whole.slice(range.offset, range.offset + range.length) : whole.slice();
    return { bytes, etag: 'image', size: whole.length };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const keys = [...this.#objects.keys()].filter(
      (key) => key.startsWith(prefix) && key > (options.after ?? ''),
    );
    for (const key of keys.sort().slice(0, options.limit))
      yield { key, size: this.#objects.get(key)!.length };
  }

  put(): never {
    throw new StoreError('DENIED', 'An image is not written to.');
  }

  delete(): never {
    throw new StoreError('DENIED', 'An image is not written to.');
  }
}

/** Every object of a store as text, so that two moments can be compared quickly. */
export function contentsOf(store: MemoryStore): ReadonlyMap<string, string> {
  return new Map([...store.objects()].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]));
}
