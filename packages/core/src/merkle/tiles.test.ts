import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../object/bytes.js';
import { parseRecordName, tileName } from '../object/names.js';
import {
  CompactRange,
  consistencyProof,
  leafHash,
  merkleRoot,
  type Sha256,
  sharedSubtreesAgree,
  standingPart,
  standsIn,
  verifyConsistency,
} from './merkle.js';
import {
  beginningOf,
  type FilledTile,
  isTileOf,
  splitTile,
  TileEdge,
  tiledPart,
  tilesAt,
  tilesBetween,
} from './tiles.js';

const sha256: Sha256 = (...parts) => new Uint8Array(hash('sha256', concatBytes(...parts), 'buffer'));
const RUNS = { numRuns: 60, seed: Number(process.env.SEED ?? Date.now() % 1e9) };
console.log(`tiles: SEED=${RUNS.seed}`);

const LEAVES_MAX = 100_096;
const LEAVES = Array.from({ length: LEAVES_MAX }, (_, i) =>
  leafHash(sha256, Uint8Array.of(i, i >> 8, i >> 16)),
);
/** All tiles that were ever written while the tree grew to 100,096 leaves in steps of 256, and its size by size. */
const WRITTEN = new Map<string, FilledTile>();
const RANGES: CompactRange[] = [CompactRange.empty];
for (const leaf of LEAVES) RANGES.push(RANGES.at(-1)!.append(sha256, leaf));
{
  let edge = TileEdge.empty;
  for (let size = 0; size < LEAVES_MAX; size += 256) {
    const grown = edge.grow(sha256, LEAVES.slice(size, size + 256));
    for (const tile of grown.tiles) {
      if (WRITTEN.has(tileName(tile))) throw new Error(`${tileName(tile)} is written twice`);
      WRITTEN.set(tileName(tile), tile);
    }
    edge = grown.edge;
  }
}
const tilesFor = (older: number, tiled: number): FilledTile[] =>
  tilesBetween(older, tiled).map((tile) => WRITTEN.get(tileName(tile))!);

const isSameTile = (a: FilledTile, b: FilledTile): boolean =>
  equalBytes(concatBytes(...a.hashes), concatBytes(...b.hashes));

/** From the top down, as a reader does it. */
function firstWrong(tiles: readonly FilledTile[], tree: CompactRange): FilledTile | undefined {
  return tiles.findLast((tile, i) => !isTileOf(sha256, tile, tree, tiles[i + 1]));
}

const AROUND = [256, 512, 1024, 32_768, 65_536, 65_792, 99_840, 100_096];
const SIZES = [
  ...new Set(AROUND.flatMap((size) => [-257, -256, -255, -2, -1, 0, 1, 2, 255].map((d) => size + d))),
].filter((size) => size > 0 && size <= LEAVES_MAX);
const someSize = fc.oneof(fc.constantFrom(...SIZES), fc.integer({ min: 1, max: LEAVES_MAX }));
const someTiled = fc.oneof(
  fc.constantFrom(...SIZES.map(tiledPart).filter((size) => size > 0)),
  fc.integer({ min: 1, max: LEAVES_MAX / 256 }).map((count) => count * 256),
);
const somePair = fc.tuple(someSize, someTiled).filter(([older, tiled]) => older <= tiled);

describe("a tile's name", () => {
  test.each([
    [0, 0, 256, 'tile/0/000'],
    [0, 273, 256, 'tile/0/273'],
    [1, 0, 17, 'tile/1/000.p/17'],
    [0, 1_234_067, 256, 'tile/0/x001/x234/067'],
    [2, 1_000, 1, 'tile/2/x001/000.p/1'],
  ])('of level %i, index %i, width %i is %s', (level, index, width, name) => {
    expect(tileName({ level, index, width })).toBe(name);
    expect(parseRecordName(name)).toBe(undefined);
  });
});

