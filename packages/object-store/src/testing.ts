export type { Call, CallKind } from './testing/calls.js';
export { type FaultOptions, FaultyStore } from './testing/faulty-store.js';
export { GatedStore, type PendingCall } from './testing/gated-store.js';
export { ManualClock, settled } from './testing/manual-clock.js';
export { type RecordedCall, RecordingStore } from './testing/recording-store.js';
export { seededRandom } from './testing/seeded-random.js';
