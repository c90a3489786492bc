/** Many seeds on several threads. Which thread runs a seed makes no difference to it. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SeedReport } from './run-seed.js';
import type { SeedWork } from './seed-thread.js';
import type { Role } from './world/shape.js';

export interface ManyOptions {
  readonly from: number;
  readonly seeds: number;
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What no world has: see `reduced`. */
  readonly except?: readonly string[] | undefined;
  /** What clients do in all of them; default: what each seed says. */
  readonly only?: readonly Role[] | undefined;
  /** Whether all of them have many writers; default: what each seed says. */
  readonly contended?: boolean | undefined;
  /** Called for each seed, in no order. True ends the run. */
  readonly onReport: (report: SeedReport) => boolean | undefined;
}

export async function runMany({
  from,
  seeds,
  jobs,
  signal,
  except = [],
  only = [],
  contended,
  onReport,
}: ManyOptions): Promise<void> {
  let next = from;
  let stopped = false;
  const threads = Math.min(jobs ?? availableParallelism(), seeds);
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const thread = new Worker(new URL('./seed-thread.js', import.meta.url));
      try {
        while (next < from + seeds && !stopped && !signal?.aborted) {
          const report = await ask(thread, { seed: next++, except, only, contended }, signal);
          if (report === undefined) return;
          if (onReport(report)) stopped = true;
        }
      } finally {
        await thread.terminate();
      }
    }),
  );
}

/** Undefined: the run was ended. */
function ask(
  thread: Worker,
  work: SeedWork,
  signal: AbortSignal | undefined,
): Promise<SeedReport | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal?.addEventListener('abort', stop, { once: true });
    thread.once('error', reject);
    thread.once('message', (report: SeedReport) => {
      signal?.removeEventListener('abort', stop);
      thread.removeListener('error', reject);
      resolve(report);
    });
    thread.postMessage(work);
  });
}
