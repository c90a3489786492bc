import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
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
import { create, type OwnFile, replace } from './claim.js';
import { entryAt, isNoFile } from './entry.js';
import { errno, failed, failedVisibly, outcomeUnknown, shown, systemError } from './failures.js';
import { Folders } from './folders.js';
import { listFolder } from './list-folder.js';
import { openObject } from './open-object.js';
import { objectPath } from './paths.js';
import { checkBounds, readSpan, spanOf } from './span.js';
import { tempName } from './temp-names.js';
import { Unfinished } from './unfinished.js';

export interface FileStoreOptions {
  /** Whether a put or delete returns only when it would outlive a power failure. True unless given. */
  readonly durable?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
}

const deletesAtOnce = 32;

/** How many objects with several links are remembered as finished. */
const finishedMax = 1_000;

/**
 * Objects as files of one folder, shared by any number of processes of one machine.
 *
 * Invariants:
 * - An object's bytes are complete, and on the disk, in a file under `.tmp/` before they get its name.
 * - A create is link(2), which never replaces: one winner, whoever races. An overwrite is rename(2). See claim.ts.
 * - A file is never changed once it has its name, so an open one stays what it was.
 * - What a put has acknowledged, a get has shown or an occupied answer speaks of, is on the disk, names included. One
 *   fsync of a folder writes all its names: whoever builds on what is there leaves no gap behind. See unfinished.ts.
 * - Reads make nothing: a folder that is not there has no objects, and the first put makes it.
 * - No link inside the folder is followed (entry.ts). The folder itself may be one.
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
  readonly #unfinished: Unfinished;
  readonly #finished = new Set<string>();
  #sweeping: Promise<void> | undefined;

  /** @param directory made by the first put. */
  constructor(directory: string, options: FileStoreOptions = {}) {
    this.#root = resolve(directory);
    this.#durable = options.durable ?? true;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#folders = new Folders(this.#root, this.#durable);
    this.#unfinished = new Unfinished(this.#root, this.#folders);
    this.identity = pathToFileURL(this.#root).href;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    options.signal?.throwIfAborted();
    const path = objectPath(this.#root, key);
    const what = shown(path);
    checkBounds(options);
    let handle: FileHandle | undefined;
    try {
      handle = await openObject(this.#root, path);
      if (handle === undefined) return undefined;
      const found = await handle.stat({ bigint: true });
      if (found.isDirectory()) return undefined;
      if (!found.isFile()) throw isNoFile(path);
      const span = spanOf(found.size, options, what);
      await this.#finish(path, found);
      const bytes = await readSpan(handle, span, what, options.signal);
      // Not when it was written: a process may have been stopped before it gave the file its name.
      return { bytes, etag: etagOf(found), size: span.size, modifiedMs: Number(found.ctimeMs) };
    } catch (error) {
      if (error === options.signal?.reason) throw error;
      throw failed(error, `Reading ${what}`);
    } finally {
      await handle?.close().catch(() => undefined);
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
        if (error === options.signal?.reason) throw error;
        // Somebody removed a folder or swept the unfinished file: nothing happened, so begin again.
        if (errno(error) !== 'ENOENT' || tries >= 3) throw failed(error, `Writing ${shown(path)}`);
      }
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const paths = keys.map((key) => objectPath(this.#root, key));
    for (let i = 0; i < paths.length; i += deletesAtOnce) {
      options.signal?.throwIfAborted();
      const removing = paths.slice(i, i + deletesAtOnce).map((path) => this.#remove(path));
      // All, so that none is still at work when the caller hears of a failure.
      const failures = (await Promise.allSettled(removing)).filter((result) => result.status === 'rejected');
      if (failures[0]) throw failures[0].reason;
    }
    // Also where nothing was found: this may be the repetition of a delete whose fsync failed.
    for (const folder of new Set(paths.map((path) => dirname(path)))) {
      await this.#folders.sync(folder).catch((error) => {
        if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return;
        throw outcomeUnknown(error, `Deleting in ${shown(folder)}`);
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
    const there = await entryAt(this.#root, path);
    if (there?.isDirectory()) throw systemError('EISDIR', 'a folder is there');
    // Most losers of a race come late: spare them the writing.
    if (options.ifAbsent && there) return this.#occupied(path);
    const [temps] = await Promise.all([this.#unfinished.makeFolder(), this.#folders.make(dirname(path))]);
    this.#sweeping ??= this.#unfinished.sweep(this.#clock.now());

    const temp = join(temps, tempName(this.#random));
    const handle = await open(temp, 'wx');
    let mayBeSeen = false;
    try {
      const { own, etag } = await this.#write(handle, temp, bytes);
      options.signal?.throwIfAborted();
      if (options.ifAbsent) {
        if (!(await create(own, path))) return await this.#occupied(path);
      } else {
        await replace(own, path, join(temps, tempName(this.#random)));
      }
      await this.#folders.sync(dirname(path)).catch((error) => {
        throw outcomeUnknown(error, `Writing the folder of ${shown(path)} to the disk`);
      });
      return { etag };
    } catch (error) {
      const isUnknown = error instanceof StoreError && error.code === 'UNKNOWN_OUTCOME';
      mayBeSeen = isUnknown && (await handle.stat().catch(() => undefined))?.nlink !== 1;
      throw error;
    } finally {
      await handle.close().catch(() => undefined);
      // A name under .tmp/ that stays tells who meets the object that it may not be on the disk.
      if (!mayBeSeen) await unlink(temp).catch(() => undefined);
    }
  }

  /** @returns which file it is, and the ETag that the object will have: neither link nor rename changes that. */
  async #write(handle: FileHandle, path: string, bytes: Uint8Array): Promise<{ own: OwnFile; etag: string }> {
    await handle.writeFile(bytes);
    if (this.#durable) await handle.sync();
    const found = await handle.stat({ bigint: true });
    return { own: { path, dev: found.dev, ino: found.ino }, etag: etagOf(found) };
  }

  /** What to say when another file has the name. Its bytes may be the caller's own: a put of which no answer came. */
  async #occupied(path: string): Promise<PutResult> {
    const found = await entryAt(this.#root, path);
    if (found) await this.#finish(path, found);
    return { occupied: true };
  }

  /** Brings an object's name to the disk where its writer has not, or not yet. */
  async #finish(path: string, found: BigIntStats): Promise<void> {
    if (!this.#durable || found.nlink < 2n) return;
    const object = `${path} ${etagOf(found)}`;
    if (this.#finished.has(object)) return;
    if (await this.#unfinished.has(found)) {
      await this.#folders.sync(dirname(path)).catch((error) => {
        throw failed(error, `Writing the folder of ${shown(path)}, which may not be on the disk yet,`);
      });
    }
    if (this.#finished.size >= finishedMax) this.#finished.clear();
    this.#finished.add(object);
  }

  async #remove(path: string): Promise<void> {
    if (!(await entryAt(this.#root, path))?.isFile()) return;
    await unlink(path).catch((error) => {
      const code = errno(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return;
      throw failedVisibly(error, `Deleting ${shown(path)}`);
    });
  }
}

/** Objects are replaced, never changed in place: what has the inode, size and time of another is that other. */
function etagOf(found: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${found.size.toString(36)}-${found.mtimeNs.toString(36)}-${found.ino.toString(36)}`;
}
