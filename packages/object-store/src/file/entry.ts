/**
 * What lies at a path inside the store's folder.
 *
 * Invariants:
 * - No symbolic link below the store's own folder is followed: it could lead anywhere. That folder itself may be
 *   reached through links, since the user chose its path.
 * - What is neither a plain file nor a folder is refused: a pipe would wait, a device act. A put or delete does not open
 *   it; a get opens it without waiting (open-object.ts), and reads nothing.
 *
 * What remains: Node has no openat(2), so who may write to the folder can put a link in the place of a folder
 * between this look and what follows it. The last part of a path is safe against that (link, unlink and rename
 * never follow it, reads have O_NOFOLLOW).
 */
import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { StoreError } from '../errors.js';
import { errno, failed, shown } from './failures.js';

/**
 * @param path inside `root`.
 * @returns a plain file or a folder; undefined: there is nothing, or no folder on the way.
 * @throws StoreError INVALID for a link at `path` or on the way, and for whatever else is no object there.
 */
export async function entryAt(root: string, path: string): Promise<BigIntStats | undefined> {
  if (!(await hasWay(root, path))) return undefined;
  const found = await statsOf(path);
  if (found === undefined || found.isFile() || found.isDirectory()) return found;
  throw found.isSymbolicLink() ? isLink(path) : isNoFile(path);
}

/**
 * @returns whether all between `root` and the last part of `path` are folders.
 * @throws StoreError INVALID for a link among them.
 */
export async function hasWay(root: string, path: string): Promise<boolean> {
  let folder = root;
  // One after the other: asking for what lies behind a link would follow it.
  for (const part of relative(root, path).split(sep).slice(0, -1)) {
    folder = join(folder, part);
    const found = await statsOf(folder);
    if (found?.isSymbolicLink()) throw isLink(folder);
    if (!found?.isDirectory()) return false;
  }
  return true;
}

/** Of the name itself, whatever it is; undefined: nothing is there. */
export async function statsOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw failed(error, `Looking at ${shown(path)}`);
  }
}

export function isLink(path: string): StoreError {
  return new StoreError(
    'INVALID',
    `${shown(path)} is a symbolic link. Inside a store's folder none is followed, for it could lead anywhere (the folder itself may be one). Nothing was done. Find out who put it there; remove it, or move what it leads to into its place.`,
  );
}

export function isNoFile(path: string): StoreError {
  return new StoreError(
    'INVALID',
    `${shown(path)} is a pipe, socket or device, and no object. Nothing was done. Find out who put it there, and remove it.`,
  );
}

/** Which file a name stands for. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

export function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
