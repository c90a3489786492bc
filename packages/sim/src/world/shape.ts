/** What a world is described by: who is in it, what they do, and what goes wrong how often. */
import type { Retention } from '@holdfast/mvcc';
import {
  type CallFault,
  LATER_CALL_FAULTS,
  LATER_WORLD_FAULTS,
  type Lie,
  type WorldFault,
} from './incidents.js';
import type { Latency, StoreLatencies } from './network.js';

export const ROLES = [
  'lists',
  'registers',
  'transfers',
  'sums',
  'claims',
  'slots',
  'adds',
  'large',
  'snapshots',
  'stale',
  'flushes',
  'watches',
] as const;
/** Those that came later. */
export const LATER_ROLES = ['careless', 'forgets', 'nested'] as const;
/** Those that came with range deletes, expiry and streams. */
export const NEWEST_ROLES = ['ranges', 'expiry', 'sweeps', 'streams'] as const;
/** Those that came with many writers. */
export const CONTENDED_ROLES = ['blind', 'jobs', 'visits'] as const;

export type Role =
  | (typeof ROLES)[number]
  | (typeof LATER_ROLES)[number]
  | (typeof NEWEST_ROLES)[number]
  | (typeof CONTENDED_ROLES)[number];
export const ALL_ROLES: readonly Role[] = [...ROLES, ...LATER_ROLES, ...NEWEST_ROLES, ...CONTENDED_ROLES];

/** All that worlds have since then: without it, a seed's world is that of before. */
export const LATER: readonly string[] = [
  ...LATER_CALL_FAULTS,
  ...LATER_WORLD_FAULTS,
  ...LATER_ROLES,
  ...NEWEST_ROLES,
  'abort',
  'listener',
  'markers',
  'contended',
  'compaction',
  'collection',
];

export const NAMINGS = ['none', 'ids', 'sessions'] as const;
export type Naming = (typeof NAMINGS)[number];

export interface Scenario {
  readonly seed: number;
  readonly machines: number;
  readonly clients: number;
  /** Transactions of each client. */
  readonly transactions: number;
  readonly roles: readonly Role[];
  /** Keys of each kind: few are hot. */
  readonly keys: number;
  readonly isolation: 'serializable' | 'snapshot';
  /** How clients name their requests: not at all, by ids of their own, by numbers in a session, each as it likes. */
  readonly requests: Naming | 'mixed';
  /** Each transaction has a machine of its own, that opens, does it and ends. */
  readonly shortLived: boolean;
  readonly sealed: boolean;
  readonly probe: 'auto' | 'skip';
  readonly maintenance: 'auto' | 'manual';
  readonly commitTimeoutMs: number;
  readonly graceMs: number;
  readonly cacheBytes: number;
  readonly maxRetries: number;
  /** After how long a client asks another machine, virtual milliseconds. */
  readonly clientTimeoutMs: number;
  readonly thinkMs: number;
  readonly latency: Latency;
  readonly badClocks: boolean;
  /** What each list transaction writes besides: with thousands of bytes, records hold their carry in other ones. */
  readonly padBytes: number;
  /** The store answers some reads with something else than what it has. */
  readonly lies: boolean;
  readonly callFaults: Partial<Record<CallFault | Lie, number>>;
  /** Mean virtual milliseconds between two of a kind. */
  readonly worldFaults: Partial<Record<WorldFault, number>>;
  /** How often a caller aborts a call of its own. */
  readonly aborts: number;
  /** Callers hand one signal to all their calls, until they abort it. */
  readonly sharedSignals: boolean;
  /** How often a listener of a database's events throws, and how often it rejects. */
  readonly listenerFaults: number;
  /** Folder markers were there before the database. */
  readonly markers: boolean;
  /** Tails and segments are small, and few runs are enough to merge them: compaction happens all the time. */
  readonly compaction?:
    | { readonly segmentBytes: number; readonly runsMax: number; readonly tailBytesMax: number }
    | undefined;
  /** What is kept, where garbage is collected. */
  readonly retention?: Retention | undefined;
  /** There are many writers at once. */
  readonly contention?: Contention;
}

export interface Contention {
  /** One for each database: its median PUT, milliseconds. */
  readonly roundTripsMs: readonly number[];
  /** For a writer whose median PUT is the store's. */
  readonly latencies: StoreLatencies;
  /** Clients of one database. */
  readonly clientsEach: number;
  /** Clients of no database in particular, that come by now and then, and mostly read. */
  readonly visitors: number;
  readonly visitorRoles: readonly Role[];
  /** Two by two, databases were opened with one state of the random source. */
  readonly clones: boolean;
  /** Requests a second that the store takes, reads and writes each; undefined: any number. */
  readonly perSecond: number | undefined;
}
