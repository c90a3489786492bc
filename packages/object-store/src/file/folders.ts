import { constants } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errno } from './failures.js';

/**
 * Makes folders so that they stay.
 *
 * Invariant: when `make` has resolved, the folder and the entries that lead to it are on the disk. This holds for
 * folders that were found, too: whoever made them may not have come to its fsync yet.
 */
export class Folders {
  readonly #root: string;
  readonly #durable: boolean;
  readonly #made = new Map<string, Promise<void>>();

  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** @param folder the store's folder or one inside it. */
  make(folder: string): Promise<void> {
    let made = this.#made.get(folder);
    if (made === undefined) {
      made = this.#make(folder);
      this.#made.set(folder, made);
      made.catch(() => this.#made.delete(folder));
    }
    return made;
  }

  /** To be called when a folder that was made turned out to be missing. */
  forget(): void {
    this.#made.clear();
  }

  async #make(folder: string): Promise<void> {
    const parent = dirname(folder);
    if (folder !== this.#root && folder.startsWith(this.#root)) await this.make(parent);
    let made = true;
    try {
      made = await makeOne(folder);
    } catch (error) {
      if (errno(error) !== 'ENOENT') throw error;
      await this.make(parent);
      made = await makeOne(folder);
    }
    if (!this.#durable || parent === folder) return;
    try {
      await syncFolder(parent);
    } catch (error) {
      // A folder that was given to us may lie in one that we may not open.
      if (made || folder !== this.#root) throw error;
    }
  }
}

/** @returns whether it was made, rather than found. */
async function makeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if (errno(error) === 'ENOENT') throw error;
    // A read-only file system may say so before it says EEXIST.
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return false;
    throw errno(error) === 'EEXIST'
      ? Object.assign(new Error(`${folder} is no folder`), { code: 'ENOTDIR' })
      : error;
  }
}

/** Writes a folder's entries to the disk (fsync(2): a file's own fsync does not cover its name). */
export async function syncFolder(folder: string): Promise<void> {
  // Windows can't open folders; NTFS journals their entries by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
