import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cutRange } from '../byte-range.js';
import { type Clock, type RandomBytes, systemClock } from '../clock.js';
import { StoreError } from '../errors.js';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectStore,
  PutOptions,
  PutResult,
  StoredObject,
} from '../object-store.js';
import { systemRandom } from '../random.js';
import { errno, failed, failedVisibly, outcomeUnknown } from './failures.js';
import { Folders, syncFolder } from './folders.js';
import { listFolder } from './list-folder.js';
import { objectPath, tempFolder } from './paths.js';
import { sweep, tempName } from './temp-names.js';

export interface FileStoreOptions {
  /** Whether a put or delete returns only when it would outlive a power failure. True unless given. */
  readonly durable?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
}

const deletesAtOnce = 32;

/**
 * Objects as files of one folder, shared by any number of processes of one machine.
 *
 * Invariants:
 * - An object's bytes are complete, and on the disk, in a file under `.tmp/` before they get its name.
 * - A create is link(2), which never replaces: one winner, whoever races. An overwrite is rename(2).
 * - A file is never changed once it has its name, so an open one stays what it was.
 * - Reads make nothing: a folder that is not there has no objects, and the first put makes it.
 *
 * There is no `ifMatch`: POSIX has no compare-and-rename, and a lock file's takeover from a dead owner can't be
 * made safe against an owner that was only asleep.
 */
export class FileStore implements ObjectStore {
  readonly capabilities: Capabilities = { putIfAbsent: true, putIfMatch: false, orderedList: true };
  readonly identity: string;
  readonly #root: string;
  readonly #durable: boolean;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #folders: Folders;
  #sweeping: Promise<void> | undefined;

  /** @param directory made by the first put. */
  constructor(directory: string, options: FileStoreOptions = {}) {
    this.#root = resolve(directory);
    this.#durable = options.durable ?? true;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#folders = new Folders(this.#root, this.#durable);
    this.identity = pathToFileURL(this.#root).href;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    const path = objectPath(this.#root, key);
    cutRange(0, options.range);
    let handle: FileHandle | undefined;
    try {
      // Not following links, and not waiting for the other end of a pipe that somebody put here.
      handle = await open(
        path,
        constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
      );
      const found = await handle.stat({ bigint: true });
      if (!found.isFile()) return undefined;
      const size = Number(found.size);
      const { start, end } = cutRange(size, options.range);
      const bytes = await readFully(handle, start, end - start);
      options.signal?.throwIfAborted();
      return { bytes, etag: etagOf(found), size };
    } catch (error) {
      const code = errno(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || (code === 'EISDIR' && handle === undefined))
        return undefined;
      throw failed(error, `Reading ${path}`);
    } finally {
      await handle?.close();
    }
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    options.signal?.throwIfAborted();
    const path = objectPath(this.#root, key);
    if (options.ifMatch !== undefined) {
      throw new StoreError(
        'INVALID',
        'A folder has no atomic ifMatch (capabilities.putIfMatch is false): use ifAbsent.',
      );
    }
    for (let tries = 1; ; tries++) {
      try {
        return await this.#putOnce(path, bytes, options);
      } catch (error) {
        // Somebody removed a folder or swept the unfinished file: nothing happened, so begin again.
        if (errno(error) === 'ENOENT' && tries < 3) this.#folders.forget();
        else throw failed(error, `Writing ${path}`);
      }
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const paths = keys.map((key) => objectPath(this.#root, key));
    const changed = new Set<string>();
    for (let i = 0; i < paths.length; i += deletesAtOnce) {
      options.signal?.throwIfAborted();
      const removing = paths.slice(i, i + deletesAtOnce).map(async (path) => {
        if (await removeFile(path)) changed.add(dirname(path));
      });
      // All, so that none is still at work when the caller hears of a failure.
      const failures = (await Promise.allSettled(removing)).filter((result) => result.status === 'rejected');
      if (failures[0]) throw failures[0].reason;
    }
    if (!this.#durable) return;
    for (const folder of changed) {
      await syncFolder(folder).catch((error) => {
        if (errno(error) !== 'ENOENT') throw failed(error, `Deleting in ${folder}`);
      });
    }
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    return listFolder(this.#root, prefix, options);
  }

  /** Waits for what is still being swept. */
  async close(): Promise<void> {
    await this.#sweeping;
  }

  /** @throws a bare ENOENT if the folder or the temporary file vanished: nothing happened then. */
  async #putOnce(path: string, bytes: Uint8Array, options: PutOptions): Promise<PutResult> {
    // Most losers of a race come late: spare them the writing.
    if (options.ifAbsent && (await isObject(path))) return { occupied: true };
    const temps = join(this.#root, tempFolder);
    await Promise.all([this.#folders.make(temps), this.#folders.make(dirname(path))]);
    this.#sweeping ??= sweep(temps, this.#clock.now());

    const temp = join(temps, tempName(this.#random));
    try {
      const etag = await this.#write(temp, bytes);
      options.signal?.throwIfAborted();
      if (options.ifAbsent) {
        if (!(await createByLink(temp, path))) return { occupied: true };
      } else {
        await rename(temp, path).catch((error) => {
          throw errno(error) === 'ENOENT' ? error : failedVisibly(error, `Replacing ${path}`);
        });
      }
      if (this.#durable) {
        await syncFolder(dirname(path)).catch((error) => {
          throw outcomeUnknown(error, `Writing the folder of ${path} to the disk`);
        });
      }
      return { etag };
    } finally {
      await unlink(temp).catch(() => undefined);
    }
  }

  /** @returns the ETag that the object will have: neither link nor rename changes what it is made of. */
  async #write(temp: string, bytes: Uint8Array): Promise<string> {
    const handle = await open(temp, 'wx');
    try {
      await handle.writeFile(bytes);
      if (this.#durable) await handle.sync();
      return etagOf(await handle.stat({ bigint: true }));
    } finally {
      await handle.close();
    }
  }
}

/** Objects are replaced, never changed in place: what has the inode, size and time of another is that other. */
function etagOf(found: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${found.size.toString(36)}-${found.mtimeNs.toString(36)}-${found.ino.toString(36)}`;
}

async function readFully(handle: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) {
      throw new StoreError(
        'UNAVAILABLE',
        `A file became shorter while it was read: ${length} bytes expected, ${done} found.`,
      );
    }
    done += bytesRead;
  }
  return bytes;
}

async function isObject(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() ?? false;
}

/** @returns false if the name is taken. */
async function createByLink(temp: string, path: string): Promise<boolean> {
  try {
    await link(temp, path);
    return true;
  } catch (error) {
    if (errno(error) === 'ENOENT') throw error;
    if (errno(error) !== 'EEXIST') throw failedVisibly(error, `Creating ${path}`);
    // link(2), NFS: the server may have made the link and lost the answer, and then refuse the repetition. Nobody
    // else links our temporary file, so a second name for it is this one.
    if ((await lstat(temp)).nlink > 1) return true;
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory())
      throw failed(Object.assign(new Error('is a folder'), { code: 'EISDIR' }), `Creating ${path}`);
    return false;
  }
}

/** @returns whether there was a file. */
async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    const code = errno(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false;
    // macOS says EPERM of a folder.
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory()) return false;
    throw failed(error, `Deleting ${path}`);
  }
}
