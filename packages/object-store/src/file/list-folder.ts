import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareKeys } from '../key-order.js';
import type { ListedObject, ListOptions } from '../object-store.js';
import { ascending } from './ascending.js';
import { errno, failed } from './failures.js';
import { prefixFolder, tempFolder } from './paths.js';

const batchMax = 128;

/**
 * Lists the objects under `root` in key order, one folder read at a time, sizes only of what is consumed.
 *
 * Key order is not folder order: `a-b` comes before `a/x`, since "-" is less than "/". So a folder sorts as its
 * name with "/" behind it, which is what all keys in it begin with.
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
    let files: string[] = [];
    for (const key of ascending(await wantedIn(folder, base, prefix, after), compareKeys)) {
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

  if (left > 0) yield* walk(prefix.slice(0, prefix.lastIndexOf('/') + 1));
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
      if (!isFolder && !entry.isFile()) continue;
      if (base === '' && entry.name === tempFolder) continue;
      const key = `${base}${entry.name}${isFolder ? '/' : ''}`;
      if (!key.startsWith(prefix)) continue;
      if (after !== undefined && compareKeys(key, after) <= 0 && !(isFolder && after.startsWith(key)))
        continue;
      wanted.push(key);
    }
  } catch (error) {
    const code = errno(error);
    if (code === 'ENOENT' || (code === 'ENOTDIR' && base !== '')) return [];
    throw failed(error, `Listing ${folder}`);
  }
  return wanted;
}

/** Undefined: deleted since the folder was read. */
async function sizeOf(root: string, key: string): Promise<ListedObject | undefined> {
  try {
    return { key, size: (await lstat(join(root, key))).size };
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw failed(error, `Listing ${key}`);
  }
}
