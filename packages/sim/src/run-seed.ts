/** One world from its beginning to its verdict. */
import { HoldfastError, parseRecordName } from '@holdfast/core';
import type { RequestId } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { RequestLimit } from './measure/request-limit.js';
import { Client } from './workload/client.js';
import { crowdOf, SHORT_PAUSE_MS } from './workload/crowd.js';
import { readAll } from './workload/final-state.js';
import { judge } from './workload/judge.js';
import { Ledger, type RequestName, resultOf } from './workload/ledger.js';
import { lookAtAll } from './workload/looks.js';
import { AREAS, type Area, widthOf } from './workload/ranges.js';
import { readAllStreams } from './workload/streams.js';
import type { Verdict } from './workload/verdict.js';
import { judgeWaits, type WaitsReport } from './workload/waits.js';
import { isContended } from './world/contention.js';
import { type Answer, Fleet, type Worker } from './world/fleet.js';
import { MARKERS } from './world/foreign.js';
import { type Incident, Incidents } from './world/incidents.js';
import { Intents } from './world/intents.js';
import { Listeners } from './world/listeners.js';
import { narrowed, reduced, scenarioOf } from './world/scenario.js';
import type { Role, Scenario } from './world/shape.js';
import type { Store } from './world/sim-store.js';
import { Stray } from './world/stray.js';
import { beginTrouble } from './world/timetable.js';
import { World } from './world/world.js';

export interface SeedReport {
  readonly seed: number;
  readonly scenario: Scenario;
  /** Of the clients' transactions. */
  readonly committed: number;
  readonly aborted: number;
  /** Without a name, and never answered. */
  readonly unknown: number;
  /** Requests sent, and those of them that were repetitions. */
  readonly sends: number;
  readonly repeated: number;
  /** Requests whose outcome was open when all clients had ended, and was settled then. */
  readonly resolved: number;
  readonly unresolved: readonly string[];
  readonly reads: number;
  /** Changes that watchers were told of. */
  readonly watched: number;
  readonly records: number;
  readonly machines: number;
  readonly virtualMs: number;
  /** Where there are many writers. */
  readonly waits: WaitsReport | undefined;
  /** Intents. */
  readonly announced: number;
  /** That were published. */
  readonly compactions: number;
  /** Objects that garbage collection has deleted. */
  readonly collected: number;
  readonly faults: readonly Incident[];
  readonly errors: ReadonlyMap<string, number>;
  readonly verdict: Verdict;
  /** Anything but a verdict: a hang, an exception of the simulator's own. */
  readonly failure: string | undefined;
  readonly digest: string;
  readonly trace: readonly string[];
}

export interface RunOptions {
  /** Incidents that are left out. */
  readonly without?: ReadonlySet<string>;
  /** What the world does not have at all: see `reduced`. */
  readonly except?: readonly string[];
  /** What clients do, and nothing else; default: what the seed says. */
  readonly only?: readonly Role[];
  /** Whether there are many writers; default: what the seed says. */
  readonly contended?: boolean | undefined;
  /** What is at the other end of the network; tests put one there that breaks its promises. */
  readonly server?: MemoryStore;
}

/** Two hours of virtual time: the longest pauses and deadlines many times over. */
const LIMIT_MS = 7_200_000;
/** The last lost PUT lands within ten minutes of having been sent. */
const ZOMBIES_MS = 1_800_000;
const DEADLINE_MS = 600_000;
const TRIES_MAX = 10;

