/** A thread that runs the seeds it is given, one at a time. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from './run-seed.js';

parentPort!.on('message', async (seed: number) => {
  parentPort!.postMessage(await runSeed(seed));
});
