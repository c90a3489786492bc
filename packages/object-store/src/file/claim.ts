/**
 * Gives a file that is written under `.tmp/` its object's name.
 *
 * Invariants:
 * - What was won is decided by identity: the name stands for our own file (device and inode) or for another. A count
 *   of links decides nothing: anybody may link our file, backups do.
 * - The caller keeps its file open meanwhile, so no other file can come to its inode.
 * - The name under `.tmp/` stays: it says that the new one may not be on the disk yet (see unfinished.ts).
 */
import { link, rename, unlink } from 'node:fs/promises';
import { type Identity, isSame, statsOf } from './entry.js';
import { errno, failed, failedVisibly, linkFailed, shown, systemError } from './failures.js';

/** A file of ours that is written whole, and still open. */
export interface OwnFile extends Identity {
  /** Its name under `.tmp/`. */
  readonly path: string;
}

/**
 * Creates. link(2) never replaces, so its yes is certain; its no is not, for the answer to a first try may have been
 * lost (a server of a network file system repeats itself, link(2) says of NFS).
 * @returns false if the name stands for another file.
 * @throws a bare ENOENT if the folder or our name under `.tmp/` vanished: nothing happened then.
 */
export async function create(own: OwnFile, path: string): Promise<boolean> {
  const doing = `Creating ${shown(path)}`;
  try {
    await link(own.path, path);
    return true;
  } catch (error) {
    const found = await statsOf(path).catch(() => undefined);
    if (found && isSame(found, own)) return true;
    if (errno(error) === 'ENOENT') throw error;
    if (errno(error) !== 'EEXIST') throw linkFailed(error, doing);
    if (found?.isDirectory()) throw failed(systemError('EISDIR', 'a folder is there'), doing);
    return false;
  }
}

/**
 * Overwrites.
 * @param spare a second name under `.tmp/`: the one that rename(2) takes away.
 * @throws a bare ENOENT as above.
 */
export async function replace(own: OwnFile, path: string, spare: string): Promise<void> {
  const doing = `Replacing ${shown(path)}`;
  await link(own.path, spare).catch((error) => {
    throw errno(error) === 'ENOENT' ? error : linkFailed(error, doing);
  });
  try {
    await rename(spare, path);
  } catch (error) {
    const found = await statsOf(path).catch(() => undefined);
    if (found && isSame(found, own)) return;
    throw errno(error) === 'ENOENT' ? error : failedVisibly(error, doing);
  } finally {
    // Where both names stand for one file already, rename(2) does nothing and leaves both.
    await unlink(spare).catch(() => undefined);
  }
}
