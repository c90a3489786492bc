/**
 * Files that are being written, under `.tmp/`, and objects that can be seen before they are on the disk.
 *
 * A name can't be made and made durable in one step: link(2) comes first, fsync(2) of the folder second. In between,
 * or when the fsync fails or the writer dies, others see an object that a power failure would take back; what they
 * acknowledge because of it (a commit that somebody reads back, a record that is built upon) would be lost with it.
 *
 * Invariants:
 * - A file keeps its name under `.tmp/` until the folder of its object has been fsynced: by its writer, or by who
 *   sweeps up after it. A file with such a name left is unfinished, and who meets it fsyncs the folder first. Links
 *   that are made elsewhere (backups) mean nothing.
 * - Only plain files with a name of ours are removed, once their writer is gone, and from no folder behind a link.
 * - Sweeping is never a danger to the data: a writer whose file is swept too early fails to link it.
 *
 * Where `.tmp` is a link or a file that somebody has put there, it is left alone, and `.tmp-holdfast` is used.
 */
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../errors.js';
import { type Identity, isSame, statsOf } from './entry.js';
import { errno } from './failures.js';
import type { Folders } from './folders.js';
import { tempFolders } from './paths.js';
import { isAbandoned, isTempName } from './temp-names.js';

export class Unfinished {
  readonly #folders: Folders;
  readonly #places: readonly string[];

  constructor(root: string, folders: Folders) {
    this.#folders = folders;
    this.#places = tempFolders.map((name) => join(root, name));
  }

  /** Makes the folder to write in. */
  async makeFolder(): Promise<string> {
    let taken: unknown;
    for (const place of this.#places) {
      try {
        await this.#folders.make(place);
        return place;
      } catch (error) {
        const isTaken =
          errno(error) === 'ENOTDIR' || (error instanceof StoreError && error.code === 'INVALID');
        if (!isTaken) throw error;
        taken ??= error;
      }
    }
    throw taken;
  }

  /** Whether this file, an object with more than one link, is unfinished. True as well where nobody can tell. */
  async has(file: Identity): Promise<boolean> {
    for (const place of this.#places) {
      try {
        for (const name of await namesIn(place)) {
          const found = await statsOf(join(place, name));
          if (found && isSame(found, file)) return true;
        }
      } catch {
        return true;
      }
    }
    return false;
  }

  /**
   * Removes what dead writers have left. Never fails: what can't be removed stays.
   * @param now wall clock, milliseconds.
   */
  async sweep(now: number): Promise<void> {
    const linked: string[] = [];
    for (const place of this.#places) {
      for (const name of await namesIn(place).catch(() => [])) {
        const path = join(place, name);
        const found = await lstat(path).catch(() => undefined);
        if (!found?.isFile() || !isAbandoned(name, now - found.mtimeMs)) continue;
        if (found.nlink > 1) linked.push(path);
        else await unlink(path).catch(() => undefined);
      }
    }
    if (linked.length === 0) return;
    // Nobody knows which objects these are: all folders, then, of which there are few.
    const isOnDisk = await this.#folders.syncAll().then(
      () => true,
      () => false,
    );
    if (isOnDisk) for (const path of linked) await unlink(path).catch(() => undefined);
  }
}

/** Names of ours in a folder that is none behind a link. */
async function namesIn(place: string): Promise<string[]> {
  if (!(await statsOf(place))?.isDirectory()) return [];
  return (await readdir(place)).filter(isTempName);
}