describe('tiles', () => {
  test('hold the leaf hashes, and above them the roots of 256 of the hashes below', () => {
    expect(WRITTEN.get('tile/0/003')!.hashes).toEqual(LEAVES.slice(768, 1024));
    expect(WRITTEN.get('tile/1/000.p/3')!.hashes).toEqual(
      [0, 1, 2].map((i) => merkleRoot(sha256, LEAVES.slice(i * 256, i * 256 + 256))),
    );
    expect(WRITTEN.get('tile/2/000.p/1')!.hashes).toEqual([
      merkleRoot(sha256, WRITTEN.get('tile/1/000')!.hashes),
    ]);
    expect([...WRITTEN.keys()].filter((name) => name.startsWith('tile/0/') && name.includes('.p/'))).toEqual(
      [],
    );
  });

  test('are two objects for each 256 leaves, hardly more', () => {
    expect(WRITTEN.size / (LEAVES_MAX / 256)).toBeLessThan(2.01);
  });

  test('of a size are written by the time the tree has it, and lead to it', () => {
    fc.assert(
      fc.property(someTiled, (tiled) => {
        for (const tile of tilesAt(tiled)) expect(WRITTEN.has(tileName(tile))).toBe(true);
        const edge = TileEdge.of(
          tiled,
          TileEdge.tilesOf(tiled).map((tile) => WRITTEN.get(tileName(tile))!),
        );
        expect(edge.tree(sha256)).toEqual(RANGES[tiled]);
      }),
      RUNS,
    );
  });

  test('that are written for many steps at once are those of each step, but for the partial ones between', () => {
    fc.assert(
      fc.property(someTiled, someTiled, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const edge = TileEdge.of(
          from,
          TileEdge.tilesOf(from).map((tile) => WRITTEN.get(tileName(tile))!),
        );
        const grown = edge.grow(sha256, LEAVES.slice(from, to));
        for (const tile of grown.tiles) expect(isSameTile(tile, WRITTEN.get(tileName(tile))!)).toBe(true);
        const names = new Set([...tilesAt(from), ...grown.tiles].map(tileName));
        for (const tile of tilesAt(to)) expect(names.has(tileName(tile))).toBe(true);
        expect(grown.edge.tree(sha256)).toEqual(RANGES[to]);
      }),
      { ...RUNS, numRuns: 20 },
    );
  });

  test('are each of their tree, and with them every smaller tree is found in it', () => {
    const check = ([older, tiled]: [number, number]): void => {
      const tiles = tilesFor(older, tiled);
      expect(tiles.length).toBeLessThanOrEqual(3);
      expect(firstWrong(tiles, RANGES[tiled]!)).toBe(undefined);
      expect(beginningOf(sha256, older, RANGES[tiled]!, tiles)).toEqual(RANGES[older]);
    };
    for (const tiled of SIZES.map(tiledPart))
      for (const older of SIZES) if (older <= tiled) check([older, tiled]);
    fc.assert(fc.property(somePair, check), { ...RUNS, numRuns: 300 });
  });

  test('say what a consistency proof says', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 1300 }), fc.integer({ min: 1, max: 5 }), fc.boolean()),
        ([older, stretches, isForked]) => {
          const tiled = stretches * 256;
          if (older > tiled) return;
          const known = isForked
            ? RANGES[older - 1]!.append(sha256, leafHash(sha256, Uint8Array.of(9, 9, 9, 9)))
            : RANGES[older]!;
          const leaves = LEAVES.slice(0, tiled);
          const proven = verifyConsistency(
            sha256,
            older,
            known.root(sha256),
            tiled,
            RANGES[tiled]!.root(sha256),
            consistencyProof(sha256, leaves, older),
          );
          const found = beginningOf(sha256, older, RANGES[tiled]!, tilesFor(older, tiled));
          expect(standsIn(known, found)).toBe(proven);
          expect(proven).toBe(!isForked);
        },
      ),
      RUNS,
    );
  });

  test('show a fork that no shared subtree shows', () => {
    const older = 32_767;
    const known = RANGES[older - 1]!.append(sha256, LEAVES[0]!);
    const tree = RANGES[99_840]!;
    expect(sharedSubtreesAgree(known, tree)).toBe(true);
    const found = beginningOf(sha256, older, tree, tilesFor(older, 99_840));
    expect(standsIn(known, found)).toBe(false);
  });

  test('with any bit bent are not of their tree, and it is told which', () => {
    fc.assert(
      fc.property(somePair, fc.nat(), fc.nat(), fc.nat({ max: 255 }), ([older, tiled], which, at, bit) => {
        const tiles = tilesFor(older, tiled);
        if (tiles.length === 0) return;
        const bad = which % tiles.length;
        const { hashes } = tiles[bad]!;
        const bent = hashes[at % hashes.length]!.slice();
        bent[bit >> 3]! ^= 1 << (bit & 7);
        const tile = { ...tiles[bad]!, hashes: hashes.with(at % hashes.length, bent) };
        expect(firstWrong(tiles.with(bad, tile), RANGES[tiled]!)).toBe(tile);
      }),
      { ...RUNS, numRuns: 200 },
    );
  });

  test('are whole or none', () => {
    const tile = WRITTEN.get('tile/1/000.p/3')!;
    const bytes = concatBytes(...tile.hashes);
    expect(splitTile(tile, bytes)).toEqual(tile);
    for (const wrong of [bytes.subarray(1), bytes.subarray(32), concatBytes(bytes, bytes), new Uint8Array(0)])
      expect(splitTile(tile, wrong)).toBe(undefined);
  });

  test('stand where the sizes are beyond 32 bits', () => {
    const tiled = 2 ** 52 + 256;
    const tiles = tilesBetween(2 ** 40 + 3, tiled);
    expect(tiles.map(tileName).at(0)).toBe('tile/0/x004/x294/x967/296');
    expect(tiles).toHaveLength(7);
    expect(tiles.at(-1)).toEqual({ level: 6, index: 0, width: 16 });
  });
});

test('a tree stands in a newer one until its subtrees are merged away', () => {
  expect(standingPart(RANGES[300]!, 256)).toEqual(RANGES[256]);
  expect(standingPart(RANGES[511]!, 256)).toEqual(RANGES[256]);
  expect(standingPart(RANGES[512]!, 256)).toBe(undefined);
  expect(standingPart(RANGES[512]!, 513)).toBe(undefined);
  expect(standingPart(RANGES[5]!, 0)).toEqual(CompactRange.empty);
});
