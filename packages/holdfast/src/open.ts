/**
 * Opens a database at a location.
 *
 * Invariants:
 * - What the caller hands over is taken at the call: bytes that it wipes or changes while the store is being made
 *   change nothing.
 * - A store that was made here is closed if the database can't be opened; one that was given is its owner's.
 */
import { HoldfastError } from '@holdfast/core';
import { type Database, type OpenOptions as DatabaseOptions, openDatabase } from '@holdfast/mvcc';
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
  const { credentials, ...rest } = copied(options);
  const store = await storeAt(location, { credentials, signal: rest.signal });
  try {
    // Whatever else is among the options is the engine's to know or to refuse.
    return await openDatabase(store, rest);
  } catch (error) {
    if (store !== location) await store.close?.().catch(() => {});
    throw error;
  }
}

function copied(options: OpenOptions): OpenOptions {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `open: expected options with a key, such as { key: 32 bytes }, found ${options === null ? 'null' : typeof options}.`,
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
