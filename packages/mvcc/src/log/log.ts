/**
 * The log: one immutable record for each version, and where its newest end is.
 *
 * Invariants:
 * - A listing is a hint where to look; what counts is read and authenticated, or probed and missing.
 * - Nothing of a record is kept, its keyring least of all, before it is authenticated (I7). Whether it belongs to
 *   this process's history is the caller's to find out.
 * - No more is taken from a slot than a record can have.
 */
import {
  decodeRecordHeader,
  HASH_BYTES,
  HoldfastError,
  type LogRecord,
  missingObject,
  openRecord,
  RECORD_BYTES_MAX,
  type RecordHeader,
  readBounded,
  readChecked,
  recordName,
} from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { type Context, callStore } from '../context/context.js';
import type { Slots } from '../context/slots.js';

/** Headers that were asked for before it was known that they are needed, by version. */
export type Early = ReadonlyMap<number, Promise<RecordHeader | undefined>>;

/** What is taken of several slots that are read at once, bytes; a record longer than its share is then read alone. */
const TOGETHER_BYTES_MAX = RECORD_BYTES_MAX;

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

  readBytes(
    version: number,
    options: CallOptions = {},
    maxBytes: number = RECORD_BYTES_MAX,
  ): Promise<Uint8Array | undefined> {
    return callStore(`reading record ${version}`, () =>
      readSlot(this.#context.slots, version, maxBytes, options),
    );
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
   * The records in the `width` slots after `version`, as far as they follow each other.
   * @returns `isEnd`: a slot was empty. Where one of them was too long to be read beside the others it is the last.
   */
  async readNext(
    version: number,
    width: number,
    options: CallOptions = {},
  ): Promise<{ readonly records: readonly LogRecord[]; readonly isEnd: boolean }> {
    const outcomes = Array.from({ length: width }, (_, i) =>
      this.#readOneOf(width, version + 1 + i, options).then(
        (record) => ({ record }),
        (error: unknown) => ({ error }),
      ),
    );
    const records: LogRecord[] = [];
    for (const [i, one] of outcomes.entries()) {
      // What lies behind the end of the log, or behind what can't be read, is not looked at.
      const outcome = await one;
      const isAlone = 'error' in outcome;
      const record = isAlone
        ? await this.#readAlone(width, version + 1 + i, outcome.error, options)
        : outcome.record;
      if (record === undefined) return { records, isEnd: true };
      records.push(record);
      if (isAlone) break;
    }
    return { records, isEnd: false };
  }

  /** Headers that may be needed: what can't be read beside the others, or at all, is as good as not asked for. */
  readEarly(versions: readonly number[], options: CallOptions = {}): Early {
    const maxBytes = Math.floor(TOGETHER_BYTES_MAX / versions.length);
    return new Map(
      versions.map((version) => [
        version,
        this.readHeader(version, options, maxBytes).catch(() => undefined),
      ]),
    );
  }

  /** One of `width` records that are read at once: together they take no more memory than one alone may. */
  async #readOneOf(width: number, version: number, options: CallOptions): Promise<LogRecord | undefined> {
    if (width <= 2) return this.read(version, options);
    const header = await this.readHeader(version, options, Math.floor(TOGETHER_BYTES_MAX / width));
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
    return callStore('listing the log', () => this.#context.slots.newest(options));
  }
}

/**
 * The bytes of a record, plain ones; undefined: its slot is empty.
 * @throws HoldfastError CORRUPT where there are more than `maxBytes`; else the slots' StoreError.
 */
export async function readSlot(
  slots: Slots,
  version: number,
  maxBytes: number,
  options: CallOptions = {},
): Promise<Uint8Array | undefined> {
  const found = await readBounded(recordName(version), maxBytes, async () => {
    const bytes = await slots.read(version, { ...options, maxBytes });
    return bytes && { bytes };
  });
  return found?.bytes;
}

/**
 * A record's last 32 bytes: its hash, if the record is what it should be (decision 0008). Undefined: its slot is empty.
 */
export function readRecordHash(
  { slots }: Context,
  version: number,
  options: CallOptions = {},
): Promise<Uint8Array | undefined> {
  const range = { offset: -HASH_BYTES, length: HASH_BYTES };
  return callStore(`reading ${recordName(version)}`, () =>
    slots.read(version, { ...options, range, maxBytes: HASH_BYTES }),
  );
}

/** A missing record that something names: never "absent" (I7). */
export function missingRecord(version: number, named: string): HoldfastError {
  return missingObject(recordName(version), `${named} needs it, and the store has no such object`);
}
