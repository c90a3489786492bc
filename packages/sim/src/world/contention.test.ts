import { defaultProvider } from '@holdfast/crypto';
import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { crowdOf } from '../workload/crowd.js';
import { isContended } from './contention.js';
import { type EngineSettings, Worker } from './fleet.js';
import { Machine, soundClock } from './machine.js';
import { networkTo } from './network.js';
import { Random } from './random.js';
import { scenarioOf } from './scenario.js';
import { storeIn } from './sim-store.js';
import { World } from './world.js';

const seeds = Array.from({ length: 400 }, (_, i) => i + 1);

test('one seed in seven or so has many writers, and the others are what they were', () => {
  const many = seeds.filter(isContended).length;
  expect(many).toBeGreaterThan(30);
  expect(many).toBeLessThan(90);
  for (const seed of seeds) {
    const { contention, ...few } = scenarioOf(seed);
    expect(contention).toBeUndefined();
    expect(scenarioOf(seed, true)).toMatchObject({ seed, keys: few.keys, sealed: few.sealed });
  }
});

test('worlds of many writers have 2 to 64 databases that are 5 to 300 ms away, some with both in one', () => {
  const worlds = seeds.map((seed) => scenarioOf(seed, true));
  const sizes = worlds.map(({ contention }) => contention!.roundTripsMs.length);
  expect(Math.min(...sizes)).toBe(2);
  expect(Math.max(...sizes)).toBe(64);
  expect(sizes.filter((size) => size <= 12).length).toBeGreaterThan(sizes.length / 2);
  for (const { contention } of worlds)
    for (const ms of contention!.roundTripsMs) expect(ms >= 5 && ms <= 300).toBe(true);
  expect(
    worlds.some(({ contention }) => {
      const { roundTripsMs } = contention!;
      return Math.max(...roundTripsMs) / Math.min(...roundTripsMs) > 30;
    }),
  ).toBe(true);
  expect(worlds.some(({ contention }) => contention!.clones)).toBe(true);
  expect(worlds.some(({ callFaults }) => Object.keys(callFaults).length === 0)).toBe(true);
});

test('in a mixed crowd some name their requests and some do not, and each writer has a database', () => {
  const scenario = seeds
    .map((seed) => scenarioOf(seed, true))
    .find((each) => each.requests === 'mixed' && each.clients > 20)!;
  const crowd = crowdOf(scenario);
  expect(new Set(crowd.map(({ requests }) => requests))).toEqual(new Set(['none', 'ids', 'sessions']));
  const writers = crowd.slice(0, scenario.clients - scenario.contention!.visitors);
  expect(new Set(writers.map(({ home }) => home)).size).toBe(scenario.machines);
});

test("a leg takes half of its store's latency, as often as the writer is further away", () => {
  const latencies = { read: { p50: 60, p99: 80 }, write: { p50: 100, p99: 200 } };
  const legs = (multiple: number, kind: 'get' | 'put'): number[] => {
    const random = new Random(1, 'legs');
    const network = networkTo(latencies, multiple);
    return Array.from({ length: 1_001 }, () => network.legMs(kind, random)).sort((a, b) => a - b);
  };
  expect(legs(1, 'put')[500]).toBeCloseTo(50, -1);
  expect(legs(3, 'put')[500]).toBeCloseTo(150, -1);
  expect(legs(1, 'get')[500]).toBeCloseTo(30, -1);
  expect(legs(1, 'put')[1_000]).toBeLessThan(150);
});

test('clones draw the same: databases that commit at once under one random source', async () => {
  const world = new World();
  const store = storeIn(world, { server: new MemoryStore('clones') });
  const settings: EngineSettings = {
    seed: 1,
    sealed: true,
    probe: 'skip',
    maintenance: 'manual',
    commitTimeoutMs: 60_000,
    graceMs: 86_400_000,
    cacheBytes: 0,
  };
  const workers = [1, 2].map((i) => {
    const machine = new Machine(world, `m${i}`, soundClock);
    return new Worker(world, store, machine, settings, defaultProvider(), { randomName: 'clones' });
  });
  const all = workers.flatMap((worker, i) =>
    Array.from({ length: 5 }, (_, n) => worker.call((db) => db.set(['of', i, n], n), 60_000)),
  );
  const answers = await world.until(Promise.all(all), 600_000);
  expect(answers.filter(({ kind }) => kind !== 'ok')).toEqual([]);
  const count = await world.until(
    workers[0]!.call((db) => db.count({ prefix: ['of'] }), 60_000),
    60_000,
  );
  expect(count).toEqual({ kind: 'ok', value: 10 });
});
