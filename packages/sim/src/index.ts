export type { History, Operation, Transaction } from './check/history.js';
