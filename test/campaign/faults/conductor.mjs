/**
 * The campaign on one server: processes that work on one database through the proxy, are killed and stopped and
 * started again, while the store itself is killed; then the proxy heals, the rest is settled, and all is judged.
 *
 * A seed decides what is drawn, not what happens: what a process was doing when it was struck is up to the machine.
 */
import { execFile, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open } from 'holdfast';
import { nowMs } from '../journal.mjs';
import { readDiary } from './diary.mjs';
import { drawing } from './draw.mjs';
import { fairnessOf } from './fairness.mjs';
import { usualNetwork, usualRates } from './fates.mjs';
import { accounts, balanceAtFirst } from './intents.mjs';
import { judge } from './judge.mjs';
import { storeAt } from './places.mjs';

/**
 * @typedef {object} Campaign
 * @property {import('./places.mjs').Place} place the store itself
 * @property {string} folder for diaries and reports
 * @property {number} seed
 * @property {number} transactions how many writes are to be acknowledged
 * @property {number} [workers] long-lived processes
 * @property {number} [clients] in each
 * @property {number[]} [commitTimeoutsMs] drawn for each process
 * @property {number} [killEveryMs] mean times between two of their kind; 0: none
 * @property {number} [pauseEveryMs]
 * @property {number} [pauseMs] longer than every timeout
 * @property {number} [onceEveryMs] between the ends and the starts of processes that run one transaction
 * @property {number} [storeRestarts] how often the store is killed and started again
 * @property {number} [deadlineMs] for the work, without the settling
 * @property {import('./fates.mjs').Rates} [rates]
 * @property {import('./fates.mjs').Network} [network]
 * @property {(text: string) => void} [say]
 */

export const usual = {
  workers: 8,
  clients: 16,
  killEveryMs: 4_000,
  pauseEveryMs: 12_000,
  pauseMs: 8_000,
  onceEveryMs: 1_500,
  storeRestarts: 1,
  deadlineMs: 1_800_000,
  rates: usualRates,
  network: usualNetwork,
  requestTimeoutMs: 2_500,
  // Drawn for each process. The short one is over with the first PUT that is not answered: then comes the fence.
  commitTimeoutsMs: [500, 5_000],
  // Half of it is shorter than a pause: who wakes up may not trust that an empty slot is the next one.
  graceMs: 12_000,
};

const scriptOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const STOP_MS_MAX = 120_000;
/** The share of PUTs that are held while one process works alone. */
const ZOMBIES_OF_THE_LONELY = 0.3;

