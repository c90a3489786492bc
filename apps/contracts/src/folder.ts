/**
 * What the example keeps beside the state: the key, the journals, which locations it made, and a lock.
 *
 * Invariants:
 * - The key is made once, readable by its owner only, and never overwritten.
 * - A location is noted before anything is created there, so what `--fresh` deletes is what was made here.
 * - One `npm start` at a time works in a folder: the books would not know of the other's calls.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, normalize } from 'node:path';

const KEY_BYTES = 32;

export class Folder {
  readonly path: string;
  readonly keyFile: string;
  readonly #made: string;
  readonly #lock: string;

  constructor(path: string) {
    this.path = normalize(path);
    this.keyFile = join(this.path, 'key');
    this.#made = join(this.path, 'made.json');
    this.#lock = join(this.path, 'lock');
    mkdirSync(this.path, { recursive: true });
  }

  /** Where the state is unless the user says otherwise. */
  get location(): string {
    return `file:${join(this.path, 'state')}`;
  }

  /** @throws Error if another process has it. */
  lock(): void {
    const holder = readIfThere(this.#lock);
    if (holder !== undefined) {
      const pid = Number(holder);
      if (pid !== process.pid && isAlive(pid))
        throw new Error(
          `${this.path} is in use by process ${pid}. Wait for it, or stop it, or give another --folder.`,
        );
      rmSync(this.#lock);
    }
    writeNew(this.#lock, String(process.pid), 0o600);
  }

  unlock(): void {
    if (readIfThere(this.#lock) === String(process.pid)) rmSync(this.#lock);
  }

  /** The key, made now if there is none. */
  key(): Uint8Array {
    if (readIfThere(this.keyFile) === undefined)
      writeNew(this.keyFile, `${randomBytes(KEY_BYTES).toString('hex')}\n`, 0o600);
    return readKey(this.keyFile);
  }

  hasMade(location: string): boolean {
    return this.#locations().includes(location);
  }

  noteMade(location: string): void {
    if (!this.hasMade(location)) this.#write([...this.#locations(), location]);
  }

  forget(location: string): void {
    this.#write(this.#locations().filter((made) => made !== location));
  }

  /**
   * Where the journals of the open books of a database are, and the version they were opened at. The newest
   * folder counts: closing the books is opening new ones at a later version.
   */
  books(databaseId: string): { folder: string; openedAt: number } | undefined {
    const folder = join(this.path, 'books', databaseId);
    const versions = listIfThere(folder).map((name) => Number(/^from-(\d+)$/.exec(name)?.[1] ?? 0));
    const openedAt = Math.max(0, ...versions);
    return openedAt === 0 ? undefined : { folder: join(folder, `from-${openedAt}`), openedAt };
  }

  openBooks(databaseId: string, version: number): { folder: string; openedAt: number } {
    const folder = join(this.path, 'books', databaseId, `from-${version}`);
    mkdirSync(folder, { recursive: true });
    return { folder, openedAt: version };
  }

  #locations(): string[] {
    return JSON.parse(readIfThere(this.#made) ?? '[]') as string[];
  }

  #write(locations: string[]): void {
    const next = `${this.#made}.next`;
    rmSync(next, { force: true });
    writeNew(next, `${JSON.stringify(locations, undefined, 2)}\n`, 0o600);
    renameSync(next, this.#made);
  }
}

/** @throws Error unless the file holds 64 hex digits. */
export function readKey(file: string): Uint8Array {
  const text = readFileSync(file, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new Error(`${file}: expected a key of 64 hex digits, found ${text.length} characters.`);
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Durable when it returns. */
function writeNew(path: string, text: string, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function readIfThere(path: string): string | undefined {
  return ifThere(() => readFileSync(path, 'utf8'));
}

function listIfThere(path: string): string[] {
  return ifThere(() => readdirSync(path)) ?? [];
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
