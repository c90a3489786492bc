/**
 * Opens a database at a location.
 *
 * Invariants:
 * - What the caller hands over is taken at the call: bytes that it wipes or changes while the store is being made
 *   change nothing.
 * - A store that was made here is closed if the database can't be opened; one that was given is its owner's.
 */
import { HoldfastError } from '@holdfast/core';
import {
  type Database,
  type OpenOptions as DatabaseOptions,
  findReadable as findReadableIn,
  normaliseOptions,
  openDatabase,
  type Salvage,
  type SalvageOptions as StoreSalvageOptions,
} from '@holdfast/mvcc';
import { type ObjectStore, StoreError } from '@holdfast/object-store';
import type { LocationOptions } from './location-registry.js';
import { type Location, resolveLocation } from './locations.js';

export type OpenOptions = DatabaseOptions & LocationOptions;

/**
 * Opens the database at `location`, or makes it.
 * @throws TypeError for a location or an option that can't be meant; HoldfastError WRONG_KEY, NOT_FOUND,
 * PREFIX_IN_USE, STORE_UNSAFE, STORE_REFUSED, UNAVAILABLE, CORRUPT, UNSUPPORTED_FORMAT.
 */
export async function open(location: Location, options: OpenOptions): Promise<Database> {
  const { credentials, ...rest } = copied('open', options);
  const taken = normaliseOptions(rest);
  const store = await storeAt(location, { credentials, signal: taken.signal });
  try {
    return await openDatabase(store, taken);
  } catch (error) {
    if (store !== location) await store.close?.().catch(() => {});
    throw error;
  }
}

export type SalvageOptions = StoreSalvageOptions & LocationOptions;

/**
 * The newest version at `location` that can be read whole, and what is wrong with those after it: a way out where
 * `open` says CORRUPT. Reads every block of the version. `open(location, { readOnly: true, at })` then reads it.
 * @throws HoldfastError NOT_FOUND, and what `open` throws for a wrong key or a store that does not answer.
 */
export async function findReadable(location: Location, options: SalvageOptions): Promise<Salvage> {
  const { credentials, ...rest } = copied('findReadable', options);
  const store = await storeAt(location, { credentials, signal: rest.signal });
  try {
    return await findReadableIn(store, rest);
  } finally {
    if (store !== location) await store.close?.().catch(() => {});
  }
}

function copied<Options extends OpenOptions>(call: string, options: Options): Options {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `${call}: expected options with a key, such as { key: 32 bytes }, found ${options === null ? 'null' : typeof options}.`,
    );
  const entries = Object.entries(options).map(([name, value]) => [
    name,
    // By its tag: bytes of another realm are bytes too.
    Object.prototype.toString.call(value) === '[object Uint8Array]' ? Uint8Array.from(value) : value,
  ]);
  return Object.fromEntries(entries);
}

async function storeAt(location: Location, options: LocationOptions): Promise<ObjectStore> {
  try {
    return await resolveLocation(location, options);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const refused = error.code === 'DENIED' || error.code === 'INVALID';
    throw new HoldfastError(
      refused ? 'STORE_REFUSED' : 'UNAVAILABLE',
      `There is no object store at this location: ${error.message}`,
      { cause: error },
    );
  }
}
