/**
 * What a seed stands for: how many machines and clients, what they do, what goes wrong how often.
 *
 * Swarm testing (Groce et al., "Swarm Testing", ISSTA 2012): each seed leaves out some of the faults and some of the
 * workloads, because what is always there hides what happens only in its absence.
 */
import {
  CALL_FAULTS,
  type CallFault,
  LATER_CALL_FAULTS,
  LATER_WORLD_FAULTS,
  LIES,
  type Lie,
  WORLD_FAULTS,
  type WorldFault,
} from './incidents.js';
import { Random } from './random.js';
import type { Latency } from './sim-store.js';

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
export type Role = (typeof ROLES)[number] | (typeof LATER_ROLES)[number] | (typeof NEWEST_ROLES)[number];
export const ALL_ROLES: readonly Role[] = [...ROLES, ...LATER_ROLES, ...NEWEST_ROLES];

/** All that worlds have since then: without it, a seed's world is that of before. */
export const LATER: readonly string[] = [
  ...LATER_CALL_FAULTS,
  ...LATER_WORLD_FAULTS,
  ...LATER_ROLES,
  ...NEWEST_ROLES,
  'abort',
  'listener',
  'markers',
];

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
  /** How clients name their requests: not at all, by ids of their own, by numbers in a session. */
  readonly requests: 'none' | 'ids' | 'sessions';
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
}

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed, 'scenario');
  const calm = random.chance(0.1);
  const callFaults: Partial<Record<CallFault | Lie, number>> = {};
  // Each is drawn whether it counts or not, so that a new kind at the end of the list changes the others little.
  for (const kind of CALL_FAULTS) {
    const rate = random.pick([0, 0, 0.005, 0.02, 0.05]);
    if (!calm && rate > 0) callFaults[kind] = /^(crash|pause)/.test(kind) ? rate / 3 : rate;
  }
  const worldFaults: Partial<Record<WorldFault, number>> = {};
  for (const kind of WORLD_FAULTS) {
    const everyMs = random.pick([0, 0, 60_000, 10_000]);
    if (!calm && everyMs > 0) worldFaults[kind] = everyMs;
  }
  const lies = !calm && random.chance(0.2);
  for (const kind of LIES) {
    const rate = random.pick([0, 0.005, 0.02, 0.05]);
    if (lies && rate > 0) callFaults[kind] = rate;
  }
  const roles: Role[] = ROLES.filter(() => random.chance(0.45));
  // A stream of its own: what came later has moved nothing.
  const later = new Random(seed, 'scenario, what came later');
  for (const kind of LATER_CALL_FAULTS) {
    const rate = later.pick([0, 0, 0.005, 0.02]);
    if (!calm && rate > 0) callFaults[kind] = rate;
  }
  for (const kind of LATER_WORLD_FAULTS) {
    const everyMs = later.pick([0, 0, 60_000, 5_000]);
    if (!calm && everyMs > 0) worldFaults[kind] = everyMs;
  }
  const laterRoles = LATER_ROLES.filter(() => later.chance(0.3));
  const newest = new Random(seed, 'scenario, range deletes and expiry');
  const newestRoles = NEWEST_ROLES.filter(() => newest.chance(0.5));
  const aborts = later.pick([0, 0, 0.1, 0.3]);
  const sharedSignals = later.chance(0.5);
  const listenerFaults = later.pick([0, 0, 0.1, 0.5]);
  const markers = later.chance(0.2);
  return {
    seed,
    machines: 1 + random.below(5),
    clients: 2 + random.below(8),
    transactions: 4 + random.below(14),
    roles: [
      ...(roles.some((role) => role !== 'flushes' && role !== 'watches') ? [] : (['lists'] as const)),
      ...roles,
      ...laterRoles,
      ...newestRoles,
    ],
    keys: random.pick([1, 2, 5, 12]),
    isolation: random.chance(0.8) ? 'serializable' : 'snapshot',
    requests: random.pick(['none', 'ids', 'ids', 'sessions']),
    shortLived: random.chance(0.15),
    sealed: random.chance(0.4),
    probe: random.chance(0.2) ? 'auto' : 'skip',
    maintenance: random.chance(0.8) ? 'auto' : 'manual',
    // 0: one failure, and the record is given up with a fence.
    commitTimeoutMs: random.pick([60_000, 10_000, 1_000, 0]),
    graceMs: random.pick([86_400_000, 120_000, 20_000]),
    cacheBytes: random.pick([0, 64 * 1024, 8 * 1024 * 1024]),
    maxRetries: random.pick([1_000, 1_000, 0]),
    clientTimeoutMs: random.pick([120_000, 30_000, 3_000]),
    thinkMs: random.pick([0, 20, 500]),
    latency: random.pick([
      { fastMs: 1, usualMs: 4 },
      { fastMs: 10, usualMs: 40 },
      { fastMs: 5, usualMs: 300 },
    ]),
    badClocks: random.chance(0.5),
    padBytes: random.pick([0, 0, 3_000]),
    lies,
    callFaults,
    worldFaults,
    aborts: calm ? 0 : aborts,
    sharedSignals,
    listenerFaults: calm ? 0 : listenerFaults,
    markers,
  };
}

/** The same world where clients do nothing but this; what else there is stays as it is. */
export function narrowed(scenario: Scenario, only: readonly Role[]): Scenario {
  return only.length === 0 ? scenario : { ...scenario, roles: only };
}

/** The same world without these kinds of incidents, and without these roles: what is left does what it did. */
export function reduced(scenario: Scenario, except: readonly string[]): Scenario {
  if (except.length === 0) return scenario;
  const kept = <T extends object>(of: T): T =>
    Object.fromEntries(Object.entries(of).filter(([name]) => !except.includes(name))) as T;
  const roles = scenario.roles.filter((role) => !except.includes(role));
  return {
    ...scenario,
    roles: roles.length > 0 ? roles : ['lists'],
    callFaults: kept(scenario.callFaults),
    worldFaults: kept(scenario.worldFaults),
    aborts: except.includes('abort') ? 0 : scenario.aborts,
    listenerFaults: except.includes('listener') ? 0 : scenario.listenerFaults,
    markers: scenario.markers && !except.includes('markers'),
  };
}
