/** The states that are measured: counters with a note, the same for every side of a comparison. */
import { createHash } from 'node:crypto';
import type { ObjectStore } from '@holdfast/object-store';
import { type Database, type KeyTuple, type OpenOptions, open } from 'holdfast';

/** One entry: about 100 bytes with its key. */
export interface Counter {
  readonly count: number;
  /** 64 characters that do not compress to nothing. */
  readonly note: string;
}

export const ROOT_KEY: Uint8Array = new Uint8Array(32).fill(7);

export function keyOf(i: number): KeyTuple {
  return ['counter', i];
}

export function counterOf(i: number): Counter {
  return { count: 0, note: createHash('sha256').update(`note ${i}`).digest('hex') };
}

/** Bytes that look random and are the same in every run. */
export function noise(seed: string, length: number): Uint8Array {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

export function openBench(store: ObjectStore, options: Partial<OpenOptions> = {}): Promise<Database> {
  return open(store, { key: ROOT_KEY, ...options });
}

/** Imports counters 0 … entries-1, a thousand in each transaction. */
export async function importCounters(db: Database, entries: number, signal: AbortSignal): Promise<void> {
  for (let first = 0; first < entries; first += 1_000) {
    signal.throwIfAborted();
    await db.transact((tx) => {
      for (let i = first; i < Math.min(entries, first + 1_000); i++) tx.set(keyOf(i), counterOf(i));
    });
  }
}

const RECORD_BYTES = 1_000;
const RECORDS_PER_TRANSACTION = 8_000;

/** Imports records of 1 KB, `bytes` together, 8 MB in each transaction. */
export async function importRecords(
  db: Database,
  bytes: number,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<number> {
  const records = Math.ceil(bytes / RECORD_BYTES);
  for (let first = 0; first < records; first += RECORDS_PER_TRANSACTION) {
    signal.throwIfAborted();
    const last = Math.min(records, first + RECORDS_PER_TRANSACTION);
    const payload = noise(`records from ${first}`, (last - first) * RECORD_BYTES);
    await db.transact((tx) => {
      for (let i = first; i < last; i++)
        tx.set(['record', i], payload.subarray((i - first) * RECORD_BYTES, (i - first + 1) * RECORD_BYTES));
    });
    progress(`imported ${Math.round((last * RECORD_BYTES) / 1e6)} of ${Math.round(bytes / 1e6)} MB`);
  }
  return records;
}

const ROW_KEY_BYTES = 20;
const ROW_VALUE_BYTES = 400;
/** What a row of `rowsOf` is, key and value. */
export const ROW_BYTES: number = ROW_KEY_BYTES + ROW_VALUE_BYTES;

/** Rows with keys of 20 bytes and values that don't compress. Out of order, each place is a fixed one. */
export function* rowsOf(
  count: number,
  shuffled: boolean,
): Generator<[Uint8Array, Uint8Array], void, undefined> {
  const values = noise('rows', 4_000_000);
  for (let i = 0; i < count; i++) {
    // Odd, so that no two are the same.
    const n = shuffled ? Math.imul(i, 2_654_435_761) >>> 0 : i;
    const at = (i * 401) % (values.length - ROW_VALUE_BYTES);
    const key = Buffer.from(String(n).padStart(ROW_KEY_BYTES, '0'), 'latin1');
    yield [key, values.subarray(at, at + ROW_VALUE_BYTES)];
  }
}

/** Small, quick and good enough to choose keys with (Mulberry32). Every run chooses the same. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
