/**
 * Tiles of a Merkle tree (C2SP tlog-tiles): its hashes at heights 0, 8, 16 …, 256 in an object, so that few small
 * objects show that one tree continues another, however far apart they are.
 *
 * Tile `index` of level L holds the roots of the complete subtrees of height 8L from number 256·index on: at level 0
 * leaf hashes. The heights in between are computed from them.
 *
 * Invariants:
 * - A tiled size is a multiple of 256. Then level 0 has complete tiles only, and each level above ends in at most one
 *   partial tile. Complete tiles never change; a partial one is named by its width, so no name ever means two things.
 * - Tiles are anybody's bytes. They count once they lead to a tree that is known: each to its hash in the tile above,
 *   the topmost to the subtrees of the tiled size.
 * - Sizes up to 2^53-1 work (no 32-bit shifts).
 */
import { equalBytes } from '../object/bytes.js';
import { TILE_WIDTH } from '../object/names.js';
import { CompactRange, floorPowerOfTwo, HASH_BYTES, lowestBit, merkleRoot, type Sha256 } from './merkle.js';

/** Where a tile stands, and how many hashes it has, 1 to 256. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

/** A tile and its hashes. */
export interface FilledTile extends Tile {
  readonly hashes: readonly Uint8Array[];
}

/** How many leaves lie under one hash of the level. */
function leavesPerHash(level: number): number {
  return TILE_WIDTH ** level;
}

/** The largest size up to `size` that can be tiled. */
export function tiledPart(size: number): number {
  return size - (size % TILE_WIDTH);
}

/** The tile of the level that leaf `leaf` lies under, as it is at a tiled size; undefined: not there yet. */
function tileOver(level: number, leaf: number, tiled: number): Tile | undefined {
  const index = Math.floor(leaf / leavesPerHash(level + 1));
  const width = Math.min(Math.floor(tiled / leavesPerHash(level)) - index * TILE_WIDTH, TILE_WIDTH);
  return width > 0 ? { level, index, width } : undefined;
}

/**
 * The tiles that show whether the tree of `older` leaves is the beginning of that of `tiled` leaves, lowest first: one
 * a level. Empty where the older tree's subtrees are themselves among the tiled one's.
 */
export function tilesBetween(older: number, tiled: number): Tile[] {
  const tiles: Tile[] = [];
  if (older >= tiled || tiled - older < lowestBit(older)) return tiles;
  for (let level = levelOf(lowestBit(older)); ; level++) {
    const tile = tileOver(level, older - 1, tiled)!;
    tiles.push(tile);
    if (isTop(tile, tiled)) return tiles;
  }
}

/** The level whose tiles the root of a subtree of `leaves` leaves, a power of two, is computed from. */
function levelOf(leaves: number): number {
  let level = 0;
  for (let rest = leaves; rest >= TILE_WIDTH; rest /= TILE_WIDTH) level++;
  return level;
}

/** Whether a tile's hashes lie in subtrees of the tiled size that are no larger than it. */
function isTop({ level, index, width }: Tile, tiled: number): boolean {
  if (width < TILE_WIDTH) return true;
  const leaves = leavesPerHash(level + 1);
  return subtreesOf(tiled).some((subtree) => subtree.leaves === leaves && subtree.start === index * leaves);
}

interface Subtree {
  readonly start: number;
  /** A power of two. */
  readonly leaves: number;
}

/** The complete subtrees that a compact range of this size is made of, largest first. */
function subtreesOf(size: number): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let start = 0; start < size; ) {
    const leaves = floorPowerOfTwo(size - start);
    subtrees.push({ start, leaves });
    start += leaves;
  }
  return subtrees;
}