export async function runSeed(seed: number, options: RunOptions = {}): Promise<SeedReport> {
  const { except = [], only = [], contended = isContended(seed) && !except.includes('contended') } = options;
  const scenario = narrowed(reduced(scenarioOf(seed, contended), except), only);
  const world = new World();
  const incidents = new Incidents(seed, scenario.callFaults, options.without);
  const server = options.server ?? new MemoryStore('sim', world.clock);
  const ledger = new Ledger();
  const intents = new Intents(server);
  const store: Store = {
    world,
    server,
    incidents,
    latency: scenario.latency,
    limits: limitsOf(scenario),
    hiddenUntilMs: intents.hiddenUntilMs,
    stalledUntilMs: 0,
    outUntilMs: 0,
    onViolation: (violation) => ledger.violations.push(violation),
  };
  const listeners = new Listeners(incidents, scenario.listenerFaults);
  const fleet = new Fleet(world, store, scenario, scenario.listenerFaults > 0 ? listeners : undefined);
  /** Objects of others, by name. */
  const foreign = new Set<string>(scenario.markers ? MARKERS : []);
  const stray = new Stray();
  let failure: string | undefined;
  let verdict: Verdict = { anomalies: [], lost: [], doubled: [], late: [] };
  let waits: WaitsReport | undefined;
  let announced = 0;
  let resolved = 0;
  const unresolved: string[] = [];
  try {
    for (const name of foreign) await server.put(name, new Uint8Array(0));
    beginTrouble({ world, store, incidents, fleet, scenario, foreign, intents });
    const clients = crowdOf(scenario).map(
      (part) => new Client(part, world, fleet, scenario, ledger, incidents),
    );
    await world.until(Promise.all(clients.map((client) => client.run())), LIMIT_MS);
    world.log('world', 'everything works from now on');
    incidents.end();
    fleet.end();
    // While PUTs of the dead are still under way.
    resolved = await resolveOpen(world, fleet, ledger, unresolved);
    await world.settle(ZOMBIES_MS);
    const last = fleet.spawn(true);
    await recheck(world, last, ledger);
    const state = await ask(world, last, 'reading everything', readAll);
    for (const area of Object.keys(AREAS) as Area[]) {
      const invoked = world.stamp();
      const width = widthOf(scenario);
      const look = await ask(world, last, `reading ${area}`, (db) =>
        lookAtAll(db, { area, width, clock: last.machine.clock }),
      );
      ledger.looked(area, 'the end', invoked, world.stamp(), look);
    }
    for (const { key, bytes } of await ask(world, last, 'reading all streams', readAllStreams))
      ledger.readStream('the end', bytes, key[0] === 'mark' ? (key[2] as number) : undefined);
    const report = await ask(world, last, 'verify', (db) => db.verify({ deep: true }));
    for (const { message } of listeners.unheard)
      ledger.violations.push(`onError was not told of ${message}.`);
    ledger.violations.push(...stray.found);
    const ours = new Map([...server.objects()].filter(([name]) => !foreign.has(name)));
    verdict = judge(scenario, ledger, state, ours);
    waits = waitsOf(scenario, ledger, world);
    verdict.late.push(...(waits?.problems ?? []));
    announced = await intents.count();
    if (!report.ok) verdict.anomalies.push(`verify found: ${JSON.stringify(report)}`);
  } catch (error) {
    failure = told(error);
  } finally {
    stray.end();
  }
  const count = (outcome: string): number => ledger.deeds.filter((deed) => deed.outcome === outcome).length;
  const sends = ledger.deeds.reduce((sum, deed) => sum + deed.sends, 0);
  return {
    seed,
    scenario,
    committed: count('committed'),
    aborted: count('aborted'),
    unknown: ledger.deeds.filter(({ outcome, request }) => outcome === 'unknown' && request === undefined)
      .length,
    sends,
    repeated: sends - ledger.deeds.length,
    resolved,
    unresolved,
    reads:
      ledger.reads.length +
      ledger.balances.length +
      ledger.looks.length +
      ledger.diffs.length +
      ledger.streamsRead,
    watched: ledger.watched,
    records: [...server.objects().keys()].filter((key) => parseRecordName(key) !== undefined).length,
    machines: fleet.born,
    virtualMs: world.nowMs,
    waits,
    announced,
    compactions: world.compactions,
    collected: world.collected,
    faults: incidents.happened,
    errors: ledger.errors,
    verdict,
    failure,
    digest: world.trace.digest(),
    trace: world.trace.lines,
  };
}

