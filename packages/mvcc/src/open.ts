/**
 * Opening a database.
 *
 * Invariants:
 * - Opening is two requests in sequence (find the newest record, read it) and writes nothing.
 * - A database that the key does not open, or that is not the expected one, is left alone.
 * - What can't be told from what the store shows is said to be so: a lost creation is no corruption, and where a
 *   database is known to have been no new one is made.
 */
import {
  BlockCache,
  decodeRecordHeader,
  equalBytes,
  getBounded,
  HoldfastError,
  LOG_PREFIX,
  openRecord,
  RECORD_BYTES_MAX,
  type RecordHeader,
  readChecked,
  recordName,
  toHex,
} from '@holdfast/core';
import { type CryptoProvider, defaultProvider } from '@holdfast/crypto';
import {
  type Clock,
  type ObjectStore,
  type RandomBytes,
  systemClock,
  systemRandom,
} from '@holdfast/object-store';
import { jump } from './advance.js';
import { type Context, callStore, type DatabaseEvent, readingInWords, tell } from './context.js';
import { type Creation, create } from './create.js';
import { type DatabaseKey, DatabaseSealing } from './database-sealing.js';
import { Lifetime } from './lifetime.js';
import { Log, missingRecord, newestRecord } from './log.js';
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
   * The database's id (`db.id`), 16 bytes. Another database here is then FORK, and an empty prefix ROLLBACK: nothing is
   * created. Without it an emptied prefix looks like a new one.
   */
  readonly id?: Uint8Array | undefined;
  /**
   * With `readOnly`: the version to open, instead of the newest. Nothing newer is looked at, so that a database whose
   * newest records are damaged can be read as it was before them. Nothing says then that it is as new as it could be.
   */
  readonly at?: number | undefined;
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
  const { signal, id, at } = options;
  let created: Creation | undefined;
  let problem: unknown;
  for (let attempt = 1; attempt <= OPEN_ATTEMPTS_MAX; attempt++) {
    signal?.throwIfAborted();
    const asked = instant(clock);
    const newest =
      at ?? (await callStore('looking for the newest record', () => newestRecord(store, { signal })));
    if (newest === undefined) {
      if (id !== undefined) throw emptied(id);
      created = await create(store, options);
      problem = created.problem;
      continue;
    }
    const provider = options.crypto ?? defaultProvider();
    const header = await callStore(`reading record ${newest}`, () =>
      readChecked(
        async () => (await getBounded(store, recordName(newest), RECORD_BYTES_MAX, { signal }))?.bytes,
        (bytes) => decodeRecordHeader(provider.sha256, bytes, newest),
      ),
    );
    if (header === undefined) {
      problem = missingRecord(newest, at === undefined ? 'The listing of the log' : 'at');
      if (at !== undefined) throw problem;
      continue;
    }
    const { databaseId } = header.envelope;
    if (id !== undefined && !equalBytes(databaseId, id)) throw anotherDatabase(newest, id, databaseId);
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
    const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    const tip = new Tip(context, log, view, asked, { graceMs, pinned: at !== undefined });
    // Asleep since the listing: what was read may be a late PUT into a collected slot.
    if (!tip.isStale()) return { context, log, tip };
    problem = new HoldfastError(
      'UNAVAILABLE',
      `Reading the newest record took longer than ${graceMs / 2} ms, half the grace period.`,
    );
  }
  throw notOpened(created, problem);
}

/** Why a database could not be opened after several tries, each of which something came in between. */
function notOpened(created: Creation | undefined, problem: unknown): unknown {
  const times = `${OPEN_ATTEMPTS_MAX} times in a row`;
  if (created?.status === 'occupied')
    return new HoldfastError(
      'STORE_UNSAFE',
      `The store says that ${recordName(1)} exists, and its listing does not show it, ${times}: expected a store that lists what it holds. Nothing was changed.`,
    );
  if (created?.status === 'unknown')
    return new HoldfastError(
      'UNAVAILABLE',
      `Record 1 was sent ${times}, and the store neither confirmed it nor shows it: whether the database was made is not known. It holds nothing yet; open it again.`,
      { cause: problem, maybeCommitted: true },
    );
  if (problem instanceof HoldfastError)
    return new HoldfastError(problem.code, `${problem.message} This was found ${times}.`, { cause: problem });
  return problem;
}

/** An empty prefix where a database is known to have been. */
function emptied(id: Uint8Array): HoldfastError {
  return new HoldfastError(
    'ROLLBACK',
    `Expected database ${toHex(id)} here, found no record under ${LOG_PREFIX}: it was deleted, or is hidden. Nothing was created; check the location, and compare replicas of the bucket.`,
  );
}

function anotherDatabase(version: number, id: Uint8Array, found: Uint8Array): HoldfastError {
  return new HoldfastError(
    'FORK',
    `Expected database ${toHex(id)} here, found ${recordName(version)} of database ${toHex(found)}. Nothing was changed; check the location, and compare replicas of the bucket.`,
  );
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

/** @throws TypeError or RangeError, before anything is asked of the store. */
export function checkOptions(options: OpenOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `open: expected options with a key, such as { key: 32 bytes }, found ${options === null ? 'null' : typeof options}.`,
    );
  const { key, at, cacheBytes, graceMs, commitTimeoutMs, probe, maintenance } = options;
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
  if (at !== undefined && !(Number.isSafeInteger(at) && at >= 1))
    throw new RangeError(`at: expected a version from 1, found ${String(at)}.`);
  if (at !== undefined && options.readOnly !== true)
    throw new TypeError('at: expected readOnly: true beside it, because an older version takes no writes.');
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
