/** Runs a plan in worker threads, and ends those that hang. */
import { Worker } from 'node:worker_threads';
import { addTally, count, newTally, type Tally } from './campaign.js';
import { indexOf, makeCampaign, type Plan } from './plan.js';
import type { WorkerReport, WorkerTask } from './worker.js';

/** A mutation that takes this long by the clock on the wall is stuck in a loop: its own clock can't tell. */
const STUCK_MS = 120_000;

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Told about once a second. */
  readonly onProgress: (tally: Tally) => void;
}

export async function runPlan(plan: Plan, { signal, onProgress }: RunOptions): Promise<Tally> {
  const sum = newTally();
  const where = new Int32Array(new SharedArrayBuffer(4 * (1 + 2 * plan.jobs)));
  signal.addEventListener('abort', () => Atomics.store(where, 0, 1), { once: true });
  await Promise.all(
    Array.from({ length: plan.jobs }, async (_, worker) => {
      let next: { target: number; from: number } | undefined = { target: 0, from: 0 };
      while (next) {
        const stuck = await runWorker({ plan, worker, where, ...next }, (tally) => {
          addTally(sum, tally);
          onProgress(sum);
        });
        next = stuck && { target: stuck.target, from: stuck.k + 1 };
        if (stuck) await countStuck(sum, plan, stuck);
      }
    }),
  );
  return sum;
}

interface Stuck {
  readonly target: number;
  readonly k: number;
}

/** Resolves to where it hung, if it did. */
function runWorker(task: WorkerTask, onTally: (tally: Tally) => void): Promise<Stuck | undefined> {
  return new Promise((resolve, reject) => {
    const { where, worker } = task;
    const thread = new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
    const at = (): Stuck => ({ target: where[1 + 2 * worker]!, k: where[2 + 2 * worker]! });
    let seen = { ...at(), sinceMs: Date.now() };
    let isAtWork = false;
    const watching = setInterval(() => {
      const now = at();
      if (!isAtWork || now.k < 0 || now.k !== seen.k || now.target !== seen.target)
        seen = { ...now, sinceMs: Date.now() };
      if (Date.now() - seen.sinceMs < STUCK_MS) return;
      clearInterval(watching);
      thread.terminate().then(() => resolve(now), reject);
    }, 1000);
    thread.on('message', (report: WorkerReport) => {
      if (report.type === 'tally') onTally(report.tally);
      // Between two targets it makes the next reference, which takes its time.
      isAtWork = report.type === 'ready' || (isAtWork && report.type === 'tally');
      if (report.type !== 'end') return;
      clearInterval(watching);
      resolve(undefined);
    });
    thread.on('error', (error) => {
      clearInterval(watching);
      reject(error);
    });
  });
}

async function countStuck(sum: Tally, plan: Plan, { target, k }: Stuck): Promise<void> {
  const campaign = await makeCampaign(plan.targets[target]!, plan);
  const mutation = campaign.at(indexOf(plan, campaign.count, k)) as { kind?: string };
  const reason = `the thread hung: nothing came of it in ${STUCK_MS} ms`;
  const outcome = {
    kind: mutation.kind ?? 'structure',
    verdict: 'silent',
    codes: [],
    full: false,
    reason,
  } as const;
  count(sum, outcome, () => campaign.command(mutation));
}
