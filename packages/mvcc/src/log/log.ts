/**
 * The log: one immutable record for each version, and where its newest end is.
 *
 * Invariants:
 * - A listing is a hint where to look; what counts is read and authenticated, or probed and missing.
 * - Names that are no record's hide none, however many they are.
 * - Nothing of a record is kept, its keyring least of all, before it is authenticated (I7). Whether it belongs to
 *   this process's history is the caller's to find out.
 * - No more is taken from a slot than a record can have.
 */
import {
  corrupt,
  decodeRecordHeader,
  getBounded,
  HoldfastError,
  LOG_PREFIX,
  type LogRecord,
  MAX_VERSION,
  openRecord,
  parseRecordName,
  RECORD_BYTES_MAX,
  type RecordHeader,
  readChecked,
  recordName,
} from '@holdfast/core';
import type { CallOptions, ObjectStore } from '@holdfast/object-store';
import { type Context, callStore } from '../context/context.js';

/** How many versions past a known one are asked for at once, while there are any. */
const GALLOP: readonly number[] = [1, 2, 4, 8];
/** What is taken of each of several slots that are read at once, bytes; a longer record is then read alone. */
const GALLOP_BYTES_MAX = 4 * 1024 * 1024;
/** Names below `log/` that are no record's, and are passed over. */
const FOREIGN_NAMES_MAX = 100_000;

export class Log {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Reads and opens record `version`; undefined: there is none. */
  async read(version: number, options: CallOptions = {}): Promise<LogRecord | undefined> {
    const header = await this.readHeader(version, options);
    return header && (await this.open(header, options));
  }

  /** Reads record `version` and checks its hash, without a key. */
  async readHeader(
    version: number,
    options: CallOptions = {},
    maxBytes: number = RECORD_BYTES_MAX,
  ): Promise<RecordHeader | undefined> {
    const { sha256 } = this.#context.sealing.provider;
    return readChecked(
      () => this.readBytes(version, options, maxBytes),
      (bytes) => decodeRecordHeader(sha256, bytes, version),
    );
  }

  async readBytes(
    version: number,
    options: CallOptions = {},
    maxBytes: number = RECORD_BYTES_MAX,
  ): Promise<Uint8Array | undefined> {
    const object = await callStore(`reading record ${version}`, () =>
      getBounded(this.#context.store, recordName(version), maxBytes, options),
    );
    return object?.bytes;
  }

  /** Opens a record with the keyring that it carries, and keeps that only if the record is authentic. */
  async open(header: RecordHeader, { signal }: CallOptions = {}): Promise<LogRecord> {
    const { sealing } = this.#context;
    const keyring = await sealing.keyringOf(header, signal);
    const record = await openRecord(sealing.with(keyring), header, signal);
    sealing.adopt(keyring);
    return record;
  }

  /**
   * The records after `version`, up to the tip. Their end is where a record was found missing after this call
   * began, so nothing acknowledged before it is left out.
   * @param options.firstWidth how many versions to ask for at first: 2 where the next one is known to exist.
   * @param options.onAnswer called when the first of them have been answered.
   * @returns `gap: true` where there are so many that the newest should be found by listing.
   */
  async readAfter(
    version: number,
    options: CallOptions & { firstWidth?: 1 | 2; onAnswer?: (() => void) | undefined } = {},
  ): Promise<{ records: LogRecord[]; gap: boolean }> {
    const records: LogRecord[] = [];
    for (const width of GALLOP.filter((width) => width >= (options.firstWidth ?? 1))) {
      const first = version + records.length + 1;
      const reading = Array.from({ length: width }, (_, i) => this.#readOneOf(width, first + i, options));
      const outcomes = await Promise.allSettled(reading);
      options.onAnswer?.();
      for (const [i, outcome] of outcomes.entries()) {
        // What lies behind the end of the log, or behind what can't be read, is not looked at.
        const record =
          'value' in outcome
            ? outcome.value
            : await this.#readAlone(width, first + i, outcome.reason, options);
        if (record === undefined) return { records, gap: false };
        records.push(record);
      }
    }
    return { records, gap: true };
  }

  /** One of `width` records that are read at once: together they take no more memory than one alone may. */
  async #readOneOf(width: number, version: number, options: CallOptions): Promise<LogRecord | undefined> {
    if (width <= 2) return this.read(version, options);
    const header = await this.readHeader(version, options, GALLOP_BYTES_MAX);
    return header && (await this.open(header, options));
  }

  /** What could not be read beside others may only have been too long for that. */
  async #readAlone(
    width: number,
    version: number,
    failure: unknown,
    options: CallOptions,
  ): Promise<LogRecord | undefined> {
    if (width <= 2 || !(failure instanceof HoldfastError && failure.code === 'CORRUPT')) throw failure;
    return this.read(version, options);
  }

  /** The newest version that a listing shows; undefined: it shows no record. */
  newest(options: CallOptions = {}): Promise<number | undefined> {
    return callStore('listing the log', () => newestRecord(this.#context.store, options));
  }
}

/**
 * The newest record that a listing shows. Foreign names are passed over: those that sort before every record's cost
 * nothing (folder markers, `.DS_Store`), others a longer listing.
 */
export async function newestRecord(
  store: ObjectStore,
  options: CallOptions = {},
): Promise<number | undefined> {
  const { orderedList } = store.capabilities;
  let newest: number | undefined;
  let foreign = 0;
  let after = BEFORE_RECORDS;
  for (const limit of orderedList ? [1, undefined] : [undefined]) {
    let listed = 0;
    for await (const { key } of store.list(LOG_PREFIX, {
      ...options,
      limit,
      ...(orderedList && { after }),
    })) {
      listed++;
      const version = parseRecordName(key);
      if (version === undefined) {
        if (++foreign > FOREIGN_NAMES_MAX) throw tooManyForeign(key);
        after = key;
      } else if (newest === undefined || version > newest) newest = version;
      if (orderedList && newest !== undefined) return newest;
    }
    if (listed === 0) break;
  }
  return newest;
}

/** Sorts before the name of every record but one that there will never be. */
const BEFORE_RECORDS = recordName(MAX_VERSION);

function tooManyForeign(key: string): HoldfastError {
  return new HoldfastError(
    'STORE_REFUSED',
    `The listing of ${LOG_PREFIX} shows more than ${FOREIGN_NAMES_MAX} names that are no record's, such as ${JSON.stringify(key)}: expected records there. Nothing was changed; remove them, or check that the location is the database's.`,
  );
}

/** A missing record that something names: never "absent" (I7). */
export function missingRecord(version: number, named: string): HoldfastError {
  return corrupt(recordName(version), `${named} needs it, and the store has no such object`);
}
