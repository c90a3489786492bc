/**
 * Which of the cached things goes next: SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024). A queue by
 * age; a hand goes from the oldest to the newest, spares what was used since it last came by, and takes the first
 * that was not.
 *
 * Why not LRU: a hit sets one flag, and moves nothing; and a long walk, whose blocks are used once, leaves what is
 * used often where it is.
 */

/** A place in the queue. */
export interface Evictable {
  readonly bytes: number;
  /** Whether it was used since the hand came by. */
  visited: boolean;
  newer: Evictable | undefined;
  older: Evictable | undefined;
}

export class Sieve<T extends Evictable> {
  #newest: Evictable | undefined;
  #oldest: Evictable | undefined;
  /** Where the search goes on; undefined: from the oldest. */
  #hand: Evictable | undefined;
  #bytes = 0;

  /** Of all that is in it. */
  get bytes(): number {
    return this.#bytes;
  }

  add(node: T): void {
    node.older = this.#newest;
    if (this.#newest) this.#newest.newer = node;
    this.#newest = node;
    this.#oldest ??= node;
    this.#bytes += node.bytes;
  }

  delete(node: T): void {
    const { newer, older } = node;
    if (this.#hand === node) this.#hand = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    node.newer = undefined;
    node.older = undefined;
    this.#bytes -= node.bytes;
  }

  /** Takes one out. Undefined: it is empty. */
  evict(): T | undefined {
    let node = this.#hand ?? this.#oldest;
    while (node?.visited) {
      node.visited = false;
      node = node.newer ?? this.#oldest;
    }
    if (node === undefined) return undefined;
    this.#hand = node.newer;
    this.delete(node as T);
    return node as T;
  }
}
