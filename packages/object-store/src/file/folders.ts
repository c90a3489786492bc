import { type BigIntStats, constants } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { StoreError } from '../errors.js';
import { isLink, statsOf } from './entry.js';
import { errno, failed, shown, systemError } from './failures.js';

/**
 * Makes folders so that they stay, and writes their entries to the disk.
 *
 * Invariants:
 * - When `make` has resolved, the folder and the entries that lead to it are on the disk. This holds for folders that
 *   were found, too: whoever made them may not have come to its fsync yet, or its fsync has failed.
 * - A folder counts as being there only from the fsync that succeeded, and only itself: one that was made in its place
 *   is another.
 * - No link inside the store's folder is taken for a folder.
 */
export class Folders {
  readonly #root: string;
  readonly #durable: boolean;
  /** Folders known to be on the disk, by path: which folder it was. */
  readonly #known = new Map<string, string>();
  readonly #making = new Map<string, Promise<void>>();
  /** Folders of our making whose entry is not on the disk yet, as far as we know. */
  readonly #owed = new Set<string>();

  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** @param folder the store's folder or one inside it. */
  make(folder: string): Promise<void> {
    let making = this.#making.get(folder);
    if (making === undefined) {
      making = this.#make(folder).finally(() => this.#making.delete(folder));
      this.#making.set(folder, making);
    }
    return making;
  }

  async #make(folder: string): Promise<void> {
    const parent = dirname(folder);
    if (this.#isInside(folder)) await this.make(parent);
    let found = await this.#look(folder);
    if (found === undefined) {
      await this.#makeOne(folder);
      found = await this.#look(folder);
    }
    if (found === undefined) throw systemError('ENOENT', `${folder} was removed`);
    const identity = `${found.dev}-${found.ino}-${found.birthtimeNs}`;
    if (this.#known.get(folder) === identity) return;
    if (parent !== folder) {
      await this.sync(parent).catch((error) => {
        // A folder that was given to us may lie in one that we may not open, or that knows no fsync.
        const given = folder === this.#root && !this.#owed.has(folder);
        if (!given || !impossible.has(errno(error) ?? '')) throw error;
      });
    }
    this.#known.set(folder, identity);
    this.#owed.delete(folder);
  }

  async #makeOne(folder: string): Promise<void> {
    try {
      await mkdir(folder);
      this.#owed.add(folder);
    } catch (error) {
      if (errno(error) === 'EEXIST') return;
      if (errno(error) !== 'ENOENT' || this.#isInside(folder)) throw error;
      await this.make(dirname(folder));
      await this.#makeOne(folder);
    }
  }

  /** @throws ENOTDIR, or INVALID for a link and for a store's folder that is none. */
  async #look(folder: string): Promise<BigIntStats | undefined> {
    const found = this.#isInside(folder) ? await statsOf(folder) : await followed(folder);
    if (found === undefined || found.isDirectory()) return found;
    if (this.#isInside(folder)) {
      throw found.isSymbolicLink() ? isLink(folder) : systemError('ENOTDIR', `${folder} is no folder`);
    }
    const what = found.isSymbolicLink() ? 'a link that leads nowhere' : 'no folder';
    throw new StoreError('INVALID', `${shown(folder)} is ${what}. Choose another folder, or remove it.`);
  }

  /** Writes a folder's entries, all of them, to the disk (fsync(2): a file's own fsync does not cover its name). */
  async sync(folder: string): Promise<void> {
    if (this.#durable) await this.#sync(folder);
  }

  /** The same for the store's folder and all that are in it; `durable` or not, for other stores' writers may be. */
  async syncAll(): Promise<void> {
    await this.#syncBelow(this.#root);
  }

  async #syncBelow(folder: string): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      await this.#syncBelow(join(folder, entry.name)).catch((error) => {
        // Gone, or not one that a writer with our rights can have written to.
        if (errno(error) !== 'ENOENT' && errno(error) !== 'EACCES') throw error;
      });
    }
    await this.#sync(folder);
  }

  async #sync(folder: string): Promise<void> {
    // Windows can't open folders; NTFS journals their entries by itself.
    if (process.platform === 'win32') return;
    const follow = this.#isInside(folder) ? constants.O_NOFOLLOW : 0;
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | follow);
    try {
      await handle.sync();
    } finally {
      await handle.close().catch(() => undefined);
    }
  }

  #isInside(folder: string): boolean {
    const way = relative(this.#root, folder);
    return way !== '' && way !== '..' && !way.startsWith(`..${sep}`);
  }
}

/** Answers of a folder that can't be written to the disk by us, as against one where that went wrong. */
const impossible = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function followed(folder: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(folder, { bigint: true });
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw failed(error, `Looking at ${shown(folder)}`);
    // A link that leads nowhere is there all the same.
    return statsOf(folder);
  }
}
