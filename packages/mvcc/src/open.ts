/**
 * Opening and creating a database.
 *
 * Invariants:
 * - Opening is two requests in sequence (find the newest record, read it) and writes nothing.
 * - A prefix that holds something else is left alone; so is a database that the key does not open.
 * - Creating is one create-only record: of any number of creators, one wins and the others open its database.
 */
import {
  BlockCache,
  CompactRange,
  corrupt,
  decodeRecordHeader,
  encodeRecord,
  HoldfastError,
  LOG_PREFIX,
  Manifest,
  openRecord,
  PAGE_PREFIX,
  type RecordHeader,
  recordName,
  SEGMENT_PREFIX,
} from '@holdfast/core';
import { type CryptoProvider, createKeyring, defaultProvider } from '@holdfast/crypto';
import { type ObjectStore, probe, StoreError, systemClock, systemRandom } from '@holdfast/object-store';
import { jump } from './advance.js';
import { type Context, fromStoreError, readingInWords } from './context.js';
import { DatabaseSealing } from './database-sealing.js';
import { Lifetime } from './lifetime.js';
import { Log, newestRecord } from './log.js';
import type { NormalisedOptions as OpenOptions } from './options.js';
import { openRecordKeyring } from './record-keyring.js';
import { instant, Tip } from './tip.js';
import type { View } from './view.js';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
const DEFAULT_GRACE_MS = 24 * 60 * 60 * 1000;
/** A newest record that is gone when it is read (GC) is looked for again this often. */
const OPEN_ATTEMPTS_MAX = 5;

/** What an open database consists of. */
export interface Opened {
  readonly context: Context;
  readonly log: Log;
  readonly tip: Tip;
}

export async function openParts(store: ObjectStore, options: OpenOptions): Promise<Opened> {
  const clock = options.clock ?? systemClock;
  const provider = options.crypto ?? defaultProvider();
  const { signal } = options;
  for (let attempt = 1; attempt <= OPEN_ATTEMPTS_MAX; attempt++) {
    signal?.throwIfAborted();
    const asked = instant(clock);
    const newest = await callStore('looking for the newest record', () => newestRecord(store, { signal }));
    if (newest === undefined) {
      await create(store, provider, options);
      continue;
    }
    const object = await callStore(`reading record ${newest}`, () =>
      store.get(recordName(newest), { signal }),
    );
    if (object === undefined) continue;
    const header = decodeRecordHeader(provider.sha256, object.bytes, newest);
    const sealing = await sealingOf(header, provider, options);
    const { onEvent } = options;
    const cache = new BlockCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    const context: Context = {
      store,
      sealing,
      cache,
      segments: { store: readingInWords(store), sealing, cache },
      clock,
      random: options.random ?? systemRandom,
      emit: (event) => onEvent?.(event),
      lifetime: new Lifetime(),
    };
    const log = new Log(context);
    const view: View = await jump(context, log, await openRecord(sealing, header), undefined, { signal });
    const tip = new Tip(context, log, view, asked, options.graceMs ?? DEFAULT_GRACE_MS);
    // Asleep since the listing: what was read may be a late PUT into a collected slot.
    if (!tip.isStale()) return { context, log, tip };
  }
  throw corrupt(
    LOG_PREFIX,
    `its newest record was listed and then missing, or read only after half the grace period, ${OPEN_ATTEMPTS_MAX} times in a row: expected a store that reads its own listings`,
  );
}

async function callStore<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromStoreError(error, doing);
  }
}

async function sealingOf(
  header: RecordHeader,
  provider: CryptoProvider,
  options: OpenOptions,
): Promise<DatabaseSealing> {
  const { suite, databaseId } = header.envelope;
  const random = options.random ?? systemRandom;
  const root = options.key;
  if ((suite === 0) !== (root === 'plaintext'))
    throw new HoldfastError(
      'WRONG_KEY',
      suite === 0
        ? "This database is not encrypted: expected key: 'plaintext', found a key. Nothing was changed."
        : "This database is encrypted: expected its key, found 'plaintext'. Nothing was changed.",
    );
  const keyring =
    root === 'plaintext'
      ? undefined
      : await openRecordKeyring({ provider, root, databaseId, random }, header);
  return new DatabaseSealing({ provider, suite, databaseId, random, root, keyring });
}

