/**
 * Many writers at one database for a while of virtual time, and what it came to.
 *
 * Invariants:
 * - The same cell gives the same figures: they depend on the seed and the engine's code, and on no clock but the world's.
 * - What is counted lies between two moments of virtual time: opening, preparing, and the time in which all writers begin
 *   at once come before. Of that one only the longest wait for a first commit is told.
 * - What was acknowledged is in the state that a newcomer reads, or there are no figures.
 */
import { defaultProvider } from '@holdfast/crypto';
import { type Database, openDatabase } from '@holdfast/mvcc';
import { estimateCost, prices, Traffic } from '@holdfast/object-store';
import { Machine, soundClock } from '../world/machine.js';
import { Random } from '../world/random.js';
import { World } from '../world/world.js';
import { type Fairness, fairnessOf } from './fairness.js';
import { type LatencyProfile, roundTripOf } from './latency.js';
import { type Limits, RemoteConnection, RemoteStore } from './remote-store.js';
import type { Workload } from './workload.js';
import { Writer } from './writer.js';

export interface Cell {
  readonly workload: Workload;
  readonly writers: number;
  readonly profile: LatencyProfile;
  /** Virtual. */
  readonly seconds: number;
  readonly seed: number;
  readonly limits?: Limits;
}

export interface Figures {
  readonly workload: string;
  readonly latency: string;
  readonly writers: number;
  readonly seconds: number;
  /** What `perRoundTrip` and `waits` are told in, milliseconds. */
  readonly roundTripMs: number;
  readonly commits: number;
  readonly perRoundTrip: number;
  readonly fairness: Fairness;
  /** From the call to its acknowledgement, in round trips. */
  readonly waits: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The longest that a writer waited for its very first commit, when all began at once, in round trips. */
  readonly firstWaitMax: number;
  /** Of all writers together, for one commit; undefined without commits. */
  readonly requestsPerCommit: Requests | undefined;
  /** Requests at Amazon S3's list prices, without traffic that leaves the region; undefined without commits. */
  readonly dollarsPerMillion: number | undefined;
  /** Records in the log. */
  readonly records: number;
  readonly rebases: number;
  readonly conflicts: number;
  readonly flushes: number;
  /** Requests that were answered 503. */
  readonly throttled: number;
  /** Calls that failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface Requests {
  readonly all: number;
  readonly read: number;
  readonly write: number;
  readonly list: number;
}

const SETUP_MS = 3_600_000;
/** Before figures are taken, of the slowest writer's. */
const WARM_UP_ROUND_TRIPS = 20;
const CLASSES = ['read', 'write', 'list', 'delete'] as const;
const COUNTED = ['commits', 'rebases', 'conflicts', 'flushes'] as const;

export async function measureCell(cell: Cell): Promise<Figures> {
  const { workload, writers: count, profile, seconds, seed } = cell;
  const world = new World();
  const store = new RemoteStore(world, profile, cell.limits);
  const opened = workload.writers === 'loops' ? 1 : count;
  const machines = Array.from({ length: opened }, (_, i) => new Machine(world, `w${i}`, soundClock));
  const databases: Database[] = [];
  const setUp = async (): Promise<void> => {
    for (const [i, machine] of machines.entries()) {
      const db = await openMeasured(store, machine, i, seed);
      databases.push(db);
      if (i > 0 || !workload.prepare) continue;
      await workload.prepare(db);
      await db.flush();
    }
  };
  await world.until(setUp(), SETUP_MS);

  const roundTripMs = roundTripOf(profile);
  const start = new Random(seed, 'start');
  const writers = Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, `choices of ${i}`);
    const { clock } = machines[i % opened]!;
    const writer = new Writer(world, workload, { db: databases[i % opened]!, writer: i, clock, random });
    // Not all in one instant: with a fixed latency they would stay in step.
    world.after(start.between(0, roundTripMs), () => void writer.run(roundTripMs));
    return writer;
  });
  // Opening all at once is a time of its own: what it took each of them to commit for the first time is told apart.
  const slowest = Math.max(...Array.from({ length: count }, (_, i) => profile.multipleOf(i)));
  const warmUpMs = WARM_UP_ROUND_TRIPS * roundTripMs * slowest;
  await world.until(world.sleep(warmUpMs), warmUpMs + 1);
  for (const writer of writers) writer.begin();
  const traffic = databases.map((db) => db.traffic().snapshot());
  const stats = databases.map((db) => db.stats());
  const throttledBefore = store.throttled;
  await world.until(world.sleep(seconds * 1_000), seconds * 1_000 + 1);

  const waiting = writers.map((writer) => writer.end()).filter((ms) => ms !== undefined);
  const waitsMs = [...writers.flatMap((writer) => writer.waitsMs), ...waiting].sort((a, b) => a - b);
  const commits = writers.reduce((sum, writer) => sum + writer.commits, 0);
  const spent = new Traffic();
  for (const [i, db] of databases.entries()) {
    const { requests } = db.traffic().since(traffic[i]!);
    for (const kind of CLASSES) spent.requests[kind] += requests[kind];
  }
  const sums = Object.fromEntries(
    COUNTED.map((name) => [
      name,
      databases.reduce((sum, db, i) => sum + db.stats()[name] - stats[i]![name], 0),
    ]),
  ) as Record<(typeof COUNTED)[number], number>;
  const throttled = store.throttled - throttledBefore;
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  await checkShown(cell, store, acknowledged);

  const inRoundTrips = (ms: number): number => rounded(ms / roundTripMs);
  const perCommit = (requests: number): number => rounded(requests / commits);
  const { requests } = spent;
  const { least, most, ratio } = fairnessOf(writers.map((writer) => writer.commits));
  return {
    workload: workload.name,
    latency: profile.name,
    writers: count,
    seconds,
    roundTripMs,
    commits,
    perRoundTrip: rounded((commits * roundTripMs) / (seconds * 1_000)),
    fairness: { least, most, ratio: rounded(ratio) },
    waits: {
      p50: inRoundTrips(rank(waitsMs, 0.5)),
      p99: inRoundTrips(rank(waitsMs, 0.99)),
      max: inRoundTrips(rank(waitsMs, 1)),
    },
    firstWaitMax: inRoundTrips(Math.max(...writers.map((writer) => writer.firstWaitMs ?? 0))),
    requestsPerCommit:
      commits === 0
        ? undefined
        : {
            all: perCommit(CLASSES.reduce((sum, kind) => sum + requests[kind], 0)),
            read: perCommit(requests.read),
            write: perCommit(requests.write),
            list: perCommit(requests.list),
          },
    dollarsPerMillion:
      commits === 0
        ? undefined
        : rounded((estimateCost(spent, prices.awsS3Standard).requests * 1e6) / commits),
    records: sums.commits,
    rebases: sums.rebases,
    conflicts: sums.conflicts,
    flushes: sums.flushes,
    throttled,
    failures: failuresOf(writers),
  };
}

function openMeasured(store: RemoteStore, machine: Machine, writer: number, seed: number): Promise<Database> {
  const network = new Random(seed, `network of ${machine.name}`);
  return openDatabase(new RemoteConnection(store, writer, network), {
    key: 'plaintext',
    // It asks of the store, not of others.
    probe: 'skip',
    clock: machine.clock,
    random: new Random(seed, `random of ${machine.name}`).bytes,
    crypto: defaultProvider(),
  });
}

/** Nobody was told of a commit that is not there. */
async function checkShown({ workload, seed }: Cell, store: RemoteStore, commits: number): Promise<void> {
  const { shown } = workload;
  if (!shown) return;
  const machine = new Machine(store.world, 'newcomer', soundClock);
  const look = openMeasured(store, machine, 0, seed).then((db) => shown(db));
  const found = await store.world.until(look, SETUP_MS);
  if (found < commits)
    throw new Error(`${workload.name}: ${commits} commits were acknowledged, and the state shows ${found}.`);
}

/** The smallest sample that `p` of all are not above. */
function rank(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function failuresOf(writers: readonly Writer[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { failures } of writers)
    for (const [code, count] of failures) sums[code] = (sums[code] ?? 0) + count;
  return sums;
}
