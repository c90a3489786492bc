/** Tiles of the history tree, computed slowly from all records' hashes (FORMAT.md, "Tiles of the history tree"). */
import { leafHash, merkleRoot } from '@holdfast/core';
import { NotInFormat } from './bytes.js';
import type { Image } from './image-store.js';
import { hex, sha256 } from './world.js';

const WIDTH = 256;

/** @throws NotInFormat where one of the tiles that `tiledThrough` promises is not there, or another. */
export function checkTiles(image: Image, hashes: readonly Uint8Array[], tiledThrough: number): number {
  let count = 0;
  const check = (level: number, index: number, nodes: readonly Uint8Array[]): void => {
    const name = `tile/${level}/${indexName(index)}${nodes.length < WIDTH ? `.p/${nodes.length}` : ''}`;
    const found = image.get(name);
    if (!found) throw new NotInFormat(`${name} is missing`);
    if (hex(found) !== nodes.map(hex).join('')) throw new NotInFormat(`${name} has other hashes`);
    count++;
  };
  let nodes: readonly Uint8Array[] = hashes.slice(0, tiledThrough).map((hash) => leafHash(sha256, hash));
  for (let level = 0; nodes.length > 0; level++) {
    const complete = Math.floor(nodes.length / WIDTH);
    const rows = Array.from({ length: complete }, (_, i) => nodes.slice(i * WIDTH, (i + 1) * WIDTH));
    for (const [i, row] of rows.entries()) check(level, i, row);
    const rest = nodes.slice(complete * WIDTH);
    if (rest.length > 0) check(level, complete, rest);
    nodes = rows.map((row) => merkleRoot(sha256, row));
  }
  return count;
}

function indexName(index: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g)!;
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
}
