/**
 * A way out of a database whose newest records are damaged: which version can still be read whole.
 *
 * Invariants:
 * - It only reads, and only when it is asked to: no other call ever steps back to an older version by itself.
 * - A version is called readable when its record, the holders and pages it names, and every block of its segments were
 *   read and authenticated. Whether newer ones were acknowledged nothing here can tell: they are lost with their
 *   records.
 * - A store that does not answer, or a wrong key, is no damage.
 */
import { HoldfastError, LOG_PREFIX, objectName, SEGMENT_PREFIX } from '@holdfast/core';
import { type ObjectStore, withRetry } from '@holdfast/object-store';
import { callStore } from './context/context.js';
import { type NormalisedOptions, normaliseOptions, type OpenOptions } from './context/options.js';
import { StoreSlots } from './log/store-slots.js';
import { openParts } from './open.js';

export interface Damage {
  readonly version: number;
  readonly problem: string;
}

export interface Salvage {
  /** The newest version that the store lists; undefined: it lists none. */
  readonly newest: number | undefined;
  /** The newest version that can be read whole; undefined: none. `open(location, { readOnly: true, at })` reads it. */
  readonly readable: number | undefined;
  /** What is wrong with the versions after it, newest first; one entry for versions in a row that are missing. */
  readonly damaged: readonly Damage[];
}

export interface SalvageOptions extends OpenOptions {
  /** Told before each version is tried. */
  readonly onProgress?:
    | ((progress: { readonly version: number; readonly damaged: number }) => void)
    | undefined;
}

/** From so many versions on that none of them opens with the key, it is the key that is wrong. */
const WRONG_KEYS_MAX = 3;

/** @throws HoldfastError NOT_FOUND where there is no log; UNAVAILABLE, STORE_REFUSED, WRONG_KEY as `open` does. */
export async function findReadable(store: ObjectStore, options: SalvageOptions): Promise<Salvage> {
  const { onProgress, ...given } = options;
  const openOptions = normaliseOptions(given);
  const { signal, clock, random } = openOptions;
  const retrying = withRetry(store, { clock, random });
  const versions = await callStore('listing the log', () => listVersions(retrying, signal));
  if (versions.length === 0)
    throw new HoldfastError('NOT_FOUND', `No record is under ${LOG_PREFIX}. Check the location.`);
  const damaged: Damage[] = [];
  const segments = new Map<string, unknown>();
  let wrongKeys = 0;
  for (const [i, version] of versions.entries()) {
    const gap = missingBetween(versions[i - 1], version);
    if (gap) damaged.push(gap);
    onProgress?.({ version, damaged: damaged.length });
    try {
      await readWhole(retrying, { ...openOptions, readOnly: true, at: version }, segments);
      return { newest: versions[0], readable: version, damaged };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof HoldfastError) || !isDamage(error)) throw error;
      if (error.code === 'WRONG_KEY' && ++wrongKeys === Math.min(WRONG_KEYS_MAX, versions.length))
        throw error;
      damaged.push({ version, problem: error.message });
    }
  }
  return { newest: versions[0], readable: undefined, damaged };
}

/** One entry for each gap, however wide: a single foreign name can stand for any version. */
function missingBetween(newer: number | undefined, version: number): Damage | undefined {
  const count = newer === undefined ? 0 : newer - version - 1;
  if (count === 0) return undefined;
  const more = count > 1 ? `, and so are those of the ${count - 1} versions before it` : '';
  return { version: newer! - 1, problem: `Its record is missing${more}.` };
}

function isDamage({ code }: HoldfastError): boolean {
  return ['CORRUPT', 'FORK', 'UNSUPPORTED_FORMAT', 'WRONG_KEY'].includes(code);
}

/** The versions that have a record, newest first. */
async function listVersions(store: ObjectStore, signal: AbortSignal | undefined): Promise<number[]> {
  const versions: number[] = [];
  for await (const version of new StoreSlots(store).all({ signal })) versions.push(version);
  return versions.sort((a, b) => b - a);
}

/** @param segments what became of each that was read before: undefined, or its failure. */
async function readWhole(
  store: ObjectStore,
  options: NormalisedOptions,
  segments: Map<string, unknown>,
): Promise<void> {
  const { tip } = await openParts(store, options);
  for (const segment of tip.view.manifest.entries) {
    const name = objectName(SEGMENT_PREFIX, segment.id);
    if (!segments.has(name)) {
      const failure = await tip.view
        .reader(segment)
        .verify({ signal: options.signal })
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      if (failure !== undefined && !(failure instanceof HoldfastError && isDamage(failure))) throw failure;
      segments.set(name, failure);
    }
    if (segments.get(name) !== undefined) throw segments.get(name);
  }
}
