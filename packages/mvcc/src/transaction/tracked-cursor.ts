/**
 * Walks a range for a transaction's body: the view, with the transaction's own writes over it.
 *
 * Invariant: what it has walked past is in the read set at every moment, however early the body stops.
 */
import { type Cursor, concatBytes } from '@holdfast/core';
import type { ReadSet } from '../commit/read-set.js';
import type { MergeCursor } from '../state/merge-cursor.js';
import type { Bounds } from '../state/space.js';
import type { Overlay, ScanOptions, View } from '../state/view.js';

/** Whose writes lie over the view. */
interface Overlaid {
  readonly reads: ReadSet;
  overlay(bounds: Bounds): Promise<Overlay>;
}

export class TrackedCursor implements Cursor {
  readonly #open: () => Promise<Overlay>;
  readonly #scan: (overlay: Overlay) => MergeCursor;
  readonly #bounds: Bounds;
  readonly #reverse: boolean;
  readonly #seen: { begin: Uint8Array; end: Uint8Array | undefined };
  #inner: MergeCursor | undefined;

  constructor(view: View, attempt: Overlaid, bounds: Bounds, options: ScanOptions) {
    this.#bounds = bounds;
    this.#reverse = options.reverse ?? false;
    this.#open = () => attempt.overlay(bounds);
    this.#scan = (overlay) => view.scan(bounds, { ...options, overlay });
    this.#seen = this.#reverse
      ? { begin: bounds.end ?? AFTER_ALL, end: bounds.end }
      : { begin: bounds.begin, end: bounds.begin };
    attempt.reads.addRange(this.#seen);
  }

  get done(): boolean {
    return this.#inner?.done ?? true;
  }
  get key(): Uint8Array {
    return this.#inner!.key;
  }
  compareKey(key: Uint8Array): number {
    return this.#inner!.compareKey(key);
  }
  get version(): number {
    return this.#inner!.version;
  }
  get order(): number {
    return this.#inner!.order;
  }
  get tombstone(): boolean {
    return this.#inner!.tombstone;
  }
  get expiresMs(): number {
    return this.#inner!.expiresMs;
  }
  get stream(): boolean {
    return this.#inner!.stream;
  }
  value(): Uint8Array | Promise<Uint8Array> {
    return this.#inner!.value();
  }

  async start(): Promise<void> {
    this.#inner = this.#scan(await this.#open());
    await this.#inner.start();
    this.#note();
  }

  next(): Promise<void> | undefined {
    const pending = this.#inner!.next();
    if (pending) return pending.then(() => this.#note());
    this.#note();
    return undefined;
  }

  #note(): void {
    const { done } = this.#inner!;
    if (this.#reverse) this.#seen.begin = done ? this.#bounds.begin : this.key.slice();
    else this.#seen.end = done ? this.#bounds.end : concatBytes(this.key, ZERO);
  }
}

const ZERO = Uint8Array.of(0);
/** Above every stored key. */
const AFTER_ALL = Uint8Array.of(255);
