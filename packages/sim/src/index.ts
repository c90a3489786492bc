export type { Anomaly, AnomalyKind } from './check/anomaly.js';
export { type Bank, type BankObservation, type BankProblem, checkBank } from './check/bank.js';
export { type ChainProblem, type ChainReport, checkChain } from './check/chain.js';
export { type CheckOptions, checkHistory } from './check/check-history.js';
export { checkExactlyOnce, type ExactlyOnceProblem, type RequestAccount } from './check/exactly-once.js';
export type { History, Operation, Transaction } from './check/history.js';
