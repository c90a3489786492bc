/**
 * What a seed stands for: how many machines and clients, what they do, what goes wrong how often.
 *
 * Swarm testing (Groce et al., "Swarm Testing", ISSTA 2012): each seed leaves out some of the faults and some of the
 * workloads, because what is always there hides what happens only in its absence.
 */
import { CALL_FAULTS, type CallFault, LIES, type Lie, WORLD_FAULTS, type WorldFault } from './incidents.js';
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
export type Role = (typeof ROLES)[number];

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
  const roles = ROLES.filter(() => random.chance(0.45));
  return {
    seed,
    machines: 1 + random.below(5),
    clients: 2 + random.below(8),
    transactions: 4 + random.below(14),
    roles: roles.some((role) => role !== 'flushes' && role !== 'watches') ? roles : ['lists', ...roles],
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
  };
}
