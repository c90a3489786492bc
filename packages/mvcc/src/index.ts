// `AsyncDisposable`, for readers of these types whose `lib` does not have it.
/// <reference lib="esnext.disposable" preserve="true" />
export { MISS } from '@holdfast/core';
export { AtomicOperation, type AtomicResult, type Check } from './atomic.js';
export type { Budget } from './budget.js';
export type { Checkpoint } from './checkpoints.js';
export type { Codec, NamespaceOptions, StandardSchema } from './codec.js';
export type { DatabaseEvent } from './context.js';
export {
  Database,
  openDatabase,
} from './database.js';
export type { DatabaseKey } from './database-sealing.js';
export type { Entry, ListOptions, Range, ReadOptions } from './entry-reader.js';
export type { Change, LogEntry, LogOptions, WatchOptions } from './history.js';
export type { Listing } from './listing.js';
export {
  Namespace,
  type NamespaceChange,
  type NamespaceDifference,
  NamespaceSnapshot,
  NamespaceTransaction,
} from './namespace.js';
export type { NamespaceEntry } from './namespace-reads.js';
export type { WriteOptions, WriteResult } from './one-write.js';
export { normaliseOptions, type OpenOptions } from './options.js';
export type { Outcome, RequestId, SessionRequest } from './requests.js';
export { type Damage, findReadable, type Salvage, type SalvageOptions } from './salvage.js';
export { type Difference, Snapshot, type SnapshotOptions } from './snapshot.js';
export type { Stats } from './stats.js';
export type { TransactOptions } from './transact.js';
export { TRANSACTION_BYTES_MAX, type Transaction } from './transaction.js';
export type { VerifyOptions, VerifyProgress, VerifyReport } from './verify.js';
export { formatVersionstamp, parseVersionstamp, type Versionstamp } from './versionstamp.js';
