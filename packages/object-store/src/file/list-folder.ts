import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys } from '../key-order.js';
import type { ListedObject, ListOptions } from '../object-store.js';
import { ascending } from './ascending.js';
import { entryAt, isLink, statsOf } from './entry.js';
import { errno, failed, shown } from './failures.js';
import { isTempFolder, prefixFolder } from './paths.js';

const batchMax = 128;

/**
 * Lists the objects under `root` in key order, one folder read at a time, sizes only of what is consumed.
 *
 * Key order is not folder order: `a-b` comes before `a/x`, since "-" is less than "/". So a folder sorts as its
 * name with "/" behind it, which is what all keys in it begin with.
 *
 * Every plain file is an object, whoever made it (`.DS_Store` too), as in a bucket. What can't be one is passed over:
 * pipes, sockets, devices, links to files, names that are no UTF-8, folders below the longest path. A link to a folder
 * is refused: passed over, it would hide all that seems to lie there.
 */
export async function* listFolder(
  root: string,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  const { after, signal, limit = Number.POSITIVE_INFINITY } = options;
  let left = limit;
  let batchSize = 8;
  signal?.throwIfAborted();

  /** @param base `''` or ends in "/"; every name in it is checked against prefix and after. */
  async function* walk(base: string): AsyncGenerator<ListedObject, void, undefined> {
    const folder = prefixFolder(root, base);
    if (folder === undefined) return;
    signal?.throwIfAborted();
    let files: string[] = [];
    let last: string | undefined;
    for (const key of ascending(await wantedIn(folder, base, prefix, after), compareKeys)) {
      // Two names that are no UTF-8 may read alike.
      if (key === last) continue;
      last = key;
      if (!key.endsWith('/')) files.push(key);
      if (key.endsWith('/') || files.length >= Math.min(left, batchSize)) {
        yield* sized(files);
        files = [];
      }
      if (left <= 0) return;
      if (key.endsWith('/')) yield* walk(key);
      if (left <= 0) return;
    }
    yield* sized(files);
  }

  async function* sized(keys: string[]): AsyncGenerator<ListedObject, void, undefined> {
    signal?.throwIfAborted();
    batchSize = Math.min(batchMax, batchSize * 2);
    for (const object of await Promise.all(keys.map((key) => sizeOf(root, key)))) {
      if (object === undefined) continue;
      left--;
      yield object;
      signal?.throwIfAborted();
    }
  }

  if (left <= 0) return;
  const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const folder = prefixFolder(root, base);
  // Refuses links on the way; below, none is entered.
  if (base !== '' && folder !== undefined) await entryAt(root, folder);
  yield* walk(base);
}

/** The keys in one folder that a listing needs, unsorted; folders end in "/". */
async function wantedIn(
  folder: string,
  base: string,
  prefix: string,
  after: string | undefined,
): Promise<string[]> {
  const wanted: string[] = [];
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const isFolder = entry.isDirectory();
      if (!isFolder && !entry.isFile() && !entry.isSymbolicLink()) continue;
      if (base === '' && isTempFolder(entry.name)) continue;
      const key = `${base}${entry.name}${isFolder ? '/' : ''}`;
      if (!key.startsWith(prefix)) continue;
      if (after !== undefined && compareKeys(key, after) <= 0 && !(isFolder && after.startsWith(key)))
        continue;
      wanted.push(key);
    }
  } catch (error) {
    const code = errno(error);
    // No key's path leads to what has too long a one.
    if (code === 'ENOENT' || ((code === 'ENOTDIR' || code === 'ENAMETOOLONG') && base !== '')) return [];
    // The file system's own, at the top of every ext volume, and root's.
    if (code === 'EACCES' && base === 'lost+found/' && prefix !== base) return [];
    throw failed(error, `Listing ${shown(folder)}`);
  }
  return wanted;
}

/**
 * Undefined: deleted since the folder was read, or no object. A size beyond 2^53 is rounded.
 * @throws StoreError INVALID for a link to a folder.
 */
async function sizeOf(root: string, key: string): Promise<ListedObject | undefined> {
  const path = join(root, key);
  const found = await statsOf(path).catch((error) => {
    // What is no UTF-8 becomes longer when it is read, and a path can be too long for what is known by it.
    if (errno(error.cause) === 'ENAMETOOLONG') return undefined;
    throw error;
  });
  if (found?.isSymbolicLink()) {
    const target = await stat(path).catch(() => undefined);
    if (target?.isDirectory()) throw isLink(path);
  }
  return found?.isFile() ? { key, size: Number(found.size) } : undefined;
}