/** Makes record 1. Losing the race to another creator is not an error: its database is then opened. */
async function create(store: ObjectStore, provider: CryptoProvider, options: OpenOptions): Promise<void> {
  const { signal } = options;
  const foreign = await foreignObject(store, options);
  if (foreign !== undefined) {
    // It may be the work of another creator that was faster: then there is a database now.
    const newest = await callStore('looking for the newest record', () => newestRecord(store, { signal }));
    if (newest !== undefined) return;
    throw refusal(foreign);
  }
  if (options.readOnly || options.create === false)
    throw new HoldfastError(
      'NOT_FOUND',
      `No database here: expected a record under ${LOG_PREFIX}, found an empty prefix. ${options.readOnly ? 'It was opened read-only' : 'create is false'}; check the location, or create it first.`,
    );
  if (options.probe !== 'skip') await probeStore(store, options);
  const random = options.random ?? systemRandom;
  const clock = options.clock ?? systemClock;
  const databaseId = random(16);
  const root = options.key;
  const keyring =
    root === 'plaintext' ? undefined : await createKeyring({ provider, root, databaseId, random });
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
    },
    {
      writerId: random(16),
      timeMs: clock.now(),
      stores: fingerprint && options.probe !== 'skip' ? [fingerprint] : [],
      transactions: [],
      carry: { refs: [], entries: [] },
    },
    random(16),
  );
  try {
    await store.put(recordName(1), bytes, { ifAbsent: true, signal });
  } catch (error) {
    // Whether it arrived shows when the log is listed again; sending it twice can't make two.
    if (!(error instanceof StoreError) || error.code !== 'UNKNOWN_OUTCOME')
      throw fromStoreError(error, 'creating the database');
  }
}

/** The first object that a prefix without a database should not have; undefined: there is none. */
function foreignObject(store: ObjectStore, options: OpenOptions): Promise<string | undefined> {
  return callStore('looking for other objects', async () => {
    for await (const { key } of store.list('', { limit: 8, signal: options.signal }))
      if (!key.startsWith(PROBE_PREFIX)) return key;
    return undefined;
  });
}

function refusal(key: string): HoldfastError {
  if (key.startsWith(SEGMENT_PREFIX) || key.startsWith(PAGE_PREFIX))
    return corrupt(
      LOG_PREFIX,
      `the prefix has a Holdfast object (${key}) and no record: expected the log beside it, and it was deleted or is hidden`,
    );
  return new HoldfastError(
    'PREFIX_IN_USE',
    `The prefix is not empty and holds no database: expected nothing, found ${JSON.stringify(key)}. Nothing was changed; choose another prefix.`,
  );
}

const PROBE_PREFIX = 'probe/';

/** @throws HoldfastError STORE_UNSAFE, with what the store did. */
export async function probeStore(store: ObjectStore, options: OpenOptions): Promise<void> {
  const { signal } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const report = await callStore('probing it', () => probe(store, { clock, random, signal, swaps: false }));
  if (report.safe) return;
  const failed = report.checks.filter((check) => !check.ok);
  throw new HoldfastError(
    'STORE_UNSAFE',
    `This object store can't hold a database by itself: ${failed.map((c) => `${c.name}: expected ${c.expected}, found ${c.found}`).join('; ')}. Two writers could both be told that they won. Nothing was written; use a store that honours conditional writes, or a sequencer.`,
  );
}

/** What a record remembers of a store that passed its probe: 8 bytes of a hash; undefined: it has no identity. */
export function storeFingerprint(store: ObjectStore, provider: CryptoProvider): Uint8Array | undefined {
  if (store.identity === undefined) return undefined;
  return provider.sha256(new TextEncoder().encode(`holdfast/1 store ${store.identity}`)).slice(0, 8);
}
