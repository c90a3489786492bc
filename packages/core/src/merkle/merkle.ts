/**
 * Merkle trees of RFC 6962 section 2.1: proofs of inclusion and consistency, and the compact range that lets
 * a tree of any size grow by one leaf from about log2(size) hashes.
 *
 * Invariants:
 * - A leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right), the empty tree SHA-256(""): no leaf
 *   can stand in for a node.
 * - The left subtree is the largest power of two below the size, so a complete subtree never changes once it
 *   stands, and sizes up to 2^53-1 work (no 32-bit shifts).
 * - Verifiers answer false for anything malformed; they never throw on what a stranger sent.
 */
import type { CryptoProvider } from '@holdfast/crypto';
import { equalBytes } from '../object/bytes.js';

export type Sha256 = CryptoProvider['sha256'];

export const HASH_BYTES = 32;
const LEAF: Uint8Array = Uint8Array.of(0);
const NODE: Uint8Array = Uint8Array.of(1);

/** SHA-256(0x00 || data), the data given in parts. */
export function leafHash(sha256: Sha256, ...data: readonly Uint8Array[]): Uint8Array {
  return sha256(LEAF, ...data);
}

/** SHA-256(0x01 || left || right). */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** RFC 6962 section 2.1, MTH. */
export function merkleRoot(sha256: Sha256, leafHashes: readonly Uint8Array[]): Uint8Array {
  return subtreeRoot(sha256, leafHashes, 0, leafHashes.length);
}

/**
 * RFC 6962 section 2.1.1, PATH: the hashes that lead from leaf `index` to the root, lowest first.
 * @throws RangeError unless 0 <= index < leaves.
 */
export function inclusionProof(
  sha256: Sha256,
  leafHashes: readonly Uint8Array[],
  index: number,
): Uint8Array[] {
  const size = leafHashes.length;
  if (!isSize(index) || index >= size)
    throw new RangeError(`expected the index of one of ${size} leaves, found ${index}`);
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(subtreeRoot(sha256, leafHashes, middle, end));
      end = middle;
    } else {
      proof.push(subtreeRoot(sha256, leafHashes, start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/**
 * RFC 9162 section 2.1.3.2: whether `leaf` (a leaf hash) stands at `index` in the tree of `size` leaves whose
 * root is `root`.
 */
export function verifyInclusion(
  sha256: Sha256,
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes([leaf, root]) || !areHashes(proof))
    return false;
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of proof) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(sha256, p, r);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(sha256, r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(r, root);
}

/**
 * RFC 6962 section 2.1.2, PROOF: what shows that the first `first` leaves are the tree that stood before. Empty
 * for `first` 0 (every tree extends the empty one) and for all the leaves.
 * @throws RangeError unless 0 <= first <= leaves.
 */
export function consistencyProof(
  sha256: Sha256,
  leafHashes: readonly Uint8Array[],
  first: number,
): Uint8Array[] {
  const size = leafHashes.length;
  if (!isSize(first) || first > size)
    throw new RangeError(`expected an older size of at most ${size} leaves, found ${first}`);
  if (first === 0 || first === size) return [];
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  // SUBPROOF's b: whether the older tree is a subtree whose root the verifier has already.
  let known = true;
  while (end !== first) {
    const middle = start + splitOf(end - start);
    if (first <= middle) {
      proof.push(subtreeRoot(sha256, leafHashes, middle, end));
      end = middle;
    } else {
      proof.push(subtreeRoot(sha256, leafHashes, start, middle));
      start = middle;
      known = false;
    }
  }
  if (!known) proof.push(subtreeRoot(sha256, leafHashes, start, end));
  return proof.reverse();
}

/**
 * RFC 9162 section 2.1.4.2: whether the tree of `second` leaves extends that of `first` leaves. Equal sizes need
 * equal roots, and size 0 needs the empty tree's root; both need an empty proof.
 */
export function verifyConsistency(
  sha256: Sha256,
  first: number,
  firstRoot: Uint8Array,
  second: number,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isSize(first) || !isSize(second) || first > second) return false;
  if (!areHashes([firstRoot, secondRoot]) || !areHashes(proof)) return false;
  if (first === second || first === 0) {
    const expected = first === second ? secondRoot : sha256();
    // An empty newer tree has one root too, whichever branch it came by.
    return (
      proof.length === 0 &&
      equalBytes(firstRoot, expected) &&
      (second > 0 || equalBytes(secondRoot, sha256()))
    );
  }
  if (proof.length === 0) return false;
  const path = floorPowerOfTwo(first) === first ? [firstRoot, ...proof] : proof;
  let fn = first - 1;
  let sn = second - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  let fr = path[0]!;
  let sr = fr;
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(sha256, c, fr);
      sr = nodeHash(sha256, c, sr);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sha256, sr, c);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(fr, firstRoot) && equalBytes(sr, secondRoot);
}

/** How many hashes the compact range of `size` leaves has: one for every 1 in its binary form. */
export function compactRangeLength(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = half(rest)) ones += rest % 2;
  return ones;
}

/**
 * The roots of the complete subtrees that tile [0, size), largest first: all that is needed to append and to
 * compute the root. Immutable.
 */
export class CompactRange {
  static readonly empty: CompactRange = new CompactRange(0, []);

