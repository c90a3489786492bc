/**
 * A campaign: processes that increment counters in one database, and are killed while they do.
 *
 * Kills come at random moments of the work, not of the clock, so that a fast store is hit as often as a slow one.
 * A seed says which worker, after how many calls; what it was doing just then is up to the machine.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '@holdfast/object-store/testing';
import type { Style } from './calls.mjs';
import { type Call, nowMs, readJournal } from './journal.mjs';
import { type Found, judge } from './judge.js';

export interface Campaign {
  readonly location: string;
  /** Credentials for the location, as the platform's environment has them. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder for the journals. */
  readonly folder: string;
  readonly style: Style;
  readonly requestIds: boolean;
  readonly workers: number;
  /** Of each worker. */
  readonly calls: number;
  /** How many workers are sent SIGKILL. Each is started again. */
  readonly kills: number;
  /** How many are sent SIGSTOP, and SIGCONT `stopMs` later. */
  readonly stops?: number;
  readonly stopMs?: number;
  readonly timeoutMs: number;
  readonly seed?: number;
}

export interface CampaignReport {
  readonly seed: number;
  /** None: the campaign passed. */
  readonly problems: readonly string[];
  readonly kills: number;
  readonly stops: number;
  readonly acknowledged: number;
  readonly unknown: number;
  /** What the workers were told and went on after, by code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly commitsPerSecond: number;
  readonly conflicts: number;
  readonly rebases: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly seconds: number;
  readonly inspectSeconds: number;
  readonly found: Found;
}

/** What a worker tells after each call: its process's counts so far, or a failure that it goes on after. */
type Message = { conflicts: number; rebases: number } | { failure: string };

interface Worker {
  readonly number: number;
  process: ChildProcess;
  /** Its counts since it was last started. */
  counts: { conflicts: number; rebases: number };
  ended: boolean;
}

const KILL_DELAY_MS_MAX = 30;
const STOP_MS = 2_000;

export async function runCampaign(campaign: Campaign): Promise<CampaignReport> {
  const { folder, style, requestIds, workers: count, calls, kills, stops = 0, stopMs = STOP_MS } = campaign;
  const seed = campaign.seed ?? Number(process.env.HOLDFAST_CAMPAIGN_SEED ?? randomInt(2 ** 31));
  console.log(`HOLDFAST_CAMPAIGN_SEED=${seed}`);
  const draw = drawFrom(seed);
  const key = randomBytes(32).toString('hex');
  const journalOf = (worker: number): string => join(folder, `worker-${worker}.jsonl`);
  const startedMs = nowMs();
  const totals = { conflicts: 0, rebases: 0, kills: 0, stops: 0, done: 0 };
  const failures: Record<string, number> = {};
  const errors: string[] = [];
  const workers: Worker[] = [];
  const resuming: Promise<void>[] = [];
  // In the first nine tenths of the work, while most workers are still at it.
  const points = (n: number): number[] =>
    Array.from({ length: n }, () => draw(Math.ceil(count * calls * 0.9)));
  const strikes = [
    ...points(kills).map((at) => ({ at, kill: true })),
    ...points(stops).map((at) => ({ at, kill: false })),
  ].sort((a, b) => a.at - b.at);

  await new Promise<void>((resolve) => {
    const deadline = setTimeout(() => {
      errors.push(
        `The campaign was not over after ${campaign.timeoutMs} ms: ${totals.done} calls were made.`,
      );
      endAll();
    }, campaign.timeoutMs);
    const endAll = (): void => {
      for (const worker of workers) worker.process.kill('SIGKILL');
    };

    const start = (worker: Worker): void => {
      const plan = { ...campaign, seed, key, worker: worker.number, journal: journalOf(worker.number) };
      const child = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), [JSON.stringify(plan)], {
        execArgv: [],
        env: { ...process.env, ...campaign.env },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      worker.process = child;
      worker.counts = { conflicts: 0, rebases: 0 };
      const stderr = gather(child.stderr!);
      child.on('message', (message: Message) => {
        if ('failure' in message) {
          const code = message.failure.split(':')[0]!;
          failures[code] = (failures[code] ?? 0) + 1;
          return;
        }
        worker.counts = message;
        totals.done++;
        strike();
      });
      child.on('close', (code, signal) => {
        totals.conflicts += worker.counts.conflicts;
        totals.rebases += worker.counts.rebases;
        if (errors.length === 0 && signal === 'SIGKILL') return start(worker);
        worker.ended = true;
        if (errors.length === 0 && code !== 0) {
          errors.push(`Worker ${worker.number} ended with ${signal ?? code}: ${stderr()}`);
          endAll();
        }
        if (!workers.every((each) => each.ended)) return;
        clearTimeout(deadline);
        resolve();
      });
    };

    const strike = (): void => {
      while (strikes[0] && strikes[0].at <= totals.done) {
        const { kill } = strikes.shift()!;
        const chosen = draw(count);
        const delayMs = draw(KILL_DELAY_MS_MAX);
        setTimeout(() => {
          // The next one that is alive, if the chosen one is through.
          const victim = workers
            .map((_, i) => workers[(chosen + i) % count]!)
            .find((worker) => !worker.ended && worker.process.signalCode === null);
          if (!victim || errors.length > 0) return;
          const { process: child } = victim;
          if (kill) {
            if (child.kill('SIGKILL')) totals.kills++;
            return;
          }
          if (!child.kill('SIGSTOP')) return;
          totals.stops++;
          resuming.push(sleep(stopMs).then(() => void child.kill('SIGCONT')));
        }, delayMs);
      }
    };

    for (let number = 0; number < count; number++)
      workers.push({ number, ended: false, counts: { conflicts: 0, rebases: 0 } } as Worker);
    for (const worker of workers) start(worker);
  });
  await Promise.all(resuming);
  const endedMs = nowMs();
  if (errors.length > 0) throw new Error(`Seed ${seed}. ${errors.join('\n')}`);

  const journals = workers.map((worker) => readJournal(journalOf(worker.number)));
  const found = await inspect(campaign, key);
  const all = journals.flat();
  const latencies = all.flatMap((call: Call) => call.latencyMs ?? []).sort((a, b) => a - b);
  const quantile = (q: number): number =>
    Math.round((latencies[Math.floor(latencies.length * q)] ?? 0) * 10) / 10;
  const acknowledged = all.filter((call) => call.state === 'done').length;
  const seconds = Math.round(endedMs - startedMs) / 1000;
  return {
    seed,
    problems: judge({ seed, style, requestIds, calls }, journals, found),
    kills: totals.kills,
    stops: totals.stops,
    acknowledged,
    unknown: all.length - acknowledged,
    failures,
    commitsPerSecond: Math.round(acknowledged / seconds),
    conflicts: totals.conflicts,
    rebases: totals.rebases,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    seconds,
    inspectSeconds: Math.round(nowMs() - endedMs) / 1000,
    found,
  };
}

/** Looks at the state in a process that has seen nothing of it before. */
async function inspect({ location, env }: Campaign, key: string): Promise<Found> {
  const script = fileURLToPath(new URL('inspect.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify({ location, key })], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout = gather(child.stdout);
  const stderr = gather(child.stderr);
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`What the campaign left can't be read: ${stderr()}`);
  return JSON.parse(stdout()) as Found;
}

function gather(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** @returns a function that draws from 0 to below its argument. */
function drawFrom(seed: number): (below: number) => number {
  const random = seededRandom(seed);
  return (below) => Buffer.from(random(6)).readUIntBE(0, 6) % below;
}