/** @param {Campaign} campaign */
export async function runFaults(campaign) {
  const options = { ...usual, ...campaign };
  const { place, folder, seed, say = () => {} } = options;
  mkdirSync(folder, { recursive: true });
  const draw = drawing(seed);
  const key = randomBytes(32).toString('hex');
  const startedMs = nowMs();
  /** @type {string[]} */
  const problems = [];
  const counts = { kills: 0, pauses: 0, lonely: 0, shortLived: 0, processes: 0 };
  const totals = {
    ...{ commits: 0, conflicts: 0, rebases: 0, reruns: 0, flushes: 0, relocations: 0 },
    ...{ unavailable: 0, fenced: 0, outcomeUnknown: 0 },
  };
  /** @type {{ killedMs: number, answeringMs: number }[]} */
  const restarts = [];
  /** @type {Record<string, number>} */
  const generations = {};
  /** @type {string[]} */
  const diaries = [];
  /** @type {import('./fairness.mjs').Life[]} */
  const lives = [];
  const live = new Set();
  const ended = { writes: 0, reads: 0 };
  let over = false;
  let pausesBegun = 0;

  // One that is stopped would not notice that we are gone.
  const leaveNobody = () => {
    for (const { child } of live) child.kill('SIGKILL');
  };
  process.once('exit', leaveNobody);

  await prepare(place, key, options.graceMs);
  const proxy = await startProxy(options);
  const through = { ...place, endpoint: `http://127.0.0.1:${proxy.port}` };

  /** Starts a process; `number` is the worker that it stands for. */
  const launch = (role, number, clients, transactions, inherits) => {
    const incarnation = ++counts.processes;
    const diary = join(folder, `${String(incarnation).padStart(5, '0')}-${role}-${number}.jsonl`);
    diaries.push(diary);
    const { requestTimeoutMs, commitTimeoutsMs } = options;
    const commitTimeoutMs = draw.of(commitTimeoutsMs);
    const plan = {
      ...{ place: through, key, incarnation, diary, clients, transactions, inherits, generations },
      ...{ requestTimeoutMs, commitTimeoutMs, seed: draw.below(2 ** 31) },
    };
    const child = fork(scriptOf('worker.mjs'), [JSON.stringify(plan)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.on('error', () => {});
    const stderr = gather(child.stderr);
    const closed = new Promise((resolve) => child.on('close', resolve));
    /** @type {import('./fairness.mjs').Life} */
    const life = { diary, role, commitTimeoutMs, untilMs: Number.POSITIVE_INFINITY, absences: [] };
    lives.push(life);
    const it = {
      role,
      number,
      child,
      closed,
      paused: false,
      life,
      told: { writes: 0, reads: 0 },
      stats: undefined,
    };
    live.add(it);
    child.on('message', (message) => {
      it.told = message.acknowledged;
      it.stats = message.stats;
      for (const [list, generation] of Object.entries(message.generations))
        if (generation > (generations[list] ?? 0)) generations[list] = generation;
    });
    child.on('close', (code, signal) => {
      live.delete(it);
      life.untilMs = nowMs();
      for (const kind of ['writes', 'reads']) ended[kind] += it.told[kind];
      for (const name of Object.keys(totals)) totals[name] += it.stats?.[name] ?? 0;
      const refused = code === 3 ? readDiary(diary).findLast((line) => line.refused)?.refused : undefined;
      if (signal !== 'SIGKILL' && code !== 0) {
        problems.push(`${diary} ended with ${signal ?? code}: ${refused ?? stderr()}`);
        over = true;
      }
      if (role === 'long' && signal === 'SIGKILL' && !over) launchLong(number);
    });
    return it;
  };
  /** The worker's earlier lives, and those who stood in for it. */
  const livesOf = (number) => diaries.filter((path) => path.endsWith(`-${number}.jsonl`));
  const launchLong = (number) =>
    launch('long', number, options.clients, Number.MAX_SAFE_INTEGER, livesOf(number));

  const acknowledged = () => {
    const sum = { ...ended };
    for (const { told } of live) for (const kind of ['writes', 'reads']) sum[kind] += told[kind];
    return sum;
  };

  /** Calls `act` again and again, after times that average `everyMs`, until the work is over. */
  const repeatedly = async (everyMs, act) => {
    while (everyMs > 0 && !over) {
      const until = nowMs() + draw.exponential(everyMs);
      while (!over && nowMs() < until) await sleep(Math.min(200, Math.max(1, until - nowMs())));
      if (!over) await act();
    }
  };
  const longOnes = () => [...live].filter(({ role, paused }) => role === 'long' && !paused);
  /** Half of the blows come at any moment, half while a record or an intent is on its way. */
  const strike = async (victim, signal) => {
    if (draw.fraction() < 0.5 && victim.child.connected) {
      tell(victim.child, { do: 'arm', signal, untilMs: nowMs() + 1_200 });
      // It may have nothing to send.
      await Promise.race([victim.closed, sleep(1_500)]);
    }
    if (victim.child.exitCode === null) victim.child.kill(signal);
  };
  const kill = async () => {
    const victims = longOnes();
    if (victims.length === 0) return;
    counts.kills++;
    await strike(draw.of(victims), 'SIGKILL');
  };
  const pause = async () => {
    const victim = draw.of(longOnes());
    if (!victim) return;
    if (++pausesBegun % 3 !== 2) return stopAWhile(victim, true);
    // Now all but one. Who is alone has nobody to take the slot of its lost record, and has to fence it.
    proxy.send({ do: 'rates', rates: { ...options.rates, zombie: ZOMBIES_OF_THE_LONELY } });
    counts.lonely++;
    const others = longOnes().filter((it) => it !== victim);
    await Promise.all(others.map((it) => stopAWhile(it, false)));
    proxy.send({ do: 'rates', rates: options.rates });
  };
  const stopAWhile = async (victim, replaced) => {
    victim.paused = true;
    counts.pauses++;
    /** @type {[number, number]} */
    const absence = [nowMs(), Number.POSITIVE_INFINITY];
    victim.life.absences.push(absence);
    await strike(victim, 'SIGSTOP');
    const untilMs = nowMs() + options.pauseMs;
    await sleep(500);
    // Somebody stands in for it: each request that it has under way is now sent by two processes.
    if (replaced) launch('heir', victim.number, 0, 0, livesOf(victim.number));
    while (nowMs() < untilMs) await sleep(100);
    victim.paused = false;
    victim.child.kill('SIGCONT');
    absence[1] = nowMs();
  };
  const runOnce = async () => {
    counts.shortLived++;
    const { child, closed } = launch('once', 'once', 1, 1, livesOf('once'));
    if (draw.fraction() < 0.2) {
      await Promise.race([closed, sleep(draw.between(300, 1_500))]);
      if (child.kill('SIGKILL')) counts.kills++;
    }
    await closed;
  };

  for (let number = 0; number < options.workers; number++) launchLong(String(number));
  const striking = Promise.all([
    repeatedly(options.killEveryMs, kill),
    repeatedly(options.pauseEveryMs, pause),
    repeatedly(options.onceEveryMs, runOnce),
  ]);
  for (let n = 0; !over; n++) {
    await sleep(250);
    const { writes, reads } = acknowledged();
    const seconds = (nowMs() - startedMs) / 1000;
    if (n % 40 === 39)
      say(`${place.kind}: ${Math.round(seconds)} s, ${writes} writes and ${reads} reads acknowledged`);
    // A fast machine is through before anything has happened to it.
    const struck =
      (options.killEveryMs === 0 || counts.kills > 0) && (options.pauseEveryMs === 0 || counts.lonely > 0);
    if (writes >= options.transactions && struck) over = true;
    else if (seconds * 1000 > options.deadlineMs) {
      problems.push(`Only ${writes} of ${options.transactions} writes in ${options.deadlineMs} ms.`);
      over = true;
    } else if (
      restarts.length < options.storeRestarts &&
      writes >= (options.transactions * (restarts.length + 1)) / (options.storeRestarts + 1)
    ) {
      restarts.push(await restartStore(place));
    }
  }
  await striking;
  const workedMs = nowMs() - startedMs;

  say(`${place.kind}: healed; the workers settle what is open`);
  proxy.send({ do: 'heal' });
  const tooLate = nowMs() + STOP_MS_MAX;
  while (live.size > 0) {
    for (const { child } of live) tell(child, { do: 'stop' });
    await sleep(200);
    if (nowMs() < tooLate) continue;
    problems.push(`${live.size} processes have not settled within ${STOP_MS_MAX} ms.`);
    for (const { child } of live) child.kill('SIGKILL');
    while (live.size > 0) await sleep(50);
  }
  const proxied = await proxy.release();
  process.off('exit', leaveNobody);

  say(`${place.kind}: a fresh process looks at it`);
  const found = join(folder, 'found.json');
  const looked = await inspect({ place, key, diaries, found });
  if (looked) problems.push(looked);
  const verdict = looked ? undefined : judge(diaries, JSON.parse(readFileSync(found, 'utf8')), restarts);
  const report = {
    ...{ server: place.kind, seed, seconds: workedMs / 1000, wholeSeconds: (nowMs() - startedMs) / 1000 },
    ...{ counts, totals, proxy: proxied, ...verdict, fairness: fairnessOf(lives, restarts) },
    problems: [...problems, ...(verdict?.problems ?? [])],
  };
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report, null, 1));
  return report;
}

