/**
 * What a seed stands for: how many machines and clients, what they do, what goes wrong how often.
 *
 * Swarm testing (Groce et al., "Swarm Testing", ISSTA 2012): each seed leaves out some of the faults and some of the
 * workloads, because what is always there hides what happens only in its absence.
 */
import { contended } from './contention.js';
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
import { LATER_ROLES, NEWEST_ROLES, ROLES, type Role, type Scenario } from './shape.js';

/** @param many of many writers. */
export function scenarioOf(seed: number, many = false): Scenario {
  const scenario = ofFewWriters(seed);
  return many ? contended(scenario) : scenario;
}

function ofFewWriters(seed: number): Scenario {
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
  const small = new Random(seed, 'scenario, compaction');
  const compaction = {
    segmentBytes: small.pick([300, 2_000, 20_000]),
    runsMax: small.pick([2, 2, 3, 5]),
    tailBytesMax: small.pick([400, 2_000, 20_000]),
  };
  const old = new Random(seed, 'scenario, collection');
  const retention = { versions: old.pick([0, 3, 20]), ms: old.pick([0, 1_000, 30_000]) };
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
    compaction: small.chance(0.8) ? compaction : undefined,
    // A store that lies of what it holds, and since when, can have anything deleted.
    retention: old.chance(0.7) && !lies ? retention : undefined,
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
    compaction: except.includes('compaction') ? undefined : scenario.compaction,
    retention: except.includes('collection') ? undefined : scenario.retention,
  };
}
