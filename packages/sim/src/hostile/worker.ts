/** One thread's share of a run. It tells its counts about once a second, and always where it is. */
import { parentPort, workerData } from 'node:worker_threads';
import { count, newTally, type Tally } from './campaign.js';
import { indexOf, kindName, makeCampaign, type Plan, shareOf } from './plan.js';

export interface WorkerTask {
  readonly plan: Plan;
  readonly worker: number;
  /** Where to go on: after a mutation that hung. */
  readonly target: number;
  readonly from: number;
  /** Shared: 1 to stop, then for each worker the target and the mutation it is at. */
  readonly where: Int32Array;
}

export type WorkerReport =
  | { readonly type: 'tally'; readonly tally: Tally }
  | { readonly type: 'ready' | 'end' };

const TELL_EVERY_MS = 1000;

async function main(): Promise<void> {
  const { plan, worker, target: firstTarget, from, where } = workerData as WorkerTask;
  const tell = (report: WorkerReport): void => parentPort!.postMessage(report);
  let tally = newTally();
  let toldAt = Date.now();
  const flush = (): void => {
    tell({ type: 'tally', tally });
    tally = newTally();
    toldAt = Date.now();
  };
  for (let t = firstTarget; t < plan.targets.length; t++) {
    const campaign = await makeCampaign(plan.targets[t]!, plan);
    tell({ type: 'ready' });
    for (const k of shareOf(plan, campaign.count, worker, t === firstTarget ? from : 0)) {
      if (Atomics.load(where, 0) === 1) break;
      const index = indexOf(plan, campaign.count, k);
      const mutation = campaign.at(index) as { kind?: string; object: string };
      if (plan.only !== undefined && kindName(mutation.kind ?? 'structure') !== plan.only) continue;
      if (plan.object !== undefined && mutation.object !== plan.object) continue;
      Atomics.store(where, 1 + 2 * worker, t);
      Atomics.store(where, 2 + 2 * worker, k);
      count(tally, await campaign.run(mutation, index), () => campaign.command(mutation));
      if (Date.now() - toldAt > TELL_EVERY_MS) flush();
    }
    Atomics.store(where, 2 + 2 * worker, -1);
  }
  flush();
  tell({ type: 'end' });
}

if (parentPort) await main();
