/**
 * A sorted map with O(1) copies: a B+ tree whose nodes are shared between copies until one of them changes.
 * npm `sorted-btree`: the one well-kept B+ tree with cheap clones. Its CommonJS build nests the class under
 * `default` where it is loaded as ESM.
 */
import sortedBtree from 'sorted-btree';

type BTreeConstructor = typeof sortedBtree.default;

export type SortedMap<V> = InstanceType<typeof sortedBtree.default<string, V>>;

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
