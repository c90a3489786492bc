/**
 * A sorted map with O(1) copies: a B+ tree whose nodes are shared between copies until one of them changes.
 * npm `sorted-btree`: the one well-kept B+ tree with cheap clones. Its CommonJS build nests the class under
 * `default` where it is loaded as ESM.
 *
 * Invariant: no declaration that is exported here mentions the package. Its types resolve to the class or to a module
 * around it, depending on the reader's `moduleResolution`, and private fields would carry them into everybody's.
 */
import sortedBtree from 'sorted-btree';

/** What is used of the tree. `undefined` as a key of the `next…` calls stands for the end that they start from. */
export interface SortedMap<V> {
  readonly size: number;
  get(key: string): V | undefined;
  /** @returns whether the key is new. */
  set(key: string, value: V): boolean;
  /** @returns whether it was there. */
  delete(key: string): boolean;
  keys(): IterableIterator<string>;
  entries(): IterableIterator<[string, V]>;
  forEachPair(visit: (key: string, value: V) => void): void;
  getPairOrNextHigher(key: string): [string, V] | undefined;
  getPairOrNextLower(key: string): [string, V] | undefined;
  nextHigherPair(key: string | undefined): [string, V] | undefined;
  nextLowerPair(key: string | undefined): [string, V] | undefined;
  clone(): SortedMap<V>;
}

type BTreeConstructor = typeof sortedBtree.default;

function unwrap(module: unknown): BTreeConstructor {
  let found = module;
  while (typeof found === 'object' && found !== null && 'default' in found) found = found.default;
  return found as BTreeConstructor;
}

const BTree: BTreeConstructor = unwrap(sortedBtree);

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Keys are binary strings (space.ts), so that code unit order is byte order. */
export function sortedMap<V>(): SortedMap<V> {
  return new BTree<string, V>(undefined, byCodeUnit);
}
