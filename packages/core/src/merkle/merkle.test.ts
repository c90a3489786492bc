import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../object/bytes.js';
import {
  CompactRange,
  compactRangeLength,
  consistencyProof,
  continuationSizes,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodeHash,
  type Sha256,
  sharedSubtreesAgree,
  standsIn,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js';

const sha256: Sha256 = (...parts) => new Uint8Array(hash('sha256', concatBytes(...parts), 'buffer'));

const SIZES = Array.from({ length: 65 }, (_, i) => i);
/** All shapes up to four levels, and those around a full fifth. */
const SIZES_MUTATED = [...SIZES.slice(0, 18), 31, 32, 33];
const LEAVES = SIZES.map((i) => leafHash(sha256, Uint8Array.of(i)));
const ROOTS = SIZES.map((size) => slowRoot(LEAVES.slice(0, size)));

/** RFC 6962 section 2.1, word for word. */
function slowRoot(d: readonly Uint8Array[]): Uint8Array {
  if (d.length === 0) return sha256();
  if (d.length === 1) return d[0]!;
  const k = slowSplit(d.length);
  return sha256(Uint8Array.of(1), slowRoot(d.slice(0, k)), slowRoot(d.slice(k)));
}

function slowSplit(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** RFC 6962 section 2.1.1. */
function slowPath(m: number, d: readonly Uint8Array[]): Uint8Array[] {
  if (d.length === 1) return [];
  const k = slowSplit(d.length);
  return m < k
    ? [...slowPath(m, d.slice(0, k)), slowRoot(d.slice(k))]
    : [...slowPath(m - k, d.slice(k)), slowRoot(d.slice(0, k))];
}

/** RFC 6962 section 2.1.2. */
function slowSubproof(m: number, d: readonly Uint8Array[], b: boolean): Uint8Array[] {
  if (m === d.length) return b ? [] : [slowRoot(d)];
  const k = slowSplit(d.length);
  return m <= k
    ? [...slowSubproof(m, d.slice(0, k), b), slowRoot(d.slice(k))]
    : [...slowSubproof(m - k, d.slice(k), false), slowRoot(d.slice(0, k))];
}

function flipBit(hash: Uint8Array, bit: number): Uint8Array {
  const flipped = hash.slice();
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

/** Every hash with a bit flipped, left out, doubled, cut short and swapped with its neighbour; one hash more. */
function* mutations(proof: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (let i = 0; i < proof.length; i++) {
    const hash = proof[i]!;
    yield proof.with(i, flipBit(hash, (i * 37) % 256));
    yield proof.toSpliced(i, 1);
    yield proof.toSpliced(i, 0, hash);
    yield proof.with(i, hash.subarray(1));
    if (i > 0) yield proof.with(i, proof[i - 1]!).with(i - 1, hash);
  }
  yield [...proof, ROOTS[0]!];
  yield [ROOTS[0]!, ...proof];
}

describe('a Merkle tree', () => {
  test('has the roots of the certificate-transparency reference tree', () => {
    const data = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ];
    const leaves = data.map((hex) => leafHash(sha256, Buffer.from(hex, 'hex')));
    const roots = [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ];
    expect(roots.map((_, size) => toHex(merkleRoot(sha256, leaves.slice(0, size))))).toEqual(roots);
  });

  test('hashes a leaf as its parts joined', () => {
    expect(leafHash(sha256, Uint8Array.of(1, 2), Uint8Array.of(3))).toEqual(
      sha256(Uint8Array.of(0, 1, 2, 3)),
    );
  });

  test('has the root that the RFC defines, at every size', () => {
    for (const size of SIZES) expect(merkleRoot(sha256, LEAVES.slice(0, size))).toEqual(ROOTS[size]);
  });
});

describe('an inclusion proof', () => {
  test('is the one that the RFC defines, and verifies, for every leaf of every size', () => {
    for (const size of SIZES)
      for (let index = 0; index < size; index++) {
        const leaves = LEAVES.slice(0, size);
        const proof = inclusionProof(sha256, leaves, index);
        expect(proof.map(toHex).join()).toBe(slowPath(index, leaves).map(toHex).join());
        expect(verifyInclusion(sha256, LEAVES[index]!, index, size, proof, ROOTS[size]!)).toBe(true);
      }
  });

  test('is refused after any change', () => {
    for (const size of SIZES_MUTATED)
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(sha256, LEAVES.slice(0, size), index);
        const verify = (leaf: Uint8Array, at: number, path: readonly Uint8Array[], root: Uint8Array) =>
          verifyInclusion(sha256, leaf, at, size, path, root);
        const [leaf, root] = [LEAVES[index]!, ROOTS[size]!];
        const accepted = [
          ...[...mutations(proof)].map((changed) => verify(leaf, index, changed, root)),
          ...SIZES.filter((other) => other !== index && other <= size).map((other) =>
            verify(leaf, other, proof, root),
          ),
          verify(flipBit(leaf, 0), index, proof, root),
          verify(leaf, index, proof, flipBit(root, 255)),
          verify(leaf, index + 0.5, proof, root),
          verify(leaf, -1, proof, root),
        ].filter(Boolean);
        expect(accepted).toEqual([]);
      }
  });

  test('does not let an inner node pass for a leaf', () => {
    const inner = nodeHash(sha256, LEAVES[0]!, LEAVES[1]!);
    const proof = inclusionProof(sha256, LEAVES.slice(0, 4), 0).slice(1);
    expect(verifyInclusion(sha256, inner, 0, 4, proof, ROOTS[4]!)).toBe(false);
  });

  test('verifies at sizes beyond 32 bits', () => {
    // A leaf at index 2^52 of 2^52+1: the last one, alone beside the complete subtree of all others.
    const [leaf, others] = [LEAVES[0]!, LEAVES[1]!];
    const root = nodeHash(sha256, others, leaf);
    expect(verifyInclusion(sha256, leaf, 2 ** 52, 2 ** 52 + 1, [others], root)).toBe(true);
    expect(verifyInclusion(sha256, leaf, 0, 2 ** 52 + 1, [others], root)).toBe(false);
  });

  test('of a leaf that is not there is a RangeError', () => {
    expect(() => inclusionProof(sha256, LEAVES.slice(0, 3), 3)).toThrow(RangeError);
    expect(() => inclusionProof(sha256, [], 0)).toThrow(RangeError);
  });
});

describe('a consistency proof', () => {
  test('is the one that the RFC defines, and verifies, for every two sizes', () => {
    for (const second of SIZES)
      for (let first = 0; first <= second; first++) {
        const leaves = LEAVES.slice(0, second);
        const proof = consistencyProof(sha256, leaves, first);
        const expected = first === 0 ? [] : slowSubproof(first, leaves, true);
        expect(proof.map(toHex).join()).toBe(expected.map(toHex).join());
        expect(verifyConsistency(sha256, first, ROOTS[first]!, second, ROOTS[second]!, proof)).toBe(true);
      }
  });

  test('is refused after any change', () => {
    for (const second of SIZES_MUTATED)
      for (let first = 0; first <= second; first++) {
        const proof = consistencyProof(sha256, LEAVES.slice(0, second), first);
        const [older, newer] = [ROOTS[first]!, ROOTS[second]!];
        const verify = (from: Uint8Array, to: Uint8Array, path: readonly Uint8Array[]) =>
          verifyConsistency(sha256, first, from, second, to, path);
        const accepted = [
          ...[...mutations(proof)].map((changed) => verify(older, newer, changed)),
          verify(flipBit(older, 3), newer, proof),
          // Any tree extends the empty one, so its root is not what the proof is about.
          first > 0 && verify(older, flipBit(newer, 3), proof),
          first !== second && verifyConsistency(sha256, second, newer, first, older, proof),
        ].filter(Boolean);
        expect(accepted).toEqual([]);
      }
  });

  test('of an empty tree with itself knows the empty root', () => {
    expect(verifyConsistency(sha256, 0, LEAVES[0]!, 0, LEAVES[0]!, [])).toBe(false);
  });

  test('of a size that is not there is a RangeError', () => {
    expect(() => consistencyProof(sha256, LEAVES.slice(0, 3), 4)).toThrow(RangeError);
    expect(() => consistencyProof(sha256, LEAVES.slice(0, 3), -1)).toThrow(RangeError);
  });
});

/** The subtrees of a compact range: where each begins, how wide it is, and its root. */
function subtrees(range: CompactRange): Map<string, string> {
  const found = new Map<string, string>();
  let start = 0;
  for (let width = 2 ** 20, i = 0; width >= 1; width /= 2)
    if (Math.floor(range.size / width) % 2 === 1) {
      found.set(`${start}+${width}`, toHex(range.hashes[i++]!));
      start += width;
    }
  return found;
}

function rangeOf(leaves: readonly Uint8Array[]): CompactRange {
  return leaves.reduce((range, leaf) => range.append(sha256, leaf), CompactRange.empty);
}

describe('a compact range', () => {
  test('grows leaf by leaf to the roots of the whole tree', () => {
    let range = CompactRange.empty;
    for (const size of SIZES) {
      expect(range.size).toBe(size);
      expect(range.hashes).toHaveLength(compactRangeLength(size));
      expect(range.root(sha256)).toEqual(ROOTS[size]);
      const restored = CompactRange.of(size, range.hashes);
      expect(restored.root(sha256)).toEqual(ROOTS[size]);
      range = restored.append(sha256, LEAVES[size] ?? LEAVES[0]!);
    }
  });

  test('is not changed by what grows from it', () => {
    const three = rangeOf(LEAVES.slice(0, 3));
    const before = three.hashes.map(toHex);
    three.append(sha256, LEAVES[3]!);
    expect(three.hashes.map(toHex)).toEqual(before);
    expect(three.size).toBe(3);
  });

  test('holds the largest subtree first', () => {
    const five = rangeOf(LEAVES.slice(0, 5));
    expect(five.hashes).toEqual([ROOTS[4], LEAVES[4]]);
  });

  test('refuses a wrong number of hashes, hashes of a wrong length and impossible sizes', () => {
    const [a, b] = [LEAVES[0]!, LEAVES[1]!];
    expect(() => CompactRange.of(5, [a])).toThrow('expected 2 hashes for a size of 5, found 1');
    expect(() => CompactRange.of(4, [a, b])).toThrow(RangeError);
    expect(() => CompactRange.of(0, [a])).toThrow(RangeError);
    expect(() => CompactRange.of(1, [a.subarray(1)])).toThrow(RangeError);
    expect(() => CompactRange.of(-1, [])).toThrow(RangeError);
    expect(() => CompactRange.of(0.5, [])).toThrow(RangeError);
    expect(() => CompactRange.of(2 ** 53, [a])).toThrow(RangeError);
    expect(() => CompactRange.empty.append(sha256, a.subarray(1))).toThrow(RangeError);
  });

  test('counts the hashes of any size', () => {
    expect(compactRangeLength(0)).toBe(0);
    expect(compactRangeLength(2 ** 52)).toBe(1);
    expect(compactRangeLength(2 ** 53 - 1)).toBe(53);
  });

  test('agrees with every later one of the same history', () => {
    const ranges = SIZES.map((size) => rangeOf(LEAVES.slice(0, size)));
    for (const older of ranges)
      for (const newer of ranges) expect(sharedSubtreesAgree(older, newer)).toBe(true);
  });

  test('agrees with a forked one exactly when no subtree that both have differs', () => {
    const size = fc.integer({ min: 0, max: 64 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 0, max: 63 }), (a, b, forkedAt) => {
        const older = rangeOf(LEAVES.slice(0, a));
        const newer = rangeOf(LEAVES.with(forkedAt, flipBit(LEAVES[forkedAt]!, 0)).slice(0, b));
        const theirs = subtrees(newer);
        const agree = [...subtrees(older)].every(([at, root]) => (theirs.get(at) ?? root) === root);
        expect(sharedSubtreesAgree(older, newer)).toBe(agree);
      }),
      { numRuns: 200 },
    );
  });

  describe('on the way from an older tree to a newer one', () => {
    const rangesOf = (leaves: readonly Uint8Array[]): CompactRange[] =>
      Array.from({ length: leaves.length + 1 }, (_, size) => rangeOf(leaves.slice(0, size)));

    /** Whether the newer tree's records alone show that it extends the older one. */
    const isShown = (
      older: CompactRange,
      ranges: readonly CompactRange[],
      leaves: readonly Uint8Array[],
      size: number,
    ) => {
      let tree = older;
      for (const version of continuationSizes(older.size, size)) {
        // Record n's history has n - 1 leaves.
        if (!standsIn(tree, ranges[version - 1]!)) return false;
        tree = ranges[version - 1]!.append(sha256, leaves[version - 1]!);
      }
      return standsIn(tree, ranges[size]!);
    };

    test('each step is shown by a record, and there are at most log2 of them', () => {
      const ranges = rangesOf(LEAVES);
      for (let a = 0; a < ranges.length; a++)
        for (let b = a; b < ranges.length; b++) {
          expect(isShown(ranges[a]!, ranges, LEAVES, b)).toBe(true);
          expect(continuationSizes(a, b).length).toBeLessThanOrEqual(Math.log2(Math.max(b, 1)) + 1);
        }
      expect(continuationSizes(1, 2 ** 52)).toHaveLength(52);
      expect(continuationSizes(0, 100)).toEqual([]);
    });

    test('another history is never shown to continue, wherever it forks', () => {
      const size = fc.integer({ min: 1, max: 64 });
      fc.assert(
        fc.property(size, size, fc.integer({ min: 0, max: 63 }), (a, b, forkedAt) => {
          const [older, newer] = [Math.min(a, b), Math.max(a, b)];
          const forged = LEAVES.with(forkedAt, flipBit(LEAVES[forkedAt]!, 0));
          const known = rangeOf(LEAVES.slice(0, older));
          // The store has forged records only, or true ones up to any point.
          const ranges = rangesOf(forged);
          expect(isShown(known, ranges, forged, newer)).toBe(forkedAt >= older);
        }),
        { numRuns: 300 },
      );
    });

    test('a tree stands in itself and in no smaller or merged one', () => {
      const ranges = rangesOf(LEAVES);
      expect(standsIn(ranges[6]!, ranges[6]!)).toBe(true);
      expect(standsIn(ranges[6]!, ranges[7]!)).toBe(true);
      expect(standsIn(ranges[6]!, ranges[8]!)).toBe(false);
      expect(standsIn(ranges[6]!, ranges[5]!)).toBe(false);
    });
  });
});
