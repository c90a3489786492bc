import { type Database, type OpenOptions as DatabaseOptions, openDatabase } from '@holdfast/mvcc';
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
