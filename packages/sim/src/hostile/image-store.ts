/**
 * A bucket as an adversary shows it: the objects of an image, some of them replaced, hidden or made up. Read-only,
 * so that every mutation starts from the same image.
 */
import {
  type GetOptions,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';

export type Image = ReadonlyMap<string, Uint8Array>;

/** One byte of an object changed. No copy is made of the rest: there are millions of these. */
export interface Flip {
  readonly at: number;
  readonly mask: number;
}

/** What the adversary shows in an object's place: other bytes, nothing, only its name, or only its bytes. */
export type Shown = Uint8Array | Flip | 'gone' | 'listed only' | 'not listed';
export type Changes = ReadonlyMap<string, Shown>;

export const NO_CHANGES: Changes = new Map();

export class ImageStore implements ObjectStore {
  readonly capabilities: ObjectStore['capabilities'] = {
    putIfAbsent: true,
    putIfMatch: true,
    orderedList: true,
  };
  readonly identity = 'image:';
  readonly #image: Image;
  readonly #names: readonly string[];
  #changes: Changes;
  /** Told of each get: the object, and the bytes of it that were asked for. */
  onGet: ((name: string, from: number, to: number) => void) | undefined;

  constructor(image: Image, changes: Changes = NO_CHANGES) {
    this.#image = image;
    this.#names = [...image.keys()].sort();
    this.#changes = changes;
  }

  /** From now on the image is shown with these changes, and no others. */
  show(changes: Changes): void {
    this.#changes = changes;
  }

  #bytesOf(name: string): Uint8Array | undefined {
    const shown = this.#changes.get(name);
    if (shown === 'gone' || shown === 'listed only') return undefined;
    return shown instanceof Uint8Array ? shown : this.#image.get(name);
  }

  async get(name: string, { range }: GetOptions = {}): Promise<StoredObject | undefined> {
    const whole = this.#bytesOf(name);
    if (whole === undefined) return undefined;
    this.onGet?.(name, range?.offset ?? 0, range ? range.offset + range.length : whole.length);
    // A range past the end yields what is there, as HTTP has it.
    const bytes = range ? whole.slice(range.offset, range.offset + range.length) : whole.slice();
    const shown = this.#changes.get(name);
    if (typeof shown === 'object' && 'mask' in shown) {
      const at = shown.at - (range?.offset ?? 0);
      if (at >= 0 && at < bytes.length) bytes[at]! ^= shown.mask;
    }
    return { bytes, etag: 'image', size: whole.length };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const added = [...this.#changes.keys()].filter((name) => !this.#image.has(name));
    const names = added.length === 0 ? this.#names : [...this.#names, ...added].sort();
    let left = limit;
    for (const name of names) {
      if (!name.startsWith(prefix) || name <= after) continue;
      const shown = this.#changes.get(name);
      if (shown === 'gone' || shown === 'not listed') continue;
      if (left-- === 0) return;
      yield { key: name, size: (shown instanceof Uint8Array ? shown : this.#image.get(name))?.length ?? 0 };
    }
  }

  put(): never {
    throw new StoreError('DENIED', 'An image is not written to.');
  }

  delete(): never {
    throw new StoreError('DENIED', 'An image is not written to.');
  }
}
