/**
 * Writers of one number at one workload over one network for a while, and what it came to.
 *
 * Invariants:
 * - What is counted lies between two moments: opening and preparing come before, and are not in it.
 * - What was acknowledged is in the state that a newcomer reads, and nothing else is, or there are no figures.
 */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectStore } from '@holdfast/object-store';
import { openBench } from '../sample-state.js';
import type { CrewFigures, Crews } from './crew.js';
import { boundsOf, type Figures, figuresOf } from './figures.js';
import type { Network } from './network.js';
import { measureBeside } from './round-trip.js';
import type { Workload } from './workload.js';

export interface Cell {
  readonly workload: Workload;
  readonly writers: number;
  readonly network: Network;
  readonly seconds: number;
}

export async function measureCell(cell: Cell, crews: Crews): Promise<Figures> {
  const { workload, writers, network, seconds } = cell;
  const { roundTripMs } = network;
  const { direct, through, prefix, url, credentials } = network.place();
  if (workload.prepare) {
    const db = await openBench(direct);
    await workload.prepare(db, seconds);
    await db.flush();
    await db.close();
  }
  const order = { url, credentials, prefix, workload: workload.name, seconds, roundTripMs };
  await crews.open(order, writers, workload.writers === 'loops');
  const run = crews.run();
  const machine = busyMsAfter(run.startsInMs, seconds * 1000);
  const { busyRoundTripMs, result } = await measureBeside(through, run.figures);
  await checkShown(workload, result, direct);
  return figuresOf({
    workload: workload.name,
    network: network.name,
    seconds,
    roundTripMs,
    busyRoundTripMs,
    crews: result,
    machineMs: await machine,
  });
}

/** @throws Error where the state shows other commits than were acknowledged. */
export async function checkShown(
  workload: Workload,
  crews: readonly CrewFigures[],
  store: ObjectStore,
): Promise<void> {
  const { atLeast, atMost } = boundsOf(crews);
  const db = await openBench(store);
  const found = await workload.shown(db);
  await db.close();
  if (found >= atLeast && found <= atMost) return;
  const expected = atLeast === atMost ? `${atLeast}` : `${atLeast} to ${atMost}`;
  throw new Error(
    `${workload.name}: expected ${expected} commits, as acknowledged, found ${found} in the state.`,
  );
}

/** How long processors of this machine are busy, added up, in a time to come. */
async function busyMsAfter(startsInMs: number, ms: number): Promise<number> {
  await sleep(startsInMs);
  const before = busyMs();
  await sleep(ms);
  return busyMs() - before;
}

function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}
