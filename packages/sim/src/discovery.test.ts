/** Who is fast and alone in its own eyes looks now and then whether somebody slow has announced anything. */
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { type EngineSettings, Worker } from './world/fleet.js';
import { Machine, soundClock } from './world/machine.js';
import { networkTo } from './world/network.js';
import { storeIn } from './world/sim-store.js';
import { World } from './world/world.js';

const SETTINGS: EngineSettings = {
  seed: 1,
  sealed: false,
  probe: 'skip',
  maintenance: 'manual',
  commitTimeoutMs: 60_000,
  graceMs: 86_400_000,
  cacheBytes: 0,
};
const [FAST_MS, SLOW_MS] = [10, 200];
const LATENCIES = { read: { p50: 100, p99: 100 }, write: { p50: 100, p99: 100 } };
const PATIENCE_MS = 60_000;
/** The fast one commits so many at most. */
const COMMITS_MAX = 1_000;

test('a slow writer beside a fast one that never pauses commits within twenty of its round trips', async () => {
  const world = new World();
  const store = storeIn(world, { server: new MemoryStore('discovery') });
  const [fast, slow] = [FAST_MS, SLOW_MS].map((ms, i) => {
    const machine = new Machine(world, `m${i + 1}`, soundClock);
    return new Worker(world, store, machine, SETTINGS, defaultProvider(), {
      network: networkTo(LATENCIES, ms / 100),
    });
  });
  const commit = (worker: Worker, key: string, value: number) =>
    worker.call((db) => db.set([key], value), PATIENCE_MS);
  for (const worker of [fast!, slow!]) await world.until(commit(worker, 'first', 0), PATIENCE_MS);

  let ended = false;
  let commits = 0;
  const running = (async () => {
    for (; commits < COMMITS_MAX && !ended; commits++) await commit(fast!, 'fast', commits);
  })();
  const sinceMs = world.nowMs;
  expect((await world.until(commit(slow!, 'slow', 1), PATIENCE_MS)).kind).toBe('ok');
  const trips = (world.nowMs - sinceMs) / SLOW_MS;
  ended = true;
  await world.until(running, PATIENCE_MS);
  expect(trips).toBeLessThanOrEqual(20);
  expect(commits).toBeLessThan(COMMITS_MAX);
});
