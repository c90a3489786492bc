/**
 * Walks several sorted sources as one, newest write of each key first.
 *
 * Invariants:
 * - Each key comes once, with its entry of the highest versionstamp; older ones are passed over.
 * - Where a range tombstone over it is newer, the key comes as deleted by that. All that can lie over a key are known
 *   when it comes: a source tells those that it holds before the walk reaches the first key under them.
 * - A source is opened only when its first possible key is the next one (in a long walk: the next but one), so
 *   that a scan over many segments that don't overlap holds one or two of them in memory, not all.
 */
import { type Cursor, compareBytes, type RangeTombstone } from '@holdfast/core';
import type { RangeCovers } from './range-covers.js';
import { compareStamps, type Stamp } from './versionstamp.js';

export interface MergeSource {
  /** No key of this source comes before it in the direction of the walk. Undefined: not known, open at once. */
  readonly bound: Uint8Array | undefined;
  /**
   * Its range tombstones; none of them reaches beyond the bound.
   * @param covers those that are known by then: what they hide as a whole need not be told.
   */
  readonly ranges?: ((covers: RangeCovers) => Promise<readonly RangeTombstone[]>) | undefined;
  /**
   * @param long the walk has been long already, and will likely go on.
   * @param covers the range tombstones that are known by then.
   * @returns undefined: it has no key that they don't hide.
   */
  open(long: boolean, covers: RangeCovers): Cursor | undefined;
}

/** After so many keys a walk counts as long: it then opens the next source while it walks this one. */
const LONG_WALK = 2048;

interface Slot {
  readonly source: MergeSource;
  readonly cursor: Cursor | undefined;
  key: Uint8Array;
  /** Under way, ahead of its turn. */
  opening?: Promise<Cursor | undefined>;
}

export class MergeCursor implements Cursor {
  /** A binary heap, the next key on top. */
  readonly #heap: Slot[] = [];
  readonly #sources: readonly MergeSource[];
  readonly #direction: 1 | -1;
  readonly #covers: RangeCovers;
  readonly #failed: (error: unknown) => Promise<never>;
  /** The range tombstone that is newer than what was written to the current key. */
  #hidden: Stamp | undefined;
  /** The slots that stand on the current key, its newest entry first. */
  readonly #current: Slot[] = [];
  #walked = 0;
  done = true;

  /**
   * @param covers the range tombstones that are known from the beginning; those of sources join them.
   * @param failed throws what is to be said of a failure.
   */
  constructor(
    sources: readonly MergeSource[],
    covers: RangeCovers,
    reverse: boolean,
    failed: (error: unknown) => Promise<never> = rethrow,
  ) {
    this.#sources = sources;
    this.#failed = failed;
    this.#covers = covers;
    this.#direction = reverse ? -1 : 1;
  }

  get key(): Uint8Array {
    return this.#top().key;
  }
  compareKey(key: Uint8Array): number {
    return this.#top().compareKey(key);
  }
  get version(): number {
    return (this.#hidden ?? this.#top()).version;
  }
  get order(): number {
    return (this.#hidden ?? this.#top()).order;
  }
  get tombstone(): boolean {
    return this.#hidden !== undefined || this.#top().tombstone;
  }
  get expiresMs(): number {
    return this.#hidden ? 0 : this.#top().expiresMs;
  }
  get stream(): boolean {
    return !this.#hidden && this.#top().stream;
  }
  value(): Uint8Array | Promise<Uint8Array> {
    const value = this.#top().value();
    return value instanceof Uint8Array ? value : value.catch(this.#failed);
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
      const cursor = await this.#open(source, false);
      if (cursor && !cursor.done) this.#push({ source, cursor, key: cursor.key });
    }
    await this.#settle();
  }

  /** Moves to the next key; a promise only when something must be fetched. */
  next(): Promise<void> | undefined {
    // Nearly always one source has the next key too, and within its block.
    if (this.#current.length === 1) {
      const slot = this.#current[0]!;
      const cursor = slot.cursor!;
      const pending = cursor.next();
      if (pending) return this.#finishAdvance(pending, 0);
      const next = this.#heap[0];
      if (!cursor.done && (next === undefined || cursor.compareKey(next.key) * this.#direction < 0)) {
        this.#cover();
        if (++this.#walked >= LONG_WALK) this.#openAhead();
        return undefined;
      }
      this.#requeue(slot);
      this.#current.length = 0;
      this.#walked++;
      return this.#settle();
    }
    // That path must not cost a promise either.
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
    await pending.catch(this.#failed);
    this.#requeue(this.#current[from]!);
    for (const slot of this.#current.slice(from + 1)) {
      await slot.cursor!.next()?.catch(this.#failed);
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
    if (!this.done) this.#cover();
    if (this.#walked >= LONG_WALK) this.#openAhead();
    return undefined;
  }

  #cover(): void {
    if (this.#covers.isEmpty) return;
    const stamp = this.#covers.over(this.key);
    this.#hidden = stamp && compareStamps(stamp, this.#top()) > 0 ? stamp : undefined;
  }

  /** What a source has for this walk, on its first key. */
  async #open(source: MergeSource, long: boolean): Promise<Cursor | undefined> {
    try {
      if (source.ranges) this.#covers.addList(await source.ranges(this.#covers));
      const cursor = source.open(long, this.#covers);
      await cursor?.start();
      return cursor;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #openAhead(): void {
    const slot = this.#heap[0];
    if (slot === undefined || slot.cursor !== undefined || slot.opening) return;
    // Its place in the heap is that of its bound, and stays so until its turn comes.
    slot.opening = this.#open(slot.source, true);
    // Who needs the source awaits the opening itself, and meets the error there.
    slot.opening.catch(() => {});
  }

  async #openTop(): Promise<void> {
    const slot = this.#heap[0]!;
    this.#pop();
    const cursor = await (slot.opening ?? this.#open(slot.source, this.#walked >= LONG_WALK));
    if (cursor && !cursor.done) this.#push({ source: slot.source, cursor, key: cursor.key });
    await this.#settle();
  }

  #before(a: Slot, b: Slot): boolean {
    const order = compareBytes(a.key, b.key) * this.#direction;
    // Whose range tombstones are known first may spare the opening of the others.
    return order < 0 || (order === 0 && mayHide(a) && !mayHide(b));
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

/** Whether opening it may show that others need not be opened. */
function mayHide({ source, cursor }: Slot): boolean {
  return cursor === undefined && source.ranges !== undefined;
}

async function rethrow(error: unknown): Promise<never> {
  throw error;
}
