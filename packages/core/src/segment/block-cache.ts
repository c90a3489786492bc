/**
 * Opened blocks, parsed metas and small large-values, shared by all segments of a process. Each segment has its
 * own slots here, so that a reader finds what it looks for by a chunk's number, and builds no key.
 *
 * Invariants:
 * - What is cached was authenticated. Slots belong to the segment's Merkle root, so that they can only answer for the
 *   very bytes they came from.
 * - The sum of the cached sizes never exceeds `maxBytes`; what is larger than that is not cached.
 * - Metas have a budget of their own, half of it all: blocks never push one out, and what is left of that half is the
 *   blocks'.
 * - Nobody but the cache keeps what it has let go: a reader holds slots, not what is in them.
 * - Of concurrent loads of one thing one goes out, and it goes on for as long as anybody waits for it.
 * - A failure is remembered by nobody. What the store or the bytes have failed at, all who waited have failed at;
 *   what is one caller's own (a budget, an abort) sends the next of them out, again with all others behind.
 */
import { onAbort, StoreError } from '@holdfast/object-store';
import { HoldfastError } from '../object/errors.js';
import { type Evictable, Sieve } from './sieve.js';

/** Per cached thing, for its node and its slot. */
const OVERHEAD_BYTES = 160;
/** Of the cache's size, what metas may take together; one that is larger may stand alone. */
const META_SHARE = 1 / 2;
/** The slot of a segment's meta; the others are chunks' numbers. */
export const META_SLOT = -1;

interface Cacheable {
  readonly byteLength: number;
}

interface Node extends Evictable {
  value: Cacheable;
  readonly segment: CachedSegment;
  readonly slot: number;
}

export class BlockCache {
  readonly maxBytes: number;
  readonly #metaBytesMax: number;
  readonly #metas = new Sieve<Node>();
  readonly #blocks = new Sieve<Node>();
  readonly #segments = new Map<string, CachedSegment>();

  /** @param maxBytes hard bound; 0: nothing is kept, concurrent loads are still joined. */
  constructor(maxBytes: number) {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 0)
      throw new RangeError(`Expected the cache's size in bytes, 0 or more, found ${maxBytes}.`);
    this.maxBytes = maxBytes;
    this.#metaBytesMax = maxBytes * META_SHARE;
  }

  /** Bytes that are cached now. */
  get bytes(): number {
    return this.#metas.bytes + this.#blocks.bytes;
  }

  clear(): void {
    while (this.#forgetOne(this.#blocks) || this.#forgetOne(this.#metas));
  }

  /** The slots of the segment with this root. Ask again once they are `ended`. */
  segment(root: Uint8Array): CachedSegment {
    const key = String.fromCharCode(...root);
    let found = this.#segments.get(key);
    if (found === undefined) {
      const slots: CachedSegment = new CachedSegment({
        keep: (slot, value, known) => this.#keep(slots, slot, value, known),
        end: () => this.#segments.delete(key),
        again: () => this.segment(root),
      });
      found = slots;
      this.#segments.set(key, found);
    }
    return found;
  }

  /** @returns the node, if there is room for it. */
  #keep(segment: CachedSegment, slot: number, value: Cacheable, known: Node | undefined): Node | undefined {
    const isMeta = slot === META_SLOT;
    const pool = isMeta ? this.#metas : this.#blocks;
    if (known) pool.delete(known);
    const bytes = value.byteLength + OVERHEAD_BYTES;
    if (bytes > this.maxBytes) return undefined;
    if (isMeta) while (this.#metas.bytes + bytes > this.#metaBytesMax && this.#forgetOne(this.#metas));
    while (this.bytes + bytes > this.maxBytes && this.#forgetOne(this.#blocks));
    if (this.bytes + bytes > this.maxBytes) return undefined;
    const node: Node = { value, segment, slot, bytes, visited: false, newer: undefined, older: undefined };
    pool.add(node);
    return node;
  }

  #forgetOne(pool: Sieve<Node>): boolean {
    const node = pool.evict();
    node?.segment.forget(node.slot);
    return node !== undefined;
  }
}

