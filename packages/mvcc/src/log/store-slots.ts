/**
 * Slots in an object store with conditional creates: a slot is the object that has its record's name.
 *
 * Invariants:
 * - Here alone records' names are spelt for a store: what is above speaks of slots by their number.
 * - A slot is only ever created, never replaced: of any number of claims the store lets one win.
 * - Names that are no record's hide none, however many they are.
 */
import { HoldfastError, LOG_PREFIX, MAX_VERSION, parseRecordName, recordName } from '@holdfast/core';
import { type CallOptions, type GetOptions, type ObjectStore, StoreError } from '@holdfast/object-store';
import type { Slots } from '../context/slots.js';

/** Names below `log/` that are no record's, and are passed over. */
const FOREIGN_NAMES_MAX = 100_000;
/** Sorts before the name of every record but one that there will never be. */
const BEFORE_RECORDS = recordName(MAX_VERSION);

export class StoreSlots implements Slots {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async claim(n: number, bytes: Uint8Array, options: CallOptions = {}): Promise<'created' | 'occupied'> {
    const { occupied } = await this.#store.put(recordName(n), bytes, { ...options, ifAbsent: true });
    return occupied ? 'occupied' : 'created';
  }

  async read(n: number, options: GetOptions = {}): Promise<Uint8Array | undefined> {
    return (await this.#store.get(recordName(n), options))?.bytes;
  }

  /**
   * The newest record that a listing shows. Foreign names are passed over: those that sort before every record's cost
   * nothing (folder markers, `.DS_Store`), others a longer listing.
   * @throws HoldfastError STORE_REFUSED where they are too many.
   */
  async newest(options: CallOptions = {}): Promise<number | undefined> {
    const { orderedList } = this.#store.capabilities;
    let newest: number | undefined;
    let foreign = 0;
    let after = BEFORE_RECORDS;
    for (const limit of orderedList ? [1, undefined] : [undefined]) {
      let listed = 0;
      for await (const { key } of this.#store.list(LOG_PREFIX, {
        ...options,
        limit,
        ...(orderedList && { after }),
      })) {
        listed++;
        const n = parseRecordName(key);
        if (n === undefined) {
          if (++foreign > FOREIGN_NAMES_MAX) throw tooManyForeign(key);
          after = key;
        } else if (newest === undefined || n > newest) newest = n;
        if (orderedList && newest !== undefined) return newest;
      }
      if (listed === 0) break;
    }
    return newest;
  }

  async claimedAt(n: number, options: CallOptions = {}): Promise<number | undefined> {
    const range = { offset: 0, length: 1 };
    const found = await this.#store.get(recordName(n), { ...options, range, maxBytes: 1 });
    if (found && found.modifiedMs === undefined)
      throw new StoreError(
        'INVALID',
        'The store does not tell when an object was written (StoredObject.modifiedMs): garbage collection counts the grace period by that alone.',
      );
    return found?.modifiedMs;
  }

  async collect(slots: readonly number[], options: CallOptions = {}): Promise<void> {
    await this.#store.delete(slots.map(recordName), options);
  }

  async *below(
    n: number,
    options: CallOptions = {},
  ): AsyncGenerator<{ readonly n: number; readonly size: number }, void, undefined> {
    const after = this.#store.capabilities.orderedList ? recordName(n) : undefined;
    for await (const { key, size } of this.#store.list(LOG_PREFIX, { ...options, after })) {
      const found = parseRecordName(key);
      if (found !== undefined && found < n) yield { n: found, size };
    }
  }

  /** Every slot that has an owner, in no order: for who looks for what is left of a damaged log. */
  async *all(options: CallOptions = {}): AsyncGenerator<number, void, undefined> {
    for await (const { key } of this.#store.list(LOG_PREFIX, options)) {
      const n = parseRecordName(key);
      if (n !== undefined) yield n;
    }
  }
}

function tooManyForeign(key: string): HoldfastError {
  return new HoldfastError(
    'STORE_REFUSED',
    `The listing of ${LOG_PREFIX} shows more than ${FOREIGN_NAMES_MAX} names that are no record's, such as ${JSON.stringify(key)}: expected records there. Nothing was changed; remove them, or check that the location is the database's.`,
  );
}
