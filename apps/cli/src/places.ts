/**
 * The databases and stores that one command works on: opened with the user's key, closed when it ends.
 *
 * Invariant: a key file is read once. What is on standard input or in a pipe is there once, and a warning is one.
 */
import { type Database, HoldfastError, type ObjectStore, open, resolveLocation } from 'holdfast';
import { asUsage } from './failure.js';
import { type CommandKey, type KeyCall, type KeyOptions, readKey } from './key-source.js';
import { checkKind, shellQuoted } from './location.js';

export interface OpenAt extends KeyOptions {
  /** The version to read, where that is not the newest. */
  readonly at?: number | undefined;
}

export type Mode = 'read' | 'write' | 'create';

export class Places {
  readonly #keyCall: KeyCall;
  readonly #keys = new Map<string, Promise<CommandKey>>();
  readonly #open: { close?(): Promise<void> }[] = [];
  #mayWrite = false;

  constructor(keyCall: KeyCall) {
    this.#keyCall = keyCall;
  }

  /** Whether a database was opened for more than reading. */
  get mayWrite(): boolean {
    return this.#mayWrite;
  }

  #key({ keyFile, plaintext }: KeyOptions): Promise<CommandKey> {
    const which = JSON.stringify([keyFile, plaintext]);
    const known = this.#keys.get(which) ?? readKey({ keyFile, plaintext }, this.#keyCall);
    this.#keys.set(which, known);
    return known;
  }

  /** Makes one call with the key; its failures are told with the location and where the key came from. */
  async withKey<T>(
    location: string,
    options: KeyOptions,
    call: (key: CommandKey['key'], signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    checkKind(location);
    const { key, source } = await this.#key(options);
    try {
      return await asUsage(() => call(key, this.#keyCall.signal));
    } catch (error) {
      throw withPlace(error, location, source);
    }
  }

  async open(location: string, mode: Mode, options: OpenAt): Promise<Database> {
    this.#mayWrite ||= mode !== 'read';
    const { at } = options;
    const rights = { create: mode === 'create', readOnly: mode === 'read', ...(at !== undefined && { at }) };
    const db = await this.withKey(location, options, (key, signal) =>
      open(location, { key, signal, ...rights }),
    ).catch((error: unknown) => {
      throw at === undefined ? withWayOut(error, location) : error;
    });
    this.#open.push(db);
    return db;
  }

  async openStore(location: string): Promise<ObjectStore> {
    checkKind(location);
    const { signal } = this.#keyCall;
    const store = await asUsage(() => resolveLocation(location, { signal }));
    this.#open.push(store);
    return store;
  }

  /** All of them, the last one first. @throws what the first of them that failed threw, when all are closed. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const one of this.#open.splice(0).reverse())
      await one.close?.().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

/** The engine knows neither what the location is called nor where the key came from. */
function withPlace(error: unknown, location: string, keySource: string): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const { code, message } = error;
  if (code === 'NOT_FOUND')
    return new HoldfastError(
      code,
      `There is no database in ${location}. Check the location, or make one with \`holdfast init ${shellQuoted(location)}\`.`,
      { cause: error },
    );
  if (code === 'WRONG_KEY')
    return new HoldfastError(code, `The key (${keySource}) does not open ${location}. ${message}`, {
      cause: error,
    });
  return error;
}

function withWayOut(error: unknown, location: string): unknown {
  if (!(error instanceof HoldfastError) || error.code !== 'CORRUPT') return error;
  return new HoldfastError(
    error.code,
    `${error.message} \`holdfast restore ${shellQuoted(location)} TARGET\` copies the newest version that can be read whole.`,
    { cause: error },
  );
}
