import {
  type Database,
  type OpenOptions as DatabaseOptions,
  findReadable as findReadableIn,
  openDatabase,
  type Salvage,
  type SalvageOptions as StoreSalvageOptions,
} from '@holdfast/mvcc';
import { type Location, type LocationOptions, resolveLocation } from './locations.js';

export type OpenOptions = DatabaseOptions & LocationOptions;

/**
 * Opens the database at `location`, or makes it.
 * @throws TypeError for a location or an option that can't be meant; HoldfastError WRONG_KEY, NOT_FOUND,
 * PREFIX_IN_USE, STORE_UNSAFE, STORE_REFUSED, UNAVAILABLE, CORRUPT, UNSUPPORTED_FORMAT.
 */
export async function open(location: Location, options: OpenOptions): Promise<Database> {
  return openDatabase(await resolveLocation(location, options ?? {}), options);
}

export type SalvageOptions = StoreSalvageOptions & LocationOptions;

/**
 * The newest version at `location` that can be read whole, and what is wrong with those after it: a way out where
 * `open` says CORRUPT. Reads every block of the version. `open(location, { readOnly: true, at })` then reads it.
 */
export async function findReadable(location: Location, options: SalvageOptions): Promise<Salvage> {
  return findReadableIn(await resolveLocation(location, options ?? {}), options);
}
