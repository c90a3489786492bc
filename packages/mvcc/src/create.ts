/**
 * Creating a database.
 *
 * Invariants:
 * - It is one create-only record: of any number of creators, one wins and the others open its database.
 * - A prefix that holds something else is left alone. What others leave everywhere (folder markers, `.DS_Store`), and
 *   what our own probes have left, is nothing; and it hides nothing, however much there is of it.
 */
import {
  CompactRange,
  corrupt,
  encodeRecord,
  GRACE_MS_DEFAULT,
  HoldfastError,
  INTENT_PREFIX,
  LOG_PREFIX,
  Manifest,
  PAGE_PREFIX,
  SEGMENT_PREFIX,
  TILE_PREFIX,
} from '@holdfast/core';
import { type CryptoProvider, createKeyring, defaultProvider } from '@holdfast/crypto';
import {
  isProbeObject,
  type ListedObject,
  type ObjectStore,
  probe,
  StoreError,
  systemClock,
  systemRandom,
  unsafeInWords,
} from '@holdfast/object-store';
import { callStore, fromStoreError } from './context/context.js';
import { DatabaseSealing } from './context/database-sealing.js';
import type { NormalisedOptions } from './context/options.js';
import type { Slots } from './context/slots.js';
import { wallMs } from './context/wall.js';

/** What came of it. Whatever it is, the next listing of the log tells whose database there is. */
export interface Creation {
  /** `found`: there is a database by now. `occupied`: there is a record 1. `unknown`: no answer tells. */
  readonly status: 'created' | 'found' | 'occupied' | 'unknown';
  readonly problem?: unknown;
}

/** Makes record 1. Losing the race to another creator is not an error: its database is then opened. */
export async function create(
  store: ObjectStore,
  slots: Slots,
  options: NormalisedOptions,
): Promise<Creation> {
  const {
    signal,
    random = systemRandom,
    clock = systemClock,
    crypto: provider = defaultProvider(),
  } = options;
  const foreign = await foreignObject(store, options);
  if (foreign !== undefined) {
    // It may be the work of another creator that was faster: then there is a database now.
    const newest = await callStore('looking for the newest record', () => slots.newest({ signal }));
    if (newest !== undefined) return { status: 'found' };
    throw refusal(foreign);
  }
  if (options.readOnly || options.create === false)
    throw new HoldfastError(
      'NOT_FOUND',
      `No database here: expected a record under ${LOG_PREFIX}, found an empty prefix. ${options.readOnly ? 'It was opened read-only' : 'create is false'}; check the location, or create it first.`,
    );
  if (options.probe !== 'skip') await probeStore(store, options);
  const databaseId = random(16);
  const root = options.key;
  const keyring =
    root === 'plaintext' ? undefined : await createKeyring({ provider, root, databaseId, random, signal });
  const suite = keyring ? 1 : 0;
  const sealing = new DatabaseSealing({ provider, suite, databaseId, random, root, keyring });
  const manifest = Manifest.empty(provider.sha256);
  const fingerprint = storeFingerprint(store, provider);
  const { bytes } = await encodeRecord(
    sealing,
    {
      version: 1,
      parent: new Uint8Array(32),
      flushedThrough: 0,
      floor: 1,
      history: CompactRange.empty,
      keyring: sealing.keyringBytes,
      manifestRoot: manifest.root,
      manifestSection: manifest.section,
      graceMs: options.graceMs ?? GRACE_MS_DEFAULT,
    },
    {
      writerId: random(16),
      timeMs: wallMs(clock),
      stores: fingerprint && options.probe !== 'skip' ? [fingerprint] : [],
      transactions: [],
      carry: { refs: [], entries: [] },
    },
    random(16),
  );
  try {
    return { status: await slots.claim(1, bytes, { signal }) };
  } catch (error) {
    // Whether it arrived shows when the log is listed again; sending it twice can't make two.
    if (error instanceof StoreError && error.code === 'UNKNOWN_OUTCOME')
      return { status: 'unknown', problem: error };
    throw fromStoreError(error, 'creating the database');
  }
}

/** The first object that a prefix without a database should not have; undefined: there is none. */
function foreignObject(store: ObjectStore, options: NormalisedOptions): Promise<string | undefined> {
  return callStore('looking for other objects', async () => {
    let passed = 0;
    for await (const object of store.list('', { signal: options.signal }))
      if (!isLitter(object) || ++passed > LITTER_MAX) return object.key;
    return undefined;
  });
}

/** More of it is somebody's. */
const LITTER_MAX = 100_000;
const LITTER_NAMES: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini', '.localized']);

/** What consoles, file managers and our probes leave behind, wherever. */
function isLitter({ key, size }: ListedObject): boolean {
  if (isProbeObject(key)) return true;
  const name = key.slice(key.lastIndexOf('/') + 1);
  // The marker of a folder: the folder's own name, and no bytes. The prefix itself is one.
  if (name === '') return size === 0;
  return LITTER_NAMES.has(name) || name.startsWith('._');
}

function refusal(key: string): HoldfastError {
  if ([SEGMENT_PREFIX, PAGE_PREFIX, TILE_PREFIX, INTENT_PREFIX].some((prefix) => key.startsWith(prefix)))
    return corrupt(
      LOG_PREFIX,
      `the prefix has a Holdfast object (${key}) and no record: expected the log beside it, and it was deleted or is hidden`,
    );
  return new HoldfastError(
    'PREFIX_IN_USE',
    `The prefix is not empty and holds no database: expected nothing, found ${JSON.stringify(key)}. Nothing was changed; choose another prefix.`,
  );
}

/** @throws HoldfastError STORE_UNSAFE, with what the store did. */
export async function probeStore(store: ObjectStore, options: NormalisedOptions): Promise<void> {
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const report = await callStore('probing it', () => probe(store, { clock, random, signal, swaps: false }));
  const unsafe = unsafeInWords(report);
  if (unsafe === undefined) return;
  throw new HoldfastError(
    'STORE_UNSAFE',
    `This object store can't hold a database by itself. ${unsafe} Nothing was written.`,
  );
}

/** What a record remembers of a store that passed its probe: 8 bytes of a hash; undefined: it has no identity. */
export function storeFingerprint(store: ObjectStore, provider: CryptoProvider): Uint8Array | undefined {
  if (store.identity === undefined) return undefined;
  return provider.sha256(new TextEncoder().encode(`holdfast/1 store ${store.identity}`)).slice(0, 8);
}
