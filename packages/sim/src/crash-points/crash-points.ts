/**
 * Every call of every operation, struck by every fault, with the machine dying or not, with the caller asking again or
 * not, alone and beside a rival: enumerated, not sampled.
 */

import { HoldfastError } from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { checkChain } from '../check/chain.js';
import { type Answer, type EngineSettings, Worker } from '../world/fleet.js';
import type { CallFault } from '../world/incidents.js';
import { Machine, soundClock } from '../world/machine.js';
import { storeIn } from '../world/sim-store.js';
import { World } from '../world/world.js';
import { type Interrupted, type Looked, leaveTrace, NAME, RIVAL } from './interrupted.js';
import { needWithin } from './need.js';
import { GivenUp, operations } from './operations.js';
import { type Blow, Script } from './script.js';

/** The faults of the enumeration: before the effect, after it, doubled, late, torn, never answered. */
export const BLOWS: readonly CallFault[] = [
  'refused',
  'error-before',
  'error-after',
  'lost-request',
  'lost-answer',
  'duplicate',
  'duplicate-answer',
  'late',
  'zombie',
  'partial-body',
  'conflict',
];

export interface Case {
  readonly operation: Interrupted;
  readonly blows: readonly Blow[];
  /** Whether the caller sends it again, to another machine, until it knows; else it asks for the outcome much later. */
  readonly asksAgain: boolean;
  /** Another machine commits at the moment of the first blow. */
  readonly rival: boolean;
}

export interface CaseResult {
  /** Calls that the first machine made. */
  readonly calls: readonly string[];
  readonly struck: number;
  readonly problems: readonly string[];
}

const SETTINGS: EngineSettings = {
  seed: 1,
  sealed: false,
  probe: 'skip',
  maintenance: 'manual',
  commitTimeoutMs: 2_000,
  graceMs: 86_400_000,
  cacheBytes: 0,
  compaction: { segmentBytes: 1_000, runsMax: 2, tailBytesMax: 2 ** 21 },
};
const ZOMBIES_MS = 1_800_000;
const PATIENCE_MS = 400_000;
const need = needWithin(2 * PATIENCE_MS);
const SENDS_MAX = 5;
const NOTHING_MORE: Looked = { problems: [] };
const EXPECTED = new Set(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'CONFLICT', 'REQUEST_CLOSED']);

