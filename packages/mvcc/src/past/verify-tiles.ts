/** Checks the tiles of the history tree against the tree itself, level by level from the top. */
import {
  type CompactRange,
  type FilledTile,
  HASH_BYTES,
  TILE_WIDTH,
  type Tile,
  tileName,
  tilesAt,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import pLimit from 'p-limit';
import type { Context } from '../context/context.js';
import { readTile } from '../log/tiles.js';

const AT_ONCE = 8;

/**
 * @param tree of the tiled size.
 * @param note told of each tile that is missing or wrong. What lies under one can't be checked, and is passed over.
 * @returns how many are as they should be, and their bytes.
 */
export async function verifyTiles(
  context: Context,
  tree: CompactRange,
  options: CallOptions,
  note: (error: unknown) => void,
): Promise<{ tiles: number; bytes: number }> {
  const levels: Tile[][] = [];
  for (const tile of tilesAt(tree.size)) {
    levels[tile.level] ??= [];
    levels[tile.level]!.push(tile);
  }
  const limit = pLimit(AT_ONCE);
  let tiles = 0;
  let bytes = 0;
  let over = new Map<number, FilledTile>();
  const wrong: Tile[] = [];
  for (const level of levels.reverse()) {
    const found = new Map<number, FilledTile>();
    await Promise.all(
      level.map((tile) =>
        limit(async () => {
          const above = over.get(Math.floor(tile.index / TILE_WIDTH));
          if (above === undefined && isUnder(tile, wrong)) return;
          await readTile(context, tile, tree, above, options).then(
            (filled) => {
              tiles++;
              bytes += tile.width * HASH_BYTES;
              // Of the lowest level, which is 256 times as large as the next, none is kept.
              if (tile.level > 0) found.set(tile.index, filled);
            },
            (error: unknown) => {
              wrong.push(tile);
              note(error);
            },
          );
        }),
      ),
    );
    over = found;
  }
  return { tiles, bytes };
}

function isUnder({ level, index }: Tile, over: readonly Tile[]): boolean {
  return over.some((tile) => {
    const ratio = TILE_WIDTH ** (tile.level - level);
    return tile.level > level && Math.floor(index / ratio) === tile.index;
  });
}

/** The names of all tiles that are there at these tiled sizes. */
export function tileNames(tiledSizes: Iterable<number>): Set<string> {
  const names = new Set<string>();
  for (const size of tiledSizes) for (const tile of tilesAt(size)) names.add(tileName(tile));
  return names;
}
