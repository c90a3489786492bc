export { type Backoff, jitteredMs } from './backoff.js';
export { cutRange, expectAtMost } from './byte-range.js';
export { type Clock, type RandomBytes, sleepBy, systemClock } from './clock.js';
export { StoreError, type StoreErrorCode } from './errors.js';
export { compareKeys } from './key-order.js';
export { ListingCheck } from './listing-check.js';
export { MemoryStore } from './memory-store.js';
export { type MeteredOptions, metered } from './metered.js';
export type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  Meter,
  ObjectStore,
  PutOptions,
  PutResult,
  RequestClass,
  StoredObject,
} from './object-store.js';
export { onAbort, orAborted } from './on-abort.js';
export { type Prices, prices } from './prices.js';
export { printable } from './printable.js';
export { type ProbeOptions, probe } from './probe.js';
export { isProbeObject } from './probe-objects.js';
export {
  type ProbeCheck,
  type ProbeKind,
  type ProbeLeftover,
  type ProbeReport,
  unsafeInWords,
} from './probe-report.js';
export { randomHex, systemRandom } from './random.js';
export { type CostEstimate, estimateCost, Traffic, type TrafficCounts } from './traffic.js';
export { type HedgeOptions, withHedge } from './with-hedge.js';
export { type LimitOptions, withLimit } from './with-limit.js';
export { type RetryOptions, withRetry } from './with-retry.js';
