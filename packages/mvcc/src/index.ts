// `AsyncDisposable`, for readers of these types whose `lib` does not have it.
/// <reference lib="esnext.disposable" preserve="true" />
export { AtomicOperation, type AtomicResult, type Check } from './atomic.js';
export type { Budget } from './budget.js';
export type { Checkpoint } from './checkpoints.js';
export type { DatabaseEvent } from './context.js';
export {
  Database,
  openDatabase,
  type Stats,
  type WriteOptions,
  type WriteResult,
} from './database.js';
export type { DatabaseKey } from './database-sealing.js';
export type { Entry, ListOptions, Range, ReadOptions } from './entry-reader.js';
export type { Change, LogEntry } from './history.js';
export {
  type Codec,
  Namespace,
  type NamespaceOptions,
  type NamespaceTransaction,
  type StandardSchema,
} from './namespace.js';
export type { OpenOptions } from './open.js';
export type { Outcome, RequestId, SessionRequest } from './requests.js';
export { type Damage, findReadable, type Salvage, type SalvageOptions } from './salvage.js';
export { type Difference, Snapshot } from './snapshot.js';
export type { TransactOptions } from './transact.js';
export { TRANSACTION_BYTES_MAX, type Transaction } from './transaction.js';
export type { VerifyOptions, VerifyProgress, VerifyReport } from './verify.js';
export { formatVersionstamp, parseVersionstamp, type Versionstamp } from './versionstamp.js';
