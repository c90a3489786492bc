export type { Anomaly, AnomalyKind } from './check/anomaly.js';
export { type CheckOptions, checkHistory } from './check/check-history.js';
export type { History, Operation, Transaction } from './check/history.js';