/** Where the store lies about the log, nothing is said of waits. */
function waitsOf(
  { contention, clients, roles, lies }: Scenario,
  { waits }: Ledger,
  { troubles }: World,
): WaitsReport | undefined {
  if (!contention || lies) return undefined;
  const slowestMs = Math.max(...contention.roundTripsMs);
  return judgeWaits(waits, {
    clients,
    roles,
    slowestMs,
    bodyMs: SHORT_PAUSE_MS,
    troubles: troubles.all,
  });
}

function limitsOf({ contention }: Scenario): Store['limits'] {
  if (contention?.perSecond === undefined) return undefined;
  return {
    reads: new RequestLimit(contention.perSecond),
    writes: new RequestLimit(contention.perSecond),
  };
}

/** Every request can be settled, however it was left. */
async function resolveOpen(
  world: World,
  fleet: Fleet,
  ledger: Ledger,
  unresolved: string[],
): Promise<number> {
  const open = ledger.deeds.filter(({ outcome, request }) => outcome === 'unknown' && request !== undefined);
  if (open.length === 0) return 0;
  const worker = fleet.spawn(true);
  for (const deed of open) {
    const outcome = await ask(world, worker, 'outcome', (db) =>
      db.outcome(unsettling(deed.request!), { close: true }),
    );
    deed.returned = world.stamp();
    if (outcome.status === 'committed') {
      deed.outcome = 'committed';
      deed.result = resultOf(deed, outcome.result);
      deed.acknowledged.push(deed.result);
    } else if (outcome.status === 'closed') deed.outcome = 'aborted';
    else unresolved.push(`${JSON.stringify(deed.request)} is ${outcome.status} after it was closed`);
  }
  return open.length - unresolved.length;
}

/** Asking for one request of a session says nothing about those before it. */
function unsettling(request: RequestName): RequestId {
  return typeof request === 'string' ? request : { ...request, settled: 0 };
}

/** Late arrivals have changed nothing: each request is what it was said to be. */
async function recheck(world: World, worker: Worker, ledger: Ledger): Promise<void> {
  for (const deed of ledger.deeds) {
    if (deed.request === undefined || deed.outcome === 'unknown') continue;
    const outcome = await ask(world, worker, 'outcome', (db) => db.outcome(unsettling(deed.request!)));
    const expected = deed.outcome === 'committed' ? 'committed' : 'closed';
    if (outcome.status === 'settled' && typeof deed.request === 'object') continue;
    if (outcome.status !== expected)
      ledger.violations.push(
        `Request ${JSON.stringify(deed.request)} was ${deed.outcome}; at the end its outcome is ${outcome.status}.`,
      );
    if (outcome.status === 'committed') deed.acknowledged.push(resultOf(deed, outcome.result));
  }
}

async function ask<T>(
  world: World,
  worker: Worker,
  what: string,
  doing: Parameters<typeof worker.call<T>>[0],
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const answer = await world.until(worker.call(doing, DEADLINE_MS), DEADLINE_MS * 2);
    if (answer.kind === 'ok') return answer.value;
    // Nothing fails, and yet an answer may take longer than a commit is given.
    if (tries < TRIES_MAX && isLate(answer)) continue;
    throw new Error(`At the end, without faults, ${what} failed.`, {
      cause: answer.kind === 'error' ? answer.error : 'no answer',
    });
  }
}

function isLate(answer: Answer<unknown>): boolean {
  if (answer.kind !== 'error' || !(answer.error instanceof HoldfastError)) return false;
  return answer.error.code === 'UNAVAILABLE' || answer.error.code === 'OUTCOME_UNKNOWN';
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stack = error.message, cause } = error;
  return cause === undefined ? stack : `${stack}\nbecause: ${told(cause)}`;
}
