/**
 * A crowd of three databases that commit at once, of which one is struck at one of its store calls: while it announces,
 * while it collects, while it carries what others announced. It goes on or dies there; the others never wait for it.
 *
 * What must hold: what was acknowledged is there once, every request has an outcome, nobody else fails, and as long as
 * anybody has something to commit there is a record within a stated silence.
 */
import { HoldfastError, parseRecordName } from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore, type PutOptions, type PutResult } from '@holdfast/object-store';
import { checkChain } from '../check/chain.js';
import { type Answer, type EngineSettings, Worker } from '../world/fleet.js';
import type { CallFault } from '../world/incidents.js';
import { Machine, soundClock } from '../world/machine.js';
import { networkTo } from '../world/network.js';
import { storeIn } from '../world/sim-store.js';
import { World } from '../world/world.js';
import { BLOWS } from './crash-points.js';
import { type Errand, errands } from './errands.js';
import { needWithin } from './need.js';
import { type Blow, Script } from './script.js';

export interface CrowdCase {
  readonly errand: Errand;
  /** Which of the crowd is struck, from 0. */
  readonly struck: number;
  readonly blow: Blow | undefined;
}

export interface CrowdResult {
  /** Of the one that is struck. */
  readonly calls: readonly string[];
  readonly fell: boolean;
  readonly problems: readonly string[];
  /** The longest time without a record while the others had something to commit, round trips. */
  readonly silence: number;
}

export const CROWD = 3;
const COMMITS = 5;
const ROUND_TRIP_MS = 20;
/**
 * From one record to the next: until the first is seen, the silence after which somebody steps in (up to two and a half),
 * the record that is made then, and an upload before it.
 */
export const SILENCE_ROUND_TRIPS = 7;
const SETTINGS: EngineSettings = {
  seed: 1,
  sealed: true,
  probe: 'skip',
  maintenance: 'manual',
  commitTimeoutMs: 60_000,
  graceMs: 86_400_000,
  cacheBytes: 0,
};
const ZOMBIES_MS = 1_800_000;
const PATIENCE_MS = 400_000;
const LIMIT_MS = 4 * PATIENCE_MS;
const need = needWithin(LIMIT_MS);
const LATENCIES = { read: { p50: 16, p99: 20 }, write: { p50: ROUND_TRIP_MS, p99: 30 } };
const UNSURE = new Set(['UNAVAILABLE', 'OUTCOME_UNKNOWN']);

/** Tells what it has created. */
class WatchedStore extends MemoryStore {
  readonly #onCreated: (name: string) => void;

  constructor(onCreated: (name: string) => void) {
    super('crowd');
    this.#onCreated = onCreated;
  }

  override async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutResult> {
    const result = await super.put(key, bytes, options);
    if (!result.occupied) this.#onCreated(key);
    return result;
  }
}

/** What became of one request, as its caller knows it. */
type Known = 'done' | 'not done' | 'unknown';

