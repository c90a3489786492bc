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
import {
  type Clock,
  type ObjectStore,
  probe,
  type RandomBytes,
  StoreError,
  systemClock,
  systemRandom,
} from '@holdfast/object-store';
import { jump } from './advance.js';
import { type Context, type DatabaseEvent, fromStoreError, readingInWords, tell } from './context.js';
import { type DatabaseKey, DatabaseSealing } from './database-sealing.js';
import { Lifetime } from './lifetime.js';
import { Log, newestRecord } from './log.js';
import { openRecordKeyring } from './record-keyring.js';
import { instant, Tip } from './tip.js';
import { refuseUnbacked, type UnbackedOptions } from './unbacked.js';
import type { View } from './view.js';

export interface OpenOptions extends UnbackedOptions {
  /** 32 bytes, a `KeyProvider`, or `'plaintext'`: the explicit way to have none. */
  readonly key: DatabaseKey;
  /** Make the database if the prefix is empty. Default true. */
  readonly create?: boolean | undefined;
  /** Refuse every write, and create nothing. Default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether to check that the store honours conditional writes, before the first write through one that this
   * database has not used yet (`auto`), before the first write of every open (`always`), or never (`skip`).
   */
  readonly probe?: 'auto' | 'always' | 'skip' | undefined;
  /** Hard bound of the block cache, bytes. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /** `auto`: flush in this process; `manual`: leave it to `flush()`. */
  readonly maintenance?: 'auto' | 'manual' | undefined;
  /** How long collected log slots stay empty before they are reused, milliseconds. Default 24 h. */
  readonly graceMs?: number | undefined;
  /** How long a commit is tried before its outcome is given up on, milliseconds. Default 60 s. */
  readonly commitTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  readonly crypto?: CryptoProvider | undefined;
  /** Told of what happens. It decides nothing: what it throws changes no answer. */
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined;
  /** Told of what `onEvent` throws, or rejects with. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

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
    const cache = new BlockCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    const context: Context = {
      store,
      sealing,
      cache,
      segments: { store: readingInWords(store), sealing, cache },
      clock,
      random: options.random ?? systemRandom,
      emit: tell(options),
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

/** @throws TypeError or RangeError, before anything is asked of the store. */
export function checkOptions(options: OpenOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `open: expected options with a key, such as { key: 32 bytes }, found ${options === null ? 'null' : typeof options}.`,
    );
  const { key, cacheBytes, graceMs, commitTimeoutMs, probe, maintenance } = options;
  const isProvider =
    typeof key === 'object' && key !== null && !(key instanceof Uint8Array) && isKeyProvider(key);
  if (!(key instanceof Uint8Array ? key.length === 32 : key === 'plaintext' || isProvider))
    throw new TypeError(
      `key: expected 32 bytes, a KeyProvider ({ wrap, unwrap }) or 'plaintext', found ${key instanceof Uint8Array ? `${key.length} bytes` : key === undefined ? 'nothing' : typeof key}.`,
    );
  for (const [name, value] of Object.entries({ cacheBytes, graceMs, commitTimeoutMs }))
    if (value !== undefined && !(typeof value === 'number' && value >= 0))
      throw new RangeError(`${name}: expected a number from 0, found ${String(value)}.`);
  if (cacheBytes !== undefined && !Number.isSafeInteger(cacheBytes))
    throw new RangeError(`cacheBytes: expected a whole number of bytes, found ${cacheBytes}.`);
  checkChoice('probe', probe, ['auto', 'always', 'skip']);
  checkChoice('maintenance', maintenance, ['auto', 'manual']);
  refuseUnbacked('open', options);
}

function isKeyProvider(key: Partial<Record<'wrap' | 'unwrap', unknown>>): boolean {
  return typeof key.wrap === 'function' && typeof key.unwrap === 'function';
}

function checkChoice(name: string, found: string | undefined, choices: readonly string[]): void {
  if (found === undefined || choices.includes(found)) return;
  const expected = choices.map((choice) => `'${choice}'`).join(', ');
  throw new TypeError(`${name}: expected one of ${expected}, found ${JSON.stringify(found)}.`);
}