  readonly size: number;
  readonly hashes: readonly Uint8Array[];

  private constructor(size: number, hashes: readonly Uint8Array[]) {
    this.size = size;
    this.hashes = hashes;
  }

  /** @throws RangeError unless there is one 32-byte hash for every 1 in the binary form of `size`. */
  static of(size: number, hashes: readonly Uint8Array[]): CompactRange {
    if (!isSize(size)) throw new RangeError(`expected a size from 0 to 2^53-1, found ${size}`);
    const expected = compactRangeLength(size);
    if (hashes.length !== expected)
      throw new RangeError(`expected ${expected} hashes for a size of ${size}, found ${hashes.length}`);
    if (!areHashes(hashes))
      throw new RangeError(`expected hashes of ${HASH_BYTES} bytes, found another length`);
    return new CompactRange(size, [...hashes]);
  }

  /** @param leaf a leaf hash. */
  append(sha256: Sha256, leaf: Uint8Array): CompactRange {
    if (!areHashes([leaf]))
      throw new RangeError(`expected a hash of ${HASH_BYTES} bytes, found ${leaf.length}`);
    if (this.size === Number.MAX_SAFE_INTEGER) throw new RangeError('expected fewer than 2^53-1 leaves');
    const hashes = [...this.hashes];
    let node = leaf;
    // Each trailing 1 of the size is a subtree as large as what we carry: the two become one.
    for (let rest = this.size; isOdd(rest); rest = half(rest)) node = nodeHash(sha256, hashes.pop()!, node);
    hashes.push(node);
    return new CompactRange(this.size + 1, hashes);
  }

  root(sha256: Sha256): Uint8Array {
    return this.hashes.length === 0
      ? sha256()
      : this.hashes.reduceRight((right, left) => nodeHash(sha256, left, right));
  }
}

/**
 * Whether every complete subtree that stands in both ranges is the same in both: a consistency check that costs
 * no proof and no hashing. True says that no fork was seen, not that there is none; false proves one.
 */
export function sharedSubtreesAgree(older: CompactRange, newer: CompactRange): boolean {
  let a = older.size;
  let b = newer.size;
  // Subtrees are shared as long as the sizes' binary forms agree from the left; after that none begins at the
  // same leaf with the same size.
  for (let i = 0; a > 0 && b > 0; i++) {
    const width = floorPowerOfTwo(a);
    if (width !== floorPowerOfTwo(b)) return true;
    if (!equalBytes(older.hashes[i]!, newer.hashes[i]!)) return false;
    a -= width;
    b -= width;
  }
  return true;
}

/**
 * Whether the older tree's subtrees are the newer one's first ones: then the newer tree extends the older one, for
 * certain. False where they differ, and where the newer tree has grown so far that they have been merged away
 * (see `continuationSizes`).
 */
export function standsIn(older: CompactRange, newer: CompactRange): boolean {
  if (older.size > newer.size || newer.size - older.size >= lowestBit(older.size)) return false;
  return older.hashes.every((hash, i) => equalBytes(hash, newer.hashes[i]!));
}

/**
 * The tree of the first `size` leaves, as far as it still stands in `range` (see `standsIn`). Undefined where its
 * subtrees have been merged away.
 */
export function standingPart(range: CompactRange, size: number): CompactRange | undefined {
  if (size > range.size || range.size - size >= lowestBit(size)) return undefined;
  return CompactRange.of(size, range.hashes.slice(0, compactRangeLength(size)));
}

/**
 * The tree sizes at which the way from an older tree to a newer one has to be looked at, ascending. A tree of size s
 * stands whole in every tree smaller than s + lowbit(s), the next size here; there it ends up in one subtree with its
 * neighbour. Each size has more trailing zeros than the one before, so there are at most log2(newer).
 */
export function continuationSizes(older: number, newer: number): number[] {
  const sizes: number[] = [];
  for (let size = older + lowestBit(older); size <= newer; size += lowestBit(size)) sizes.push(size);
  return sizes;
}

/** The largest power of two that divides `n`. Infinity for 0: the empty tree stands in every other. */
export function lowestBit(n: number): number {
  if (n === 0) return Number.POSITIVE_INFINITY;
  let bit = 1;
  while (n % (2 * bit) === 0) bit *= 2;
  return bit;
}

function subtreeRoot(sha256: Sha256, leaves: readonly Uint8Array[], start: number, end: number): Uint8Array {
  if (end === start) return sha256();
  if (end - start === 1) return leaves[start]!;
  const middle = start + splitOf(end - start);
  return nodeHash(
    sha256,
    subtreeRoot(sha256, leaves, start, middle),
    subtreeRoot(sha256, leaves, middle, end),
  );
}

/** The largest power of two below `size`, which is at least 2. */
function splitOf(size: number): number {
  return floorPowerOfTwo(size - 1);
}

/** The largest power of two that is at most `n`, which is at least 1. */
export function floorPowerOfTwo(n: number): number {
  return n < 2 ** 32 ? 2 ** (31 - Math.clz32(n)) : 2 ** 32 * floorPowerOfTwo(Math.floor(n / 2 ** 32));
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isOdd(n: number): boolean {
  return n % 2 === 1;
}

function isSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}
