/** One answer that never comes holds up nobody but the one who waits for it. */
import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { type Answer, type EngineSettings, Worker } from './world/fleet.js';
import type { CallFates } from './world/incidents.js';
import { Machine, soundClock } from './world/machine.js';
import { Random } from './world/random.js';
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
const PATIENCE_MS = 600_000;
/** Long enough for a request that is given up on and sent again; far less than its deadline. */
const SOON_MS = 5_000;

/** Of calls that begin so, the next ones are never answered. */
class Stuck implements CallFates {
  readonly over: boolean = false;
  left = 0;
  readonly #begin: string;

  constructor(begin: string) {
    this.#begin = begin;
  }

  ofCall(what: string): ReturnType<CallFates['ofCall']> {
    const random = new Random(1, what);
    if (this.left === 0 || !what.startsWith(this.#begin)) return { fault: undefined, random };
    this.left--;
    return { fault: 'stuck', random };
  }
}

function worldWith(incidents: CallFates): { world: World; worker: Worker } {
  const world = new World();
  const store = storeIn(world, { server: new MemoryStore('stuck'), incidents });
  return {
    world,
    worker: new Worker(world, store, new Machine(world, 'm1', soundClock), SETTINGS, defaultProvider()),
  };
}

async function timed<T>(
  world: World,
  calling: Promise<Answer<T>>,
): Promise<{ answer: Answer<T>; ms: number }> {
  const startedMs = world.nowMs;
  const answer = await world.until(calling, PATIENCE_MS);
  return { answer, ms: world.nowMs - startedMs };
}

test.each([1, 2])('%i stuck probes of the tip hold up none of the strong reads that go on', async (count) => {
  const stuck = new Stuck('m1 get log/');
  const { world, worker } = worldWith(stuck);
  await world.until(
    worker.call((db) => db.set('a', 1), PATIENCE_MS),
    PATIENCE_MS,
  );
  stuck.left = count;
  const answeredMs: number[] = [];
  const reads: Promise<Answer<unknown>>[] = [];
  for (let i = 0; i < 10; i++) {
    const startedMs = world.nowMs;
    const read = worker.call((db) => db.get('a'), PATIENCE_MS);
    read.then(() => answeredMs.push(world.nowMs - startedMs));
    reads.push(read);
    await world.settle(500);
  }
  const answers = await world.until(Promise.all(reads), PATIENCE_MS);
  // What one of the later probes finds serves those whose own is stuck, too.
  expect(answers).toEqual(reads.map(() => ({ kind: 'ok', value: 1 })));
  expect(Math.max(...answeredMs)).toBeLessThan(SOON_MS);
});

test('a signal ends a read that is stuck, and the next read is answered', async () => {
  const stuck = new Stuck('m1 get log/');
  const { world, worker } = worldWith(stuck);
  await world.until(
    worker.call((db) => db.set('a', 1), PATIENCE_MS),
    PATIENCE_MS,
  );
  stuck.left = 1;
  const stop = new AbortController();
  world.after(100, () => stop.abort(new Error('enough')));
  const read = await timed(
    world,
    worker.call((db) => db.get('a', { signal: stop.signal }), PATIENCE_MS),
  );
  expect(read.answer).toMatchObject({ kind: 'error', error: { message: 'enough' } });
  expect(read.ms).toBeLessThan(200);
  const next = await timed(
    world,
    worker.call((db) => db.get('a'), PATIENCE_MS),
  );
  expect(next.answer).toMatchObject({ value: 1 });
  expect(next.ms).toBeLessThan(SOON_MS);
});

test.each([200, 2_000])(
  'commitTimeoutMs %i bounds a commit whose store never answers',
  async (commitTimeoutMs) => {
    const stuck: CallFates = {
      over: false,
      ofCall: (what) => ({
        fault: what.includes(' put log/') && armed ? 'lost-request' : undefined,
        random: new Random(1, what),
      }),
    };
    let armed = false;
    const { world } = worldWith(stuck);
    const store = storeIn(world, { server: new MemoryStore('bounded'), incidents: stuck });
    const machine = new Machine(world, 'm1', soundClock);
    const worker = new Worker(world, store, machine, { ...SETTINGS, commitTimeoutMs }, defaultProvider());
    await world.until(
      worker.call((db) => db.set('a', 1), PATIENCE_MS),
      PATIENCE_MS,
    );
    armed = true;
    const { answer, ms } = await timed(
      world,
      worker.call((db) => db.set('a', 2), PATIENCE_MS),
    );
    expect(answer).toMatchObject({ kind: 'error', error: { maybeCommitted: true } });
    // And the last request, which could decide it, is given as long again.
    expect(ms).toBeLessThan(3 * commitTimeoutMs + 100);
  },
);
