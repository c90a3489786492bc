/** A cursor over entries in memory: the tail's, or a transaction's own writes. */
import { type Cursor, compareBytes } from '@holdfast/core';
import type { SortedMap } from './sorted-map.js';
import type { Bounds } from './space.js';
import { fromStoredKey, toStoredKey } from './space.js';
import type { TailEntry } from './tail.js';

export class MapCursor implements Cursor {
  readonly #map: SortedMap<TailEntry>;
  readonly #begin: string;
  readonly #end: string | undefined;
  readonly #reverse: boolean;
  #pair: [string, TailEntry] | undefined;
  #keyBytes: Uint8Array = new Uint8Array(0);

  /** The map must not change while the cursor is in use. */
  constructor(map: SortedMap<TailEntry>, bounds: Bounds, reverse: boolean) {
    this.#map = map;
    this.#begin = toStoredKey(bounds.begin);
    this.#end = bounds.end && toStoredKey(bounds.end);
    this.#reverse = reverse;
  }

  get done(): boolean {
    return this.#pair === undefined;
  }
  get key(): Uint8Array {
    return this.#keyBytes;
  }
  compareKey(key: Uint8Array): number {
    return compareBytes(this.#keyBytes, key);
  }
  get version(): number {
    return this.#pair![1].version;
  }
  get order(): number {
    return this.#pair![1].order;
  }
  get tombstone(): boolean {
    return this.#pair![1].value === undefined;
  }
  get expiresMs(): number {
    return this.#pair![1].expiresMs ?? 0;
  }
  get stream(): boolean {
    return this.#pair![1].stream ?? false;
  }
  value(): Uint8Array {
    return this.#pair![1].value!;
  }

  start(): Promise<void> {
    this.#move(
      this.#reverse ? this.#map.nextLowerPair(this.#end) : this.#map.getPairOrNextHigher(this.#begin),
    );
    return Promise.resolve();
  }

  next(): undefined {
    const at = this.#pair![0];
    this.#move(this.#reverse ? this.#map.nextLowerPair(at) : this.#map.nextHigherPair(at));
  }

  #move(pair: [string, TailEntry] | undefined): void {
    const inside =
      pair !== undefined &&
      (this.#reverse ? pair[0] >= this.#begin : this.#end === undefined || pair[0] < this.#end);
    this.#pair = inside ? pair : undefined;
    if (inside) this.#keyBytes = fromStoredKey(pair[0]);
  }
}
