import { afterEach, expect, test, vi } from 'vitest';
import { type Cell, type Figures, measureCell } from './contention.js';
import { fixed, profileOf } from './latency.js';
import { markdownOf } from './table.js';
import { type Workload, workloads } from './workload.js';

const tiny = (workload: string, more: Partial<Cell> = {}): Cell => ({
  workload: workloads.find(({ name }) => name === workload)!,
  writers: 3,
  profile: profileOf('s3')!,
  seconds: 2,
  seed: 1,
  ...more,
});

afterEach(() => vi.restoreAllMocks());

test('the same seed gives the same figures, and another one others', async () => {
  const first = await measureCell(tiny('bank'));
  expect(await measureCell(tiny('bank'))).toEqual(first);
  expect(await measureCell(tiny('bank', { seed: 2 }))).not.toEqual(first);
});

test('no clock is asked but the virtual one, and no real timer is set', async () => {
  const asked: string[] = [];
  const watch = (name: string): (() => never) => {
    return () => {
      asked.push(name);
      throw new Error(`${name} was asked.`);
    };
  };
  vi.spyOn(Date, 'now').mockImplementation(watch('Date.now'));
  vi.spyOn(performance, 'now').mockImplementation(watch('performance.now'));
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(watch('setTimeout'));
  const figures = await measureCell(tiny('read-write-wait-5', { seconds: 1 }));
  vi.restoreAllMocks();
  expect(asked).toEqual([]);
  expect(figures.commits).toBeGreaterThan(0);
});

test('one writer alone commits once a round trip, whatever a round trip takes', async () => {
  for (const ms of [5, 50, 500]) {
    const figures = await measureCell(tiny('disjoint', { writers: 1, profile: fixed(ms), seconds: 5 }));
    expect(figures.perRoundTrip).toBeGreaterThan(0.85);
    expect(figures.perRoundTrip).toBeLessThanOrEqual(1);
    expect(figures.waits.p50).toBeCloseTo(1, 1);
    expect(figures.commits).toBe(figures.records);
  }
});

test.each(workloads.map(({ name }) => name))(
  '%s commits, and what was acknowledged is there',
  async (name) => {
    const figures = await measureCell(tiny(name));
    expect(figures.commits).toBeGreaterThan(5);
    expect(figures.failures).toEqual({});
    expect(figures.requestsPerCommit!.write).toBeGreaterThan(0);
    expect(figures.dollarsPerMillion).toBeGreaterThan(0);
  },
);

test('whoever has waited for all of the time is the longest wait, and the least of the writers', async () => {
  const stuck: Workload = {
    name: 'stuck',
    what: 'every writer but the first waits for ever',
    writers: 'databases',
    commit: ({ db, writer, turn }) => (writer === 0 ? db.set(['of', writer], turn) : new Promise(() => {})),
  };
  const { waits, roundTripMs, fairness } = await measureCell(tiny('add', { workload: stuck }));
  expect(fairness.least).toBe(0);
  expect(fairness.most).toBeGreaterThan(0);
  expect(waits.max * roundTripMs).toBeGreaterThan(2_000 - roundTripMs);
});

test('an acknowledgement of what is not there is no figure', async () => {
  const liar: Workload = {
    name: 'liar',
    what: 'acknowledged, and nothing of it is done',
    writers: 'databases',
    commit: ({ clock }) => clock.sleep(50),
    shown: async () => 0,
  };
  await expect(measureCell(tiny('add', { workload: liar }))).rejects.toThrow(/state shows 0/);
});

test('a mistake of a workload ends the measure', async () => {
  const wrong: Workload = {
    name: 'wrong',
    what: 'fails by itself',
    writers: 'databases',
    commit: () => Promise.reject(new TypeError('not the engine')),
  };
  await expect(measureCell(tiny('add', { workload: wrong }))).rejects.toThrow('not the engine');
});

test('requests over the limits of the prefix are answered 503, and cost their senders time', async () => {
  const limits = { writesPerSecond: 5, readsPerSecond: 5_500 };
  const limited = await measureCell(tiny('disjoint', { writers: 2, limits, seconds: 5 }));
  expect(limited.throttled).toBeGreaterThan(0);
  expect(limited.records).toBeLessThanOrEqual(5 * 5 + 5);
});

test('whoever is ten times as far away waits longer, and still gets its share', async () => {
  const uneven = (workload: string, writers: number): Promise<Figures> =>
    measureCell(tiny(workload, { writers, profile: profileOf('s3-10:1')!, seconds: 20 }));
  const disjoint = await uneven('disjoint', 8);
  expect(disjoint.waits.max).toBeGreaterThanOrEqual(10);
  expect(disjoint.fairness.ratio).toBeGreaterThanOrEqual(0.1);
  // Nobody can be faster than one of its own round trips; what all read and write keeps others waiting for that long.
  expect((await uneven('read-write', 4)).fairness.ratio).toBeGreaterThanOrEqual(0.1);
});

test('a table has a row for each number of writers', async () => {
  const rows = [
    await measureCell(tiny('add', { writers: 1 })),
    await measureCell(tiny('add', { writers: 2 })),
  ];
  const text = markdownOf(rows, workloads);
  expect(text).toContain('### add: add 1 to one counter');
  expect(text.split('\n').filter((line) => /^\| +[12] \|/.test(line))).toHaveLength(2);
});
