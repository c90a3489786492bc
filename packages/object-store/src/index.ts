export { cutRange } from './byte-range.js';
export { type Clock, type RandomBytes, systemClock } from './clock.js';
export { StoreError, type StoreErrorCode } from './errors.js';
export { compareKeys } from './key-order.js';
export { MemoryStore } from './memory-store.js';
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
export { randomHex, systemRandom } from './random.js';
