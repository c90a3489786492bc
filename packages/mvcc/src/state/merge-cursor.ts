/**
 * Walks several sorted sources as one, newest write of each key first.
 *
 * Invariants:
 * - Each key comes once, with its entry of the highest versionstamp; older ones are passed over.
 * - A source is opened only when its first possible key is the next one (in a long walk: the next but one), so
 *   that a scan over many segments that don't overlap holds one or two of them in memory, not all.
 */
import { type Cursor, compareBytes } from '@holdfast/core';
import { compareStamps } from './versionstamp.js';

/** A walk over keys, tombstones too. Stand on the first one with `start()`. */
export type ScanCursor = Cursor;

export interface MergeSource {
  /** No key of this source comes before it in the direction of the walk. Undefined: not known, open at once. */
  readonly bound: Uint8Array | undefined;
  /** @param long the walk has been long already, and will likely go on. */
  open(long: boolean): Cursor;
}

/** After so many keys a walk counts as long: it then opens the next source while it walks this one. */
const LONG_WALK = 2048;

interface Slot {
  readonly source: MergeSource;
  readonly cursor: Cursor | undefined;
  key: Uint8Array;
  /** Under way, ahead of its turn. */
  opening?: Promise<Cursor>;
}

export class MergeCursor implements ScanCursor {
  /** A binary heap, the next key on top. */
  readonly #heap: Slot[] = [];
  readonly #sources: readonly MergeSource[];
  readonly #direction: 1 | -1;
  /** The slots that stand on the current key, its newest entry first. */
  readonly #current: Slot[] = [];
  #walked = 0;
  done = true;

  constructor(sources: readonly MergeSource[], reverse: boolean) {
    this.#sources = sources;
    this.#direction = reverse ? -1 : 1;
  }

  get key(): Uint8Array {
    return this.#top().key;
  }
  get version(): number {
    return this.#top().version;
  }
  get order(): number {
    return this.#top().order;
  }
  get tombstone(): boolean {
    return this.#top().tombstone;
  }
  get expiresMs(): number {
    return this.#top().expiresMs;
  }
  get stream(): boolean {
    return this.#top().stream;
  }
  value(): Uint8Array | Promise<Uint8Array> {
    return this.#top().value();
  }

  #top(): Cursor {
    return this.#current[0]!.cursor!;
  }

  /** Moves to the first key. */
  async start(): Promise<void> {
    for (const source of this.#sources) {
      if (source.bound !== undefined) {
        this.#push({ source, cursor: undefined, key: source.bound });
        continue;
      }
      const cursor = await open(source, false);
      if (!cursor.done) this.#push({ source, cursor, key: cursor.key });
    }
    await this.#settle();
  }

  /** Moves to the next key; a promise only when something must be fetched. */
  next(): Promise<void> | undefined {
    // Nearly always every slot advances within its block; that path must not cost a promise.
    for (let i = 0; i < this.#current.length; i++) {
      const slot = this.#current[i]!;
      const pending = slot.cursor!.next();
      if (pending) return this.#finishAdvance(pending, i);
      this.#requeue(slot);
    }
    this.#current.length = 0;
    this.#walked++;
    return this.#settle();
  }

  async #finishAdvance(pending: Promise<void>, from: number): Promise<void> {
    await pending;
    this.#requeue(this.#current[from]!);
    for (const slot of this.#current.slice(from + 1)) {
      await slot.cursor!.next();
      this.#requeue(slot);
    }
    this.#current.length = 0;
    await this.#settle();
  }

  #requeue(slot: Slot): void {
    if (slot.cursor!.done) return;
    slot.key = slot.cursor!.key;
    this.#push(slot);
  }

  /** Takes the slots of the next key off the heap. */
  #settle(): Promise<void> | undefined {
    while (this.#heap.length > 0) {
      const slot = this.#heap[0]!;
      // The next possible key lies past the current one: whoever holds it, the current one is complete.
      if (this.#current.length > 0 && compareBytes(slot.key, this.#current[0]!.key) !== 0) break;
      if (slot.cursor === undefined) return this.#openTop();
      this.#pop();
      const newest = this.#current[0];
      if (newest && compareStamps(slot.cursor, newest.cursor!) > 0) this.#current.unshift(slot);
      else this.#current.push(slot);
    }
    this.done = this.#current.length === 0;
    if (this.#walked >= LONG_WALK) this.#openAhead();
    return undefined;
  }

  #openAhead(): void {
    const slot = this.#heap[0];
    if (slot === undefined || slot.cursor !== undefined || slot.opening) return;
    // Its place in the heap is that of its bound, and stays so until its turn comes.
    slot.opening = open(slot.source, true);
    // Who needs the source awaits the opening itself, and meets the error there.
    slot.opening.catch(() => {});
  }

  async #openTop(): Promise<void> {
    const slot = this.#heap[0]!;
    this.#pop();
    const cursor = await (slot.opening ?? open(slot.source, this.#walked >= LONG_WALK));
    if (!cursor.done) this.#push({ source: slot.source, cursor, key: cursor.key });
    await this.#settle();
  }

  #before(a: Slot, b: Slot): boolean {
    return compareBytes(a.key, b.key) * this.#direction < 0;
  }

  #push(slot: Slot): void {
    const heap = this.#heap;
    let i = heap.push(slot) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(slot, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = slot;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

async function open(source: MergeSource, long: boolean): Promise<Cursor> {
  const cursor = source.open(long);
  await cursor.start();
  return cursor;
}
