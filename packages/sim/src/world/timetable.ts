/** What goes wrong at any time, to a machine or to the store: each kind by a timetable of its own. */
import { LOG_PREFIX, parseRecordName } from '@holdfast/core';
import type { MemoryStore } from '@holdfast/object-store';
import type { Fleet, Worker } from './fleet.js';
import { litter } from './foreign.js';
import {
  INTENT_WORLD_FAULTS,
  type Incidents,
  LATER_WORLD_FAULTS,
  WORLD_FAULTS,
  type WorldFault,
} from './incidents.js';
import type { IntentFault, Intents } from './intents.js';
import { Random } from './random.js';
import type { Scenario } from './shape.js';
import type { Store } from './sim-store.js';
import type { World } from './world.js';

export interface Stage {
  readonly world: World;
  readonly store: Store;
  readonly incidents: Incidents;
  readonly fleet: Fleet;
  readonly scenario: Scenario;
  /** Objects of others, by name. */
  readonly foreign: Set<string>;
  readonly intents: Intents;
}

/** So many objects of others are enough. */
const CROWD = 4_000;
/** Stalls and outages last so long at most, pauses twice as long. */
const LONG_MS = 60_000;
/** Where all has happened within a minute. */
const SHORT_MS = 6_000;
const OF_THE_STORE: ReadonlySet<WorldFault> = new Set(['stall', 'outage', 'foreign', ...INTENT_WORLD_FAULTS]);

/** All kinds, for as long as the clients run. */
export function beginTrouble(stage: Stage): void {
  for (const kind of [...WORLD_FAULTS, ...LATER_WORLD_FAULTS, ...INTENT_WORLD_FAULTS]) trouble(kind, stage);
}

/** One kind of trouble, again and again. */
async function trouble(kind: WorldFault, stage: Stage): Promise<void> {
  const { world, store, incidents, fleet, scenario, intents } = stage;
  const everyMs = scenario.worldFaults[kind];
  if (everyMs === undefined) return;
  const random = new Random(scenario.seed, `trouble ${kind}`);
  for (let n = 1; !incidents.over; n++) {
    /** Numbers for this one alone. */
    const own = (): Random => new Random(scenario.seed, `${kind} ${n}`);
    await world.sleep(random.between(0, 2 * everyMs));
    const size = random.fraction();
    const chosen = random.fraction();
    const member = fleet.members[Math.floor(chosen * fleet.members.length)];
    const aimless = member === undefined && !OF_THE_STORE.has(kind) && !isOfIntents(kind);
    // Before there is a database, what lies there is somebody's, and the place is left to them.
    if (kind === 'foreign' && !(await hasRecords(store.server))) continue;
    if (isOfIntents(kind) && !(await intents.has(kind))) continue;
    if (incidents.over || aimless || !incidents.ofWorld(kind)) continue;
    const longestMs = scenario.contention ? SHORT_MS : LONG_MS;
    if (isOfIntents(kind)) await befallIntents(kind, stage, own());
    else if (OF_THE_STORE.has(kind)) await befallStore(kind, stage, size * size * longestMs, own);
    else if (member) befallMachine(kind, member, size, longestMs, own);
  }
}

function isOfIntents(kind: WorldFault): kind is IntentFault {
  return kind.startsWith('intent-');
}

async function befallIntents(kind: IntentFault, { world, intents }: Stage, own: Random): Promise<void> {
  const befallen = await intents.befall(kind, own, world.nowMs);
  if (!befallen) return;
  world.log('store', befallen.what);
  world.troubles.add(undefined, world.nowMs, befallen.untilMs);
}

function befallMachine(
  kind: WorldFault,
  member: Worker,
  size: number,
  longestMs: number,
  own: () => Random,
): void {
  if (kind === 'crash') member.machine.crash(kind);
  else if (kind === 'pause') member.machine.pause(100 + size * size * 2 * longestMs);
  else if (kind === 'clock-step') member.machine.stepClock(Math.floor((size - 0.5) * 600_000));
  else if (kind === 'close') member.close(size < 0.5, own());
}

async function befallStore(
  kind: WorldFault,
  { world, store, foreign }: Stage,
  forMs: number,
  own: () => Random,
): Promise<void> {
  const untilMs = world.nowMs + forMs;
  if (kind === 'foreign') {
    const names = await litter(store.server, own(), foreign.size > CROWD);
    for (const name of names) foreign.add(name);
    world.log('store', `has ${names.length} objects of others more`);
    return;
  }
  world.troubles.add(undefined, world.nowMs, untilMs);
  if (kind === 'stall') {
    store.stalledUntilMs = untilMs;
    world.log('store', `stalls until ${untilMs.toFixed(3)}`);
  } else {
    store.outUntilMs = untilMs;
    world.log('store', `is out until ${untilMs.toFixed(3)}`);
  }
}

async function hasRecords(server: MemoryStore): Promise<boolean> {
  for await (const { key } of server.list(LOG_PREFIX)) if (parseRecordName(key) !== undefined) return true;
  return false;
}
