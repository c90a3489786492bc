/** A thread that runs the seeds it is given, one at a time. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from './run-seed.js';

export interface SeedWork {
  readonly seed: number;
  readonly except: readonly string[];
}

parentPort!.on('message', async ({ seed, except }: SeedWork) => {
  parentPort!.postMessage(await runSeed(seed, { except }));
});
