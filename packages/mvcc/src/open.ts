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
  HoldfastError,
  LOG_PREFIX,
  openRecord,
  RECORD_BYTES_MAX,
  type RecordHeader,
  readChecked,
  recordName,
  SegmentReaders,
  toHex,
} from '@holdfast/core';
import { type CryptoProvider, defaultProvider } from '@holdfast/crypto';
import { type ObjectStore, systemClock, systemRandom } from '@holdfast/object-store';
import { type Context, callStore, readingInWords, tell } from './context/context.js';
import { DatabaseSealing } from './context/database-sealing.js';
import { Expiry } from './context/expiry.js';
import { Lifetime } from './context/lifetime.js';
import type { NormalisedOptions } from './context/options.js';
import { openRecordKeyring } from './context/record-keyring.js';
import { type Creation, create } from './create.js';
import { jump } from './log/advance.js';
import { Log, missingRecord, readSlot } from './log/log.js';
import { StoreSlots } from './log/store-slots.js';
import { instant, Tip } from './log/tip.js';
import type { View } from './state/view.js';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** A newest record that is gone when it is read (GC) is looked for again this often. */
const OPEN_ATTEMPTS_MAX = 5;

/** What an open database consists of. */
export interface Opened {
  readonly context: Context;
  readonly log: Log;
  readonly tip: Tip;
}

export async function openParts(store: ObjectStore, options: NormalisedOptions): Promise<Opened> {
  const clock = options.clock ?? systemClock;
  const { signal, id, at } = options;
  const slots = new StoreSlots(store);
  let created: Creation | undefined;
  let problem: unknown;
  for (let attempt = 1; attempt <= OPEN_ATTEMPTS_MAX; attempt++) {
    signal?.throwIfAborted();
    const asked = instant(clock);
    const newest = at ?? (await callStore('looking for the newest record', () => slots.newest({ signal })));
    if (newest === undefined) {
      if (id !== undefined) throw emptied(id);
      created = await create(store, slots, options);
      problem = created.problem;
      continue;
    }
    const provider = options.crypto ?? defaultProvider();
    const header = await callStore(`reading record ${newest}`, () =>
      readChecked(
        () => readSlot(slots, newest, RECORD_BYTES_MAX, { signal }),
        (bytes) => decodeRecordHeader(provider.sha256, bytes, newest),
      ),
    );
    if (header === undefined) {
      if (at !== undefined) throw noVersion(at);
      problem = missingRecord(newest, 'The listing of the log');
      continue;
    }
    const { databaseId } = header.envelope;
    if (id !== undefined && !equalBytes(databaseId, id)) throw anotherDatabase(newest, id, databaseId);
    const sealing = await sealingOf(header, provider, options);
    const cache = new BlockCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    const context: Context = {
      store,
      slots,
      sealing,
      cache,
      segments: new SegmentReaders({ store: readingInWords(store), sealing, cache }),
      clock,
      random: options.random ?? systemRandom,
      emit: tell(options),
      lifetime: new Lifetime(),
      expiry: new Expiry(),
    };
    const log = new Log(context);
    const record = await openRecord(sealing, header, signal);
    const { graceMs } = record;
    if (options.graceMs !== undefined && options.graceMs !== graceMs)
      throw anotherGrace(options.graceMs, graceMs);
    const view: View = await jump(context, log, record, undefined, { signal });
    const tip = new Tip(context, log, view, asked, { pinned: at !== undefined });
    context.expiry.floorNow = async () => {
      if (at === undefined) return (await tip.refresh()).floor;
      // It looks at nothing newer, but for this.
      const now = await log.newest();
      return (now === undefined ? undefined : await log.read(now))?.floor ?? 0;
    };
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

/** Lost or never written: nothing tells, and missing is never taken for absent. */
function noVersion(at: number): HoldfastError {
  return new HoldfastError(
    'CORRUPT',
    `${recordName(at)} is missing: expected the record of version ${at}, which \`at\` asks for. Nothing was returned; findReadable() says which version can be read.`,
  );
}

function anotherDatabase(version: number, id: Uint8Array, found: Uint8Array): HoldfastError {
  return new HoldfastError(
    'FORK',
    `Expected database ${toHex(id)} here, found ${recordName(version)} of database ${toHex(found)}. Nothing was changed; check the location, and compare replicas of the bucket.`,
  );
}

/** One process's grace period breaks another's writers: it is the database's, fixed when it was made. */
function anotherGrace(asked: number, own: number): RangeError {
  return new RangeError(
    `graceMs: expected ${own}, with which this database was made, found ${asked}. Nothing was changed; leave the option out.`,
  );
}

async function sealingOf(
  header: RecordHeader,
  provider: CryptoProvider,
  options: NormalisedOptions,
): Promise<DatabaseSealing> {
  const { suite, databaseId } = header.envelope;
  const { key: root, signal, random = systemRandom } = options;
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
      : await openRecordKeyring({ provider, root, databaseId, random, signal }, header);
  return new DatabaseSealing({ provider, suite, databaseId, random, root, keyring });
}