export async function runCrowdCase({ errand, struck, blow }: CrowdCase): Promise<CrowdResult> {
  const world = new World();
  const problems: string[] = [];
  const recordsMs: number[] = [];
  const machines: Machine[] = [];
  const victim = `m${struck + 2}`;
  const script = new Script(victim, blow ? [blow] : [], () =>
    world.after(0, () => machines[struck + 1]!.crash('the blow')),
  );
  const store = storeIn(world, {
    server: new WatchedStore((name) => {
      if (parseRecordName(name) !== undefined) recordsMs.push(world.nowMs);
    }),
    incidents: script,
    latency: { fastMs: 1, usualMs: 4 },
    onViolation: (violation) => problems.push(violation),
  });
  const crypto = defaultProvider();
  const spawn = (): Worker => {
    const machine = new Machine(world, `m${machines.length + 1}`, soundClock);
    machines.push(machine);
    return new Worker(world, store, machine, SETTINGS, crypto, { network: networkTo(LATENCIES, 1) });
  };

  await need(
    world,
    spawn().call((db) => errand.prepare(db), PATIENCE_MS),
  );
  const crowd = Array.from({ length: CROWD }, spawn);
  // Open, and of one view: who is struck is struck in the midst of it.
  for (const worker of crowd)
    await need(
      world,
      worker.call((db) => db.get('open'), PATIENCE_MS),
    );
  script.arm();
  const known = new Map<string, Known>();
  const beganMs = world.nowMs;
  let othersEndMs = beganMs;
  /** Commits one after the other; who loses the machine asks another for what was under way, and ends. */
  const client = async (member: number): Promise<void> => {
    for (let i = 0; i < COMMITS; i++) {
      const request = `${member}/${i}`;
      const ask = (worker: Worker): Promise<Answer<unknown>> =>
        worker.call((db) => errand.commit(db, request), PATIENCE_MS);
      const first = heard(await ask(crowd[member]!), member === struck, problems);
      const dead = !crowd[member]!.machine.alive;
      const again =
        first === 'unknown' && dead ? heard(await ask(crowd[(member + 1) % CROWD]!), false, problems) : first;
      known.set(request, again);
      if (member !== struck) othersEndMs = world.nowMs;
      if (dead) return;
    }
  };
  await world.until(Promise.all(crowd.map((_, member) => client(member))), LIMIT_MS);
  const silence = longestGap([beganMs, ...recordsMs.filter((ms) => ms > beganMs && ms <= othersEndMs)]);
  if (silence > SILENCE_ROUND_TRIPS * ROUND_TRIP_MS)
    problems.push(
      `No record for ${(silence / ROUND_TRIP_MS).toFixed(1)} round trips, expected at most ${SILENCE_ROUND_TRIPS}.`,
    );
  script.end();

  const late = spawn();
  for (const [request, outcome] of known) {
    const found = await need(
      world,
      late.call((db) => db.outcome(request, { close: true }), PATIENCE_MS),
    );
    if (found.status !== 'committed' && found.status !== 'closed')
      problems.push(`Closed, request ${request} is ${found.status}.`);
    const now = found.status === 'committed' ? 'done' : 'not done';
    if (outcome !== 'unknown' && outcome !== now)
      problems.push(`Request ${request} was ${outcome} to its caller, and is ${now}.`);
    known.set(request, now);
  }
  await world.settle(ZOMBIES_MS);
  const done = [...known].filter(([, outcome]) => outcome === 'done').map(([request]) => request);
  const { found, report } = await need(
    world,
    spawn().call(async (db) => {
      // One more, by a newcomer.
      await errand.commit(db, 'after');
      return { found: await errand.look(db, [...done, 'after']), report: await db.verify({ deep: true }) };
    }, PATIENCE_MS),
  );
  problems.push(
    ...found,
    ...report.problems,
    ...checkChain(store.server.objects()).problems.map(({ message }) => message),
  );
  return { calls: script.calls, fell: script.struck > 0, problems, silence: silence / ROUND_TRIP_MS };
}

/** Before the effect and after it, with its machine dying there: the others are what is looked at. */
const DEADLY: readonly CallFault[] = ['lost-request', 'lost-answer'];

/** Each of the crowd, struck at each of its calls by each fault, and by its death before and after the effect. */
export async function* crowdCases(only = ''): AsyncGenerator<CrowdCase, void, undefined> {
  for (const errand of errands) {
    if (!`crowd, ${errand.name}`.includes(only)) continue;
    for (let struck = 0; struck < CROWD; struck++) {
      const { calls } = await runCrowdCase({ errand, struck, blow: undefined });
      for (let call = 1; call <= calls.length; call++) {
        for (const fault of BLOWS) yield { errand, struck, blow: { call, fault, dies: false } };
        for (const fault of DEADLY) yield { errand, struck, blow: { call, fault, dies: true } };
      }
    }
  }
}

export function describeCrowdCase({ errand, struck, blow }: CrowdCase, calls: readonly string[]): string {
  const what = blow
    ? `${blow.fault} at call ${blow.call} (${calls[blow.call - 1] ?? 'none'})${blow.dies ? ', and it dies' : ''}`
    : 'nothing';
  return `crowd, ${errand.name}, number ${struck} of ${CROWD}: ${what}`;
}

function heard(answer: Answer<unknown>, mayFail: boolean, problems: string[]): Known {
  if (answer.kind === 'ok') return 'done';
  if (answer.kind === 'lost') return 'unknown';
  const { error } = answer;
  const isUnsure = error instanceof HoldfastError && UNSURE.has(error.code);
  if (!mayFail || !isUnsure)
    problems.push(`A caller heard ${error instanceof Error ? error.stack : String(error)}`);
  return isUnsure && !error.maybeCommitted ? 'not done' : 'unknown';
}

function longestGap(moments: readonly number[]): number {
  return moments.reduce((most, ms, i) => (i === 0 ? most : Math.max(most, ms - moments[i - 1]!)), 0);
}