export async function runCase({ operation, blows, asksAgain, rival }: Case): Promise<CaseResult> {
  const world = new World();
  const problems: string[] = [];
  let rivals: Promise<Answer<unknown>> | undefined;
  const machines: Machine[] = [];
  const script = new Script('m2', blows, () => world.after(0, () => machines[1]!.crash('the blow')));
  const store = storeIn(world, {
    server: new MemoryStore('crash points', world.clock),
    incidents: {
      get over() {
        return script.over;
      },
      ofCall(what, fits) {
        const before = script.struck;
        const fate = script.ofCall(what, fits);
        if (rival && before === 0 && script.struck === 1)
          rivals = spawn().call(
            (db) =>
              db.transact((tx) => {
                operation.rival?.(tx);
                return leaveTrace(tx, RIVAL);
              }),
            PATIENCE_MS,
          );
        return fate;
      },
    },
    latency: { fastMs: 1, usualMs: 4 },
    onViolation: (violation) => problems.push(violation),
  });
  const crypto = defaultProvider();
  const spawn = (): Worker => {
    const machine = new Machine(world, `m${machines.length + 1}`, soundClock);
    machines.push(machine);
    const { commitTimeoutMs = SETTINGS.commitTimeoutMs, graceMs = SETTINGS.graceMs, retention } = operation;
    const settings = { ...SETTINGS, commitTimeoutMs, graceMs, retention };
    return new Worker(world, store, machine, settings, crypto);
  };
  const heard = (answer: Answer<unknown>): 'done' | 'not done' | 'unknown' => {
    if (answer.kind === 'ok') return 'done';
    if (answer.kind === 'lost') return 'unknown';
    const { error, cut } = answer;
    if (error instanceof GivenUp) return 'not done';
    // What close() finds under way is cut when it takes longer than a commit may.
    const isCut = cut === true && error instanceof HoldfastError && error.code === 'CLOSED';
    if (!isCut && (!(error instanceof HoldfastError) || !EXPECTED.has(error.code)))
      problems.push(`The caller heard ${error instanceof Error ? error.stack : String(error)}`);
    return error instanceof HoldfastError && !error.maybeCommitted ? 'not done' : 'unknown';
  };

  const first = spawn();
  const { prepare } = operation;
  if (prepare)
    await need(
      world,
      first.call((db) => prepare(db, first), PATIENCE_MS),
    );
  // The one that is struck, from its opening to the end of its work.
  let worker = spawn();
  script.arm();
  let known: 'done' | 'not done' | 'unknown' = 'unknown';
  for (let sends = 1; ; sends++) {
    const answer = await world.until(
      worker.call((db) => operation.run(db, worker), PATIENCE_MS),
      2 * PATIENCE_MS,
    );
    const now = heard(answer);
    // That one send of several did not happen says nothing of the others.
    known = now === 'not done' && sends > 1 ? 'unknown' : now;
    if (now === 'done' || !asksAgain || sends >= SENDS_MAX) break;
    if (operation.effects > 0 && operation.request === undefined) break;
    worker = spawn();
  }
  if (rivals && (await world.until(rivals, 2 * PATIENCE_MS)).kind !== 'ok')
    problems.push('The rival failed.');
  script.end();
  const late = spawn();
  const { request } = operation;
  if (known !== 'done' && request !== undefined) {
    const outcome = await need(
      world,
      late.call((db) => db.outcome(request, { close: true }), PATIENCE_MS),
    );
    if (outcome.status === 'open' || outcome.status === 'settled')
      problems.push(`Closed, the request is ${outcome.status}.`);
    known = outcome.status === 'committed' ? 'done' : 'not done';
  }
  await world.settle(ZOMBIES_MS);

  const { n, names, looked, report } = await need(
    world,
    spawn().call(async (db) => {
      await db.transact((tx) => leaveTrace(tx, 'after'));
      const [total, all] = await db.getMany([['n'], ['names']]);
      return {
        n: total as number,
        names: all as string[],
        looked: (await operation.look?.(db, all as string[])) ?? NOTHING_MORE,
        report: await db.verify({ deep: true }),
      };
    }, PATIENCE_MS),
  );
  const { there = names.filter((name) => name === NAME).length } = looked;
  if (n !== names.length) problems.push(`${names.length} names and a count of ${n}: half a transaction.`);
  problems.push(...looked.problems);
  if (there > operation.effects) problems.push(`Its effect is there ${there} times.`);
  if (known === 'done' && there < operation.effects) problems.push('It was acknowledged and is not there.');
  if (known === 'not done' && there > 0) problems.push('It was said not to have happened and is there.');
  if (rivals && names.filter((name) => name === RIVAL).length !== 1)
    problems.push('The rival is lost or doubled.');
  problems.push(
    ...report.problems,
    ...checkChain(store.server.objects()).problems.map(({ message }) => message),
  );
  return { calls: script.calls, struck: script.struck, problems };
}

/**
 * All cases with one blow (`depth` 1), and those with a second one at any later call of the same machine (2).
 * @param only operations with this in their name.
 * @param limitCalls the calls of a run that are struck; later ones are repetitions without end.
 */
export async function* allCases(
  depth: 1 | 2,
  only = '',
  limitCalls = 24,
): AsyncGenerator<Case, void, undefined> {
  for (const operation of operations.filter(({ name }) => name.includes(only))) {
    for (const rival of [false, true]) {
      for (const asksAgain of [true, false]) {
        for (const dies of [false, true]) {
          const base = { operation, rival, asksAgain };
          const { calls } = await runCase({ ...base, blows: [] });
          for (let call = 1; call <= Math.min(calls.length, limitCalls); call++) {
            for (const fault of BLOWS) {
              const one: Case = { ...base, blows: [{ call, fault, dies }] };
              yield one;
              if (depth === 1 || dies) continue;
              const after = await runCase(one);
              if (after.struck === 0) continue;
              for (let next = call + 1; next <= Math.min(after.calls.length, limitCalls); next++)
                for (const second of BLOWS)
                  yield { ...base, blows: [...one.blows, { call: next, fault: second, dies: false }] };
            }
          }
        }
      }
    }
  }
}

export function describeCase({ operation, blows, asksAgain, rival }: Case, calls: readonly string[]): string {
  const struck = blows.map(
    ({ call, fault, dies }) =>
      `${fault} at call ${call} (${calls[call - 1] ?? 'none'})${dies ? ', and it dies' : ''}`,
  );
  return `${operation.name}: ${struck.join('; then ')}; the caller ${asksAgain ? 'asks again' : 'gives up'}${rival ? '; with a rival' : ''}`;
}