/** Makes the database, past the proxy: which has a probe of its own to answer to when it is first written through. */
async function prepare(place, key, graceMs) {
  const db = await open(storeAt(place), { key: Buffer.from(key, 'hex'), graceMs });
  await db.transact((tx) => {
    for (let account = 0; account < accounts; account++) tx.set(['account', account], balanceAtFirst);
  });
  await db.close();
}

async function startProxy({ place, seed, rates, network }) {
  const plan = { target: place.endpoint, seed, rates, network };
  const child = fork(scriptOf('proxy.mjs'), [JSON.stringify(plan)], { execArgv: [] });
  const { port } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('close', (code) => reject(new Error(`The proxy ended with ${code}.`)));
  });
  return {
    port,
    send: (message) => child.send(message),
    /** Sends all that it holds to the store, and ends. Resolves to what it counted. */
    release: async () => {
      const counted = new Promise((resolve) =>
        child.on('message', ({ counts, released }) => released && resolve(counts)),
      );
      child.send({ do: 'release' });
      const counts = await counted;
      child.disconnect();
      return counts;
    },
  };
}

/** Kills the store and starts it again. When it fell silent and when it took a PUT again, by the diaries' clock. */
async function restartStore(place) {
  const tool = fileURLToPath(new URL('../../../tools/servers/servers.mjs', import.meta.url));
  const askedMs = nowMs();
  /** @type {number | undefined} */
  let silentMs;
  const restarted = new Promise((resolve, reject) => {
    execFile(process.execPath, [tool, 'restart', place.kind, '--kill9'], (error, _, stderr) =>
      error ? reject(new Error(`${place.kind} could not be restarted: ${stderr}`)) : resolve(undefined),
    );
  });
  restarted.catch(() => {});
  const store = storeAt({ ...place, prefix: `${place.prefix}-answers` }, 1_000);
  for (;;) {
    try {
      await store.put('answers', new Uint8Array(1));
      if (silentMs !== undefined) break;
    } catch {
      silentMs ??= nowMs();
    }
    if (nowMs() - askedMs > 240_000) break;
    await sleep(20);
  }
  const answeringMs = nowMs();
  await store.delete(['answers']).catch(() => {});
  await store.close();
  await restarted;
  return { killedMs: silentMs ?? askedMs, answeringMs };
}

/** It may end just now: then there is nobody to tell. */
function tell(child, message) {
  if (child.connected) child.send(message, () => {});
}

/** @returns what went wrong */
async function inspect(plan) {
  const child = fork(scriptOf('inspect.mjs'), [JSON.stringify(plan)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stderr = gather(child.stderr);
  const code = await new Promise((resolve) => child.on('close', resolve));
  return code === 0 ? undefined : `What the campaign left can't be read: ${stderr()}`;
}

/** @param {import('node:stream').Readable | null} stream */
function gather(stream) {
  /** @type {Buffer[]} */
  const chunks = [];
  stream?.on('data', (chunk) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
