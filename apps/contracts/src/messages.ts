/** What a worker is started with, and what it and its supervisor tell each other. */
import type { Stats, TrafficCounts } from 'holdfast';

export interface WorkerSettings {
  readonly location: string;
  /** The key itself goes neither through arguments nor through messages. */
  readonly keyFile: string;
  readonly journal: string;
  /** 1, 2, 3, … */
  readonly worker: number;
  /** Which `npm start` this is: 8 hex digits. */
  readonly run: string;
  /** How many calls to make, those of this run that the journal knows included; undefined: until told to stop. */
  readonly calls?: number;
}

export interface WorkerReport {
  /** Calls that were answered by this process. */
  readonly calls: number;
  /** Calls that are sent and not answered. */
  readonly underWay: number;
  /** Calls of a killed process that this one has sent again: had they taken effect? */
  readonly repeated: { readonly committed: number; readonly open: number };
  readonly stats: Pick<Stats, 'commits' | 'transactions' | 'conflicts' | 'rebases' | 'flushes'>;
  readonly traffic: TrafficCounts;
}

export type FromWorker =
  | { readonly type: 'progress'; readonly report: WorkerReport }
  | { readonly type: 'failed'; readonly message: string };

export interface ToWorker {
  readonly type: 'stop';
}