/** What slots ask of the cache that they are a part of. */
interface Keeper {
  keep(slot: number, value: Cacheable, known: Node | undefined): Node | undefined;
  end(): void;
  /** The slots that stand for the segment once these have ended. */
  again(): CachedSegment;
}

/** What is cached of one segment, and loads of it that are under way. */
export class CachedSegment {
  readonly #keeper: Keeper;
  readonly #slots = new Map<number, Node>();
  readonly #loading = new Map<number, SharedLoad>();
  /** Puts under way: what they push out may leave the slots empty for a moment. */
  #putting = 0;
  /** Nothing was left in them: others may stand for the segment by now. */
  ended = false;

  /** Made by `BlockCache.segment()`. */
  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** The caller knows what it put there. */
  get<T extends Cacheable>(slot: number): T | undefined {
    const node = this.#slots.get(slot);
    if (node === undefined) return undefined;
    node.visited = true;
    return node.value as T;
  }

  /** Whether it is here, without counting as a use. */
  has(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /** Puts it there, or says that what is there has another size now. */
  set(slot: number, value: Cacheable): void {
    if (this.ended) return;
    const known = this.#slots.get(slot);
    if (known) this.#slots.delete(slot);
    this.#putting++;
    const node = this.#keeper.keep(slot, value, known);
    this.#putting--;
    if (node) this.#slots.set(slot, node);
    this.#endIfEmpty();
  }

  /** The cache has let go of it. */
  forget(slot: number): void {
    this.#slots.delete(slot);
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (this.ended || this.#putting > 0 || this.#slots.size > 0 || this.#loading.size > 0) return;
    this.ended = true;
    this.#keeper.end();
  }

  /**
   * What is cached, else what `load` yields, which is then cached.
   * @param load is given a signal that is aborted when nobody waits any more; it may be another caller's `load`
   * that answers.
   * @param signal ends this caller's waiting.
   */
  async load<T extends Cacheable>(
    slot: number,
    load: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (;;) {
      // Where a load has failed, nothing may be left here.
      if (this.ended) return this.#keeper.again().load(slot, load, signal);
      const cached = this.get<T>(slot);
      if (cached !== undefined) return cached;
      signal?.throwIfAborted();
      const other = this.#loading.get(slot);
      const loading = other ?? this.#start(slot, load);
      try {
        return (await loading.wait(signal)) as T;
      } catch (error) {
        if (other === undefined || signal?.aborted || isEverybodys(error)) throw error;
      }
    }
  }

  #start<T extends Cacheable>(slot: number, load: (signal: AbortSignal) => Promise<T>): SharedLoad {
    const loading: SharedLoad = new SharedLoad(
      async (signal) => {
        const value = await load(signal);
        this.set(slot, value);
        return value;
      },
      () => {
        if (this.#loading.get(slot) === loading) this.#loading.delete(slot);
        this.#endIfEmpty();
      },
    );
    this.#loading.set(slot, loading);
    return loading;
  }
}

/** A load under way, and how many wait for it. */
class SharedLoad {
  readonly #abort = new AbortController();
  readonly #value: Promise<Cacheable>;
  readonly #leave: () => void;
  #waiting = 0;

  /** @param leave called when it must not be joined any more. */
  constructor(load: (signal: AbortSignal) => Promise<Cacheable>, leave: () => void) {
    this.#leave = leave;
    this.#value = load(this.#abort.signal).finally(leave);
    // Those who wait hear of it.
    this.#value.catch(() => {});
  }

  /** Settles as the load does, or rejects with the signal's reason as soon as that is aborted. */
  wait(signal: AbortSignal | undefined): Promise<Cacheable> {
    this.#waiting++;
    if (!signal) return this.#value;
    return new Promise((resolve, reject) => {
      const forget = onAbort(signal, () => {
        reject(signal.reason);
        if (--this.#waiting > 0) return;
        this.#leave();
        this.#abort.abort(signal.reason);
      });
      this.#value.then(resolve, reject).finally(forget);
    });
  }
}

/** Whether a load failed at what anybody's would have failed at just then. */
function isEverybodys(error: unknown): boolean {
  if (error instanceof StoreError) return true;
  return error instanceof HoldfastError && error.code !== 'BUDGET_EXCEEDED';
}
