/** What the parts of one open database share. */
import { type BlockCache, HoldfastError, type SegmentReaders } from '@holdfast/core';
import { type Clock, type ObjectStore, type RandomBytes, StoreError } from '@holdfast/object-store';
import type { DatabaseSealing } from './database-sealing.js';
import type { Expiry } from './expiry.js';
import type { Lifetime } from './lifetime.js';
import type { Slots } from './slots.js';

/** What an open database tells whoever listens. */
export type DatabaseEvent =
  | { type: 'commit'; version: number; transactions: number; bytes: number; attempts: number; ms: number }
  | { type: 'conflict'; version: number }
  | { type: 'rebase'; from: number; to: number }
  | { type: 'unknown-outcome'; version: number }
  /** Transactions of this process are in another's record. */
  | { type: 'carried'; version: number; transactions: number; ms: number }
  | { type: 'follow'; from: number; to: number }
  | { type: 'flush'; through: number; segments: number; bytes: number }
  | { type: 'flush-failed'; error: unknown }
  /** Segments were merged, or moved as they are: `why` says in words what for. */
  | {
      type: 'compaction';
      level: number;
      inputs: number;
      outputs: number;
      bytesRead: number;
      bytesWritten: number;
      why: string;
    }
  /** Another process was faster, with the same or a part of it: its work stands. */
  | { type: 'compaction-dropped'; why: string }
  | { type: 'compaction-failed'; error: unknown }
  | { type: 'tile'; through: number; tiles: number; bytes: number }
  | { type: 'tile-failed'; error: unknown };

/** Who is told of what happens. */
export interface Listeners {
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface Context {
  readonly store: ObjectStore;
  /** Of the log: who owns which version. */
  readonly slots: Slots;
  readonly sealing: DatabaseSealing;
  readonly cache: BlockCache;
  /** Their store fails in the engine's words. */
  readonly segments: SegmentReaders;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: (event: DatabaseEvent) => void;
  readonly lifetime: Lifetime;
  readonly expiry: Expiry;
}

/**
 * Tells `onEvent`, which decides nothing: what it throws, or what a promise that it returns rejects with, goes to
 * `onError`. Where there is none, or it fails too, there is nobody left to tell: no listener's mistake may turn a
 * commit into a failure, or end the process.
 */
export function tell({ onEvent, onError }: Listeners): (event: DatabaseEvent) => void {
  const report = (error: unknown): void => quietly(() => onError?.(error), ignore);
  return (event) => quietly(() => onEvent?.(event), report);
}

const ignore = (): void => {};

function quietly(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = call();
    // A listener may be an async function, whatever its type says.
    if (result instanceof Object && 'then' in result) Promise.resolve(result).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

/**
 * A store whose reads fail in the engine's words, for those who know none of them. What is too large is damage, not a
 * store that fails: who has asked knows what was expected.
 */
export function readingInWords(store: ObjectStore): ObjectStore {
  return {
    capabilities: store.capabilities,
    identity: store.identity,
    get: (key, options) =>
      store.get(key, options).catch((error: unknown) => {
        if (error instanceof StoreError && error.code === 'TOO_LARGE') throw error;
        throw fromStoreError(error, `reading ${key}`);
      }),
    put: (key, bytes, options) => store.put(key, bytes, options),
    delete: (keys, options) => store.delete(keys, options),
    list: (prefix, options) => store.list(prefix, options),
  };
}

/** Says a store's failure in the engine's words. */
export function fromStoreError(error: unknown, doing: string, maybeCommitted = false): unknown {
  if (!(error instanceof StoreError)) return error;
  const options = { cause: error, maybeCommitted };
  const tail = `: ${error.message}`;
  if (error.code === 'DENIED' || error.code === 'INVALID')
    return new HoldfastError('STORE_REFUSED', `The object store refused ${doing}${tail}`, options);
  return new HoldfastError(
    'UNAVAILABLE',
    `The object store did not answer while ${doing}${tail} ${maybeCommitted ? 'The writes may have taken effect.' : 'Nothing was changed; try again.'}`,
    options,
  );
}

/** Calls a store, and says its failure in the engine's words. */
export async function callStore<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fromStoreError(error, doing);
  }
}
