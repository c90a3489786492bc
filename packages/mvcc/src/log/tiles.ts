/**
 * Reads tiles of the history tree.
 *
 * Invariants:
 * - Tiles are clear bytes that anybody can write: one counts only once it leads to a tree that is known. What does not
 *   is read once more, and is then `CORRUPT`; so is one that is missing where a record says that it is there.
 * - Of no tile more is taken than its name allows.
 */
import {
  type CompactRange,
  corrupt,
  type FilledTile,
  getBounded,
  HASH_BYTES,
  isTileOf,
  readChecked,
  splitTile,
  type Tile,
  tileName,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Context, callStore } from '../context/context.js';

/** A tile's bytes, of the right length and nothing more; undefined: there is no such object. */
export async function fetchTile(
  context: Context,
  tile: Tile,
  options: CallOptions = {},
): Promise<FilledTile | undefined> {
  const name = tileName(tile);
  const bytes = tile.width * HASH_BYTES;
  const found = await callStore(`reading ${name}`, () => getBounded(context.store, name, bytes, options));
  if (found === undefined) return undefined;
  const filled = splitTile(tile, found.bytes);
  if (filled) return filled;
  throw corrupt(name, `expected ${tile.width} hashes, ${bytes} bytes, found ${found.bytes.length} bytes`);
}

/**
 * A tile of a known tree.
 * @param tree of a tiled size.
 * @param above the tile over it, checked itself; not needed by the topmost.
 * @param first the same, asked for already.
 * @throws HoldfastError CORRUPT where it is missing, or another tree's.
 */
export async function readTile(
  context: Context,
  tile: Tile,
  tree: CompactRange,
  above: FilledTile | undefined,
  options: CallOptions = {},
  first?: Promise<FilledTile | undefined>,
): Promise<FilledTile> {
  const { sha256 } = context.sealing.provider;
  const name = tileName(tile);
  const found = await readChecked(
    (again) => (again ? undefined : first) ?? fetchTile(context, tile, options),
    (filled) => {
      if (isTileOf(sha256, filled, tree, above)) return filled;
      throw corrupt(
        name,
        `expected hashes that lead to the history tree of ${tree.size} records, found others; restore it from a replica of the bucket`,
      );
    },
  );
  if (found) return found;
  throw corrupt(
    name,
    `a record says that records up to ${tree.size} are in tiles, and the store has no such object; restore it from a replica of the bucket`,
  );
}

/**
 * The tiles of `tilesBetween()`, all asked for at once and then checked from the top down.
 * @param tree of a tiled size; it may be learnt meanwhile.
 */
export async function readTiles(
  context: Context,
  tiles: readonly Tile[],
  tree: Promise<CompactRange>,
  options: CallOptions = {},
): Promise<FilledTile[]> {
  const asked = tiles.map((tile) => fetchTile(context, tile, options));
  for (const each of asked) each.catch(() => {});
  const known = await tree;
  const found: FilledTile[] = [];
  for (const [i, tile] of [...tiles.entries()].reverse())
    found.unshift(await readTile(context, tile, known, found[0], options, asked[i]));
  return found;
}