/** What a tile's bytes hold; undefined: not as many hashes as its name says. */
export function splitTile(tile: Tile, bytes: Uint8Array): FilledTile | undefined {
  if (bytes.length !== tile.width * HASH_BYTES) return undefined;
  const hashes = Array.from({ length: tile.width }, (_, i) =>
    bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
  return { ...tile, hashes };
}

/**
 * Whether a tile is that of a known tree.
 * @param tree of a tiled size.
 * @param above the tile over it, found to be of that tree; not needed by the topmost.
 */
export function isTileOf(
  sha256: Sha256,
  tile: FilledTile,
  tree: CompactRange,
  above: FilledTile | undefined,
): boolean {
  if (!isTop(tile, tree.size)) {
    const root = above?.hashes[tile.index - above.index * TILE_WIDTH];
    return root !== undefined && equalBytes(merkleRoot(sha256, tile.hashes), root);
  }
  // What leads up to subtrees: one as large as a whole tile, or several in a partial one.
  return subtreesOf(tree.size).every((subtree, i) => {
    const inside = hashesUnder(tile, subtree);
    return inside === undefined || equalBytes(merkleRoot(sha256, inside), tree.hashes[i]!);
  });
}

/** The hashes of a tile that make up the subtree; undefined where it is not computed from this tile. */
function hashesUnder(tile: FilledTile, { start, leaves }: Subtree): readonly Uint8Array[] | undefined {
  const each = leavesPerHash(tile.level);
  const from = start / each - tile.index * TILE_WIDTH;
  const count = leaves / each;
  if (count < 1 || from < 0 || from + count > tile.hashes.length) return undefined;
  return tile.hashes.slice(from, from + count);
}

/**
 * The tree of the first `size` leaves of a known one.
 * @param tree of a tiled size.
 * @param tiles those of `tilesBetween(size, tree.size)`, found to be of that tree.
 */
export function beginningOf(
  sha256: Sha256,
  size: number,
  tree: CompactRange,
  tiles: readonly FilledTile[],
): CompactRange {
  const known = subtreesOf(tree.size);
  const hashes = subtreesOf(size).map((subtree) => {
    const same = known.findIndex(({ start, leaves }) => start === subtree.start && leaves === subtree.leaves);
    if (same >= 0) return tree.hashes[same]!;
    const tile = tiles.find(({ level }) => level === levelOf(subtree.leaves));
    const inside = tile && hashesUnder(tile, subtree);
    if (inside === undefined) throw new RangeError(`expected the tiles from ${size} to ${tree.size}`);
    return merkleRoot(sha256, inside);
  });
  return CompactRange.of(size, hashes);
}

/** Every tile there is at a tiled size, each after those under it. */
export function* tilesAt(tiled: number): Generator<Tile> {
  for (let level = 0; leavesPerHash(level) <= tiled; level++)
    for (let leaf = 0; ; leaf += leavesPerHash(level + 1)) {
      const tile = tileOver(level, leaf, tiled);
      if (tile === undefined) break;
      yield tile;
    }
}

/**
 * The right edge of a tiled tree: the partial tile of each level from 1 on. All that it takes to go on tiling.
 * Immutable.
 */
export class TileEdge {
  static readonly empty: TileEdge = new TileEdge(0, []);

  readonly size: number;
  /** Of level 1 first; each below 256 hashes. */
  readonly #levels: readonly (readonly Uint8Array[])[];

  private constructor(size: number, levels: readonly (readonly Uint8Array[])[]) {
    this.size = size;
    this.#levels = levels;
  }

  /** The tiles that `of()` needs. */
  static tilesOf(tiled: number): Tile[] {
    const tiles: Tile[] = [];
    for (let level = 1; leavesPerHash(level) <= tiled; level++) {
      const width = Math.floor(tiled / leavesPerHash(level)) % TILE_WIDTH;
      const index = Math.floor(tiled / leavesPerHash(level + 1));
      if (width > 0) tiles.push({ level, index, width });
    }
    return tiles;
  }

  /** What comes from unknown bytes shows in `tree()`. */
  static of(tiled: number, tiles: readonly FilledTile[]): TileEdge {
    const levels: (readonly Uint8Array[])[] = [];
    for (const { level, hashes } of tiles) {
      while (levels.length < level) levels.push([]);
      levels[level - 1] = hashes;
    }
    return new TileEdge(tiled, levels);
  }

  /** The tree of that size. */
  tree(sha256: Sha256): CompactRange {
    const hashes: Uint8Array[] = [];
    for (const level of [...this.#levels].reverse())
      for (const { start, leaves } of subtreesOf(level.length))
        hashes.push(merkleRoot(sha256, level.slice(start, start + leaves)));
    return CompactRange.of(this.size, hashes);
  }

  /**
   * Goes on by a multiple of 256 leaves.
   * @returns what is to be written: every tile that is there now and was not before.
   */
  grow(sha256: Sha256, leafHashes: readonly Uint8Array[]): { edge: TileEdge; tiles: FilledTile[] } {
    if (leafHashes.length % TILE_WIDTH !== 0)
      throw new RangeError(`expected a multiple of ${TILE_WIDTH} leaves, found ${leafHashes.length}`);
    const tiles: FilledTile[] = [];
    const levels = this.#levels.map((hashes) => [...hashes]);
    const changed = new Set<number>();
    let size = this.size;
    for (let i = 0; i < leafHashes.length; i += TILE_WIDTH) {
      size += TILE_WIDTH;
      let full = leafHashes.slice(i, i + TILE_WIDTH);
      for (let level = 0; ; level++) {
        const index = size / leavesPerHash(level + 1) - 1;
        tiles.push({ level, index, width: TILE_WIDTH, hashes: full });
        const over = levels[level] ?? [];
        levels[level] = over;
        over.push(merkleRoot(sha256, full));
        changed.add(level + 1);
        if (over.length < TILE_WIDTH) break;
        full = over;
        levels[level] = [];
      }
    }
    for (const { level, index, width } of TileEdge.tilesOf(size))
      if (changed.has(level)) tiles.push({ level, index, width, hashes: levels[level - 1]! });
    return { edge: new TileEdge(size, levels), tiles };
  }
}
