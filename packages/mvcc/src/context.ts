/** What the parts of one open database share. */
import { type BlockCache, HoldfastError } from '@holdfast/core';
import { type Clock, type ObjectStore, type RandomBytes, StoreError } from '@holdfast/object-store';
import type { DatabaseSealing } from './database-sealing.js';

/** What an open database tells whoever listens. */
export type DatabaseEvent =
  | { type: 'commit'; version: number; transactions: number; bytes: number; attempts: number; ms: number }
  | { type: 'conflict'; version: number }
  | { type: 'rebase'; from: number; to: number }
  | { type: 'unknown-outcome'; version: number }
  | { type: 'follow'; from: number; to: number }
  | { type: 'flush'; through: number; segments: number; bytes: number }
  | { type: 'flush-failed'; error: unknown };

export interface Context {
  readonly store: ObjectStore;
  readonly sealing: DatabaseSealing;
  readonly cache: BlockCache;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly emit: (event: DatabaseEvent) => void;
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
