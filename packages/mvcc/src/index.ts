// `AsyncDisposable`, for readers of these types whose `lib` does not have it.
/// <reference lib="esnext.disposable" preserve="true" />
export { MISS } from '@holdfast/core';
export type { LoadProgress } from './commit/load-upload.js';
export type { Budget } from './context/budget.js';
export type { ByteSource } from './context/byte-source.js';
export type { DatabaseEvent } from './context/context.js';
export type { DatabaseKey } from './context/database-sealing.js';
export { normaliseOptions, type OpenOptions, type Retention } from './context/options.js';
export type { Slots } from './context/slots.js';
export { Database, type MaintenanceReport, openDatabase } from './database.js';
export type { Codec, NamespaceOptions, StandardSchema } from './namespace/codec.js';
export {
  Namespace,
  type NamespaceChange,
  type NamespaceDifference,
  type NamespaceEntries,
  NamespaceSnapshot,
  NamespaceTransaction,
} from './namespace/namespace.js';
export type { NamespaceEntry } from './namespace/namespace-reads.js';
export type { Change } from './past/changes.js';
export type { LogEntry, LogOptions, WatchOptions } from './past/history.js';
export type { VerifyOptions, VerifyProgress, VerifyReport } from './past/verify.js';
export type { Entry, ListOptions, Range, ReadOptions } from './reading/entry-reader.js';
export type { Listing } from './reading/listing.js';
export { type Difference, Snapshot, type SnapshotOptions } from './reading/snapshot.js';
export { StreamValue } from './reading/stream-value.js';
export type { Outcome, RequestId, SessionRequest } from './requests/requests.js';
export { type Damage, findReadable, type Salvage, type SalvageOptions } from './salvage.js';
export type { Checkpoint } from './state/checkpoints.js';
export { formatVersionstamp, parseVersionstamp, type Versionstamp } from './state/versionstamp.js';
export type { Amplification, LevelStats, Stats } from './stats.js';
export { AtomicOperation, type AtomicResult, type Check } from './transaction/atomic.js';
export type { ExpiryOptions } from './transaction/expiry.js';
export type { LoadEntries, LoadEntry, LoadOptions, LoadResult } from './transaction/load.js';
export type { SetOptions, WriteOptions, WriteResult } from './transaction/one-write.js';
export type { TransactOptions } from './transaction/transact.js';
export { TRANSACTION_BYTES_MAX, type Transaction } from './transaction/transaction.js';
export type { CompactionProgress, CompactOptions, CompactReport } from './upkeep/compactor.js';
export type {
  CollectedObject,
  CollectOptions,
  CollectProgress,
  CollectReport,
} from './upkeep/garbage-collector.js';
