/**
 * Worlds of many writers: up to 64 databases on one store that commit as fast as they can, each as far away from it as
 * it is, in one crowd of all that can be written, amid what goes wrong with announced intents besides all else.
 *
 * Drawn from a stream of its own, as is which seeds have such a world: the others' worlds are what they were.
 */
import {
  CALL_FAULTS,
  type CallFault,
  INTENT_LIES,
  INTENT_WORLD_FAULTS,
  LATER_WORLD_FAULTS,
  LIES,
  type Lie,
  WORLD_FAULTS,
  type WorldFault,
} from './incidents.js';
import type { StoreLatencies } from './network.js';
import { Random } from './random.js';
import type { Contention, Role, Scenario } from './shape.js';

/** One in so many worlds. */
const ONE_IN = 7;
const WRITING: readonly Role[] = [
  'blind',
  'adds',
  'lists',
  'registers',
  'jobs',
  'transfers',
  'claims',
  'slots',
  'ranges',
  'expiry',
  'sweeps',
  'large',
  'streams',
  'careless',
];
const VISITING: readonly Role[] = ['visits', 'watches', 'snapshots', 'stale', 'sums'];
/** About so many transactions in one world. */
const TRANSACTIONS = 130;
const FIXED: StoreLatencies = { read: { p50: 100, p99: 100 }, write: { p50: 100, p99: 100 } };
/** Published figures of Amazon S3 Standard, asked from the same region. */
const S3: StoreLatencies = { read: { p50: 63, p99: 78 }, write: { p50: 100, p99: 195 } };

export function isContended(seed: number): boolean {
  return new Random(seed, 'contended or not').below(ONE_IN) === 0;
}

/** The world of many writers that stands for the same seed. */
export function contended(scenario: Scenario): Scenario {
  const random = new Random(scenario.seed, 'scenario, many writers');
  const calm = random.chance(0.3);
  const databases = random.pick([
    ...[2, 2, 2, 3, 3, 4, 4, 4, 5, 6, 8, 8, 12],
    ...[2 + random.below(11), 2 + random.below(11), 16, 16, 16, 2 + random.below(31), 64],
  ]);
  const clientsEach = databases <= 12 ? random.pick([1, 1, 2]) : 1;
  const contention: Contention = {
    roundTripsMs: roundTrips(databases, random),
    latencies: random.pick([FIXED, S3, S3]),
    clientsEach,
    visitors: random.below(3),
    visitorRoles: ['visits', ...VISITING.filter(() => random.chance(0.4))],
    clones: random.chance(0.12),
    perSecond: random.pick([undefined, undefined, undefined, 500]),
  };
  const pure = random.chance(0.3);
  const writing = pure ? [random.pick(WRITING)] : WRITING.filter(() => random.chance(0.35));
  const lies = !calm && random.chance(0.08);
  return {
    ...scenario,
    contention,
    machines: databases,
    clients: databases * clientsEach + contention.visitors,
    transactions: Math.min(14, Math.max(3, Math.round(TRANSACTIONS / (databases * clientsEach)))),
    roles: [
      ...(writing.length > 0 ? writing : (['blind'] as const)),
      ...(pure || random.chance(0.7) ? [] : (['flushes'] as const)),
    ],
    requests: pure ? random.pick(['none', 'ids', 'sessions']) : 'mixed',
    // Clones are of a database that was opened long ago: two probes with one random source are in each other's way.
    probe: contention.clones ? 'skip' : scenario.probe,
    shortLived: !pure && databases <= 8 && random.chance(0.08),
    commitTimeoutMs: random.pick([60_000, 60_000, 60_000, 10_000, 1_000, 0]),
    maxRetries: random.pick([1_000, 1_000, 1_000, 0]),
    clientTimeoutMs: random.pick([120_000, 120_000, 30_000, 5_000]),
    thinkMs: random.pick([0, 0, 0, 20, 500]),
    latency: { fastMs: 1, usualMs: 4 },
    badClocks: !calm && scenario.badClocks,
    lies,
    callFaults: calm ? {} : callFaults(lies, scenario.sealed, random),
    worldFaults: calm ? {} : worldFaults(random),
    aborts: calm ? 0 : random.pick([0, 0, 0, 0.1]),
    listenerFaults: calm ? 0 : scenario.listenerFaults,
  };
}

/** Of each database: all alike, some far away, one alone far away, or anywhere. */
function roundTrips(databases: number, random: Random): number[] {
  const usualMs = random.pick([5, 20, 100, 300]);
  const form = random.pick(['alike', 'alike', 'ten to one', 'one far', 'one near', 'any', 'any']);
  return Array.from({ length: databases }, (_, i) => {
    // 5 to 300, each power of 60 as likely.
    const anyMs = Math.round(5 * 60 ** random.fraction());
    switch (form) {
      case 'ten to one':
        return i % 2 === 0 ? 20 : 200;
      case 'one far':
        return i === 0 ? 300 : 10;
      case 'one near':
        return i === 0 ? 5 : 150;
      case 'any':
        return anyMs;
      default:
        return usualMs;
    }
  });
}

function callFaults(
  lies: boolean,
  sealed: boolean,
  random: Random,
): Partial<Record<CallFault | Lie, number>> {
  const rates: Partial<Record<CallFault | Lie, number>> = {};
  for (const kind of CALL_FAULTS) {
    const rate = random.pick([0, 0, 0.002, 0.01, 0.03]);
    if (rate > 0) rates[kind] = /^(crash|pause)/.test(kind) ? rate / 4 : rate;
  }
  for (const kind of LIES) {
    const rate = random.pick([0, 0.005, 0.02]);
    if (lies && rate > 0) rates[kind] = rate;
  }
  for (const kind of INTENT_LIES) {
    const rate = random.pick([0, 0, 0.02, 0.1]);
    // Without a seal nothing says whose bytes they are.
    if (rate > 0 && (sealed || kind === 'intent-absent')) rates[kind] = rate;
  }
  return rates;
}

function worldFaults(random: Random): Partial<Record<WorldFault, number>> {
  const rates: Partial<Record<WorldFault, number>> = {};
  for (const kind of [...WORLD_FAULTS, ...LATER_WORLD_FAULTS]) {
    const everyMs = random.pick([0, 0, 0, 30_000, 6_000]);
    if (everyMs > 0) rates[kind] = everyMs;
  }
  for (const kind of INTENT_WORLD_FAULTS) {
    const everyMs = random.pick([0, 0, 2_000, 200]);
    if (everyMs > 0) rates[kind] = everyMs;
  }
  return rates;
}
