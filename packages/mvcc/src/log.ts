/**
 * The log: one immutable record for each version, and where its newest end is.
 *
 * Invariants:
 * - A listing is a hint where to look; what counts is read and authenticated, or probed and missing.
 * - Opened records are kept by version only for as long as they are this chain's: the caller checks parents.
 */
import {
  corrupt,
  decodeRecordHeader,
  type HoldfastError,
  LOG_PREFIX,
  type LogRecord,
  openRecord,
  parseRecordName,
  type RecordHeader,
  recordName,
} from '@holdfast/core';
import type { CallOptions, ObjectStore } from '@holdfast/object-store';
import { type Context, fromStoreError } from './context.js';

/** How many versions past a known one are asked for at once, while there are any. */
const GALLOP: readonly number[] = [1, 2, 4, 8];

export class Log {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Reads and opens record `version`; undefined: there is none. */
  async read(version: number, options: CallOptions = {}): Promise<LogRecord | undefined> {
    const header = await this.readHeader(version, options);
    return header && (await this.open(header));
  }

  /** Reads record `version` and checks its hash, without a key. */
  async readHeader(version: number, options: CallOptions = {}): Promise<RecordHeader | undefined> {
    const bytes = await this.readBytes(version, options);
    return bytes && decodeRecordHeader(this.#context.sealing.provider.sha256, bytes, version);
  }

  async readBytes(version: number, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    const object = await this.#call(`reading record ${version}`, () =>
      this.#context.store.get(recordName(version), options),
    );
    return object?.bytes;
  }

  async open(header: RecordHeader): Promise<LogRecord> {
    await this.#context.sealing.adopt(header);
    return openRecord(this.#context.sealing, header);
  }

  /**
   * The records after `version`, up to the tip. Their end is where a record was found missing after this call
   * began, so nothing acknowledged before it is left out.
   * @param options.firstWidth how many versions to ask for at first: 2 where the next one is known to exist.
   * @returns `gap: true` where there are so many that the newest should be found by listing.
   */
  async readAfter(
    version: number,
    options: CallOptions & { firstWidth?: 1 | 2 } = {},
  ): Promise<{ records: LogRecord[]; gap: boolean }> {
    const records: LogRecord[] = [];
    for (const width of GALLOP.filter((width) => width >= (options.firstWidth ?? 1))) {
      const first = version + records.length + 1;
      const batch = await Promise.all(Array.from({ length: width }, (_, i) => this.read(first + i, options)));
      const missing = batch.indexOf(undefined);
      for (const record of missing < 0 ? batch : batch.slice(0, missing)) records.push(record!);
      if (missing >= 0) return { records, gap: false };
    }
    return { records, gap: true };
  }

  /** The newest version that a listing shows; undefined: it shows no record. */
  newest(options: CallOptions = {}): Promise<number | undefined> {
    return this.#call('listing the log', () => newestRecord(this.#context.store, options));
  }

  async #call<T>(doing: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw fromStoreError(error, doing);
    }
  }
}

/** The newest record that a listing shows. */
export async function newestRecord(
  store: ObjectStore,
  options: CallOptions = {},
): Promise<number | undefined> {
  const { orderedList } = store.capabilities;
  let newest: number | undefined;
  for await (const { key } of store.list(LOG_PREFIX, orderedList ? { ...options, limit: 1 } : options)) {
    const version = parseRecordName(key);
    if (version !== undefined && (newest === undefined || version > newest)) newest = version;
  }
  return newest;
}

/** A missing record that something names: never "absent" (I7). */
export function missingRecord(version: number, named: string): HoldfastError {
  return corrupt(recordName(version), `${named} needs it, and the store has no such object`);
}
