/**
 * The world's cities, to be asked by country and by the beginning of a name: both are ranges of keys.
 *
 * Cities are keyed by country, name and their place in the source, because two of one name are common.
 */
import type { KeyTuple, Transaction } from 'holdfast';
import { type Contract, checkText, checkWhole, type Reader } from '../contract.js';

export interface City {
  readonly country: string;
  readonly name: string;
  /** Degrees, WGS 84. */
  readonly latitude: number;
  readonly longitude: number;
}

type Place = Omit<City, 'country' | 'name'>;

/** What the gazetteer was loaded from. */
export interface Source {
  readonly name: string;
  readonly version: string;
  readonly records: number;
}

const CITY = ['gazetteer', 'city'] as const;
const SOURCE_KEY = ['gazetteer', 'source'] as const;
/** Texts are ordered by their UTF-8 bytes: nothing that begins like a name comes after it with this at its end. */
const LAST_CHARACTER = '\u{10ffff}';

/** What the state holds of cities, in the order of the source. */
export function* entriesOf(cities: readonly City[]): Generator<[KeyTuple, Place], void, undefined> {
  for (const [i, { country, name, latitude, longitude }] of cities.entries())
    yield [[...CITY, country, name, i], { latitude, longitude }];
}

export function setSource(tx: Transaction, { name, version, records }: Source): void {
  tx.set(SOURCE_KEY, { name, version, records } satisfies Source);
}

export async function source(tx: Reader): Promise<Source | undefined> {
  return tx.get<Source>(SOURCE_KEY);
}

/** Cities of a country whose names begin with `startsWith`, in the order of their names' bytes. */
export async function citiesOf(
  tx: Reader,
  { country, startsWith = '', limit = 10 }: { country: string; startsWith?: string; limit?: number },
): Promise<City[]> {
  checkText('country', country, 2);
  checkWhole('limit', limit, 1, 1000);
  const cities: City[] = [];
  const range = {
    gte: [...CITY, country, startsWith],
    lt: [...CITY, country, `${startsWith}${LAST_CHARACTER}`],
  };
  for await (const { key, value } of tx.list<Place>(range, { limit }))
    cities.push({ country, name: String(key[3]), ...value });
  return cities;
}

/** How many cities there are in each country: one walk over all of them. */
export async function countByCountry(tx: Reader): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const key of tx.keys({ prefix: CITY })) {
    const country = String(key[2]);
    counts[country] = (counts[country] ?? 0) + 1;
  }
  return counts;
}

export const gazetteer: Contract = {
  queries: { source, citiesOf, countByCountry },
  commands: { setSource },
};
