import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { openBench } from '../sample-state.js';
import { checkShown } from './cell.js';
import { chartOf } from './chart.js';
import type { CrewFigures } from './crew.js';
import { boundsOf, type Figures, fairnessOf, figuresOf } from './figures.js';
import { measureBeside } from './round-trip.js';
import { markdownOf, rowLine } from './table.js';
import { workloads } from './workload.js';
import { runWriter, type WriterFigures } from './writer.js';

function crewOf(writers: readonly WriterFigures[]): CrewFigures {
  return {
    writers,
    requests: { read: 20, write: 10, list: 0, delete: 0 },
    dollars: 0.000058,
    records: 10,
    rebases: 0,
    conflicts: 0,
    flushes: 0,
    cpuMs: 500,
  };
}

const even: WriterFigures = { writer: 0, commits: 10, late: 1, failures: {}, waitsMs: [100, 100, 200] };
const starved: WriterFigures = {
  writer: 1,
  commits: 0,
  late: 0,
  failures: { CONFLICT: 2 },
  waitsMs: [1_000],
};

const figures: Figures = figuresOf({
  workload: 'add',
  network: 'here',
  seconds: 1,
  roundTripMs: 100,
  busyRoundTripMs: 200,
  crews: [crewOf([even]), crewOf([starved])],
  machineMs: 1_500,
});

test.each(workloads)('of $name the state shows as many commits as were acknowledged', async (workload) => {
  const store = new MemoryStore();
  const db = await openBench(store);
  await workload.prepare?.(db, 1);
  const startMs = performance.now();
  const span = { startMs, endMs: startMs + 100, pauseMs: 1 };
  const writers = await Promise.all([0, 1].map((writer) => runWriter(workload, { db, writer }, span)));
  await db.close();
  expect(writers.reduce((sum, { commits, late }) => sum + commits + late, 0)).toBeGreaterThan(0);
  for (const { waitsMs } of writers) expect(waitsMs.length).toBeGreaterThan(0);
  await checkShown(workload, [crewOf(writers)], store);
});

test('a state that shows fewer commits than were acknowledged gives no figures', async () => {
  const add = workloads.find(({ name }) => name === 'add')!;
  const store = new MemoryStore();
  const db = await openBench(store);
  await db.add(['counter'], 10);
  await db.close();
  await expect(checkShown(add, [crewOf([even])], store)).rejects.toThrow(
    'expected 11 commits, as acknowledged, found 10',
  );
});

test('a call that failed may have happened, and need not', () => {
  expect(boundsOf([crewOf([even]), crewOf([starved])])).toEqual({ atLeast: 11, atMost: 13 });
});

test('commits are told in round trips without load and beside it', () => {
  expect(figures).toMatchObject({ commits: 10, perSecond: 10, perRoundTrip: 1, perBusyRoundTrip: 2 });
  expect(figures.cpu).toEqual({ msPerCommit: 100, writers: 1, machine: 1.5 });
  expect(figures.requestsPerCommit).toEqual({ all: 6, read: 4, write: 2, list: 0 });
  expect(figures.dollarsPerMillion).toBe(11.6);
});

test('a writer that never got through is among the least and among the waits', () => {
  expect(figures.fairness).toEqual({ least: 0, most: 10, ratio: 0 });
  expect(figures.waits.max).toBe(10);
  expect(fairnessOf([0, 0]).ratio).toBe(0);
  expect(fairnessOf([3, 4]).ratio).toBe(0.75);
  expect(() => fairnessOf([])).toThrow(RangeError);
});

test("the store is asked beside a load until that is over, and the load's failure is told", async () => {
  const store = new MemoryStore();
  const { result, busyRoundTripMs } = await measureBeside(store, Promise.resolve('done'));
  expect(result).toBe('done');
  expect(busyRoundTripMs).toBeGreaterThan(0);
  await expect(measureBeside(new MemoryStore(), Promise.reject(new Error('broken')))).rejects.toThrow(
    'broken',
  );
});

test('table and chart have every cell, without commits too', () => {
  const nothing = figuresOf({
    workload: 'bank',
    network: 'a < b',
    seconds: 1,
    roundTripMs: 1,
    busyRoundTripMs: 1,
    crews: [crewOf([starved])],
    machineMs: 0,
  });
  expect(rowLine(nothing)).toContain('2 CONFLICT');
  const markdown = markdownOf([figures, nothing], [figures], workloads);
  expect(markdown).toContain('2.00 → 2.00');
  expect(markdown).toContain('### add: add 1 to one counter');
  expect(markdown).toContain('## a < b');
  const chart = chartOf([figures, nothing], [figures], 'today');
  expect(chart).toContain('a &lt; b');
  expect(chart).toContain('dashed: before');
  expect(chartOf([figures], [], 'today')).not.toContain('dashed');
});
