/** A thread that runs the seeds it is given, one at a time. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from './run-seed.js';
import type { Role } from './world/shape.js';

export interface SeedWork {
  readonly seed: number;
  readonly except: readonly string[];
  readonly only: readonly Role[];
  readonly contended?: boolean | undefined;
}

parentPort!.on('message', async ({ seed, except, only, contended }: SeedWork) => {
  parentPort!.postMessage(await runSeed(seed, { except, only, contended }));
});
