import { expect, test } from 'vitest';
import type { Figures } from './contention.js';
import { reachOf } from './reach.js';

const figures = (more: Partial<Figures>): Figures => ({
  workload: 'disjoint',
  latency: 's3',
  writers: 64,
  seconds: 10,
  roundTripMs: 100,
  commits: 2_000,
  perRoundTrip: 20,
  fairness: { least: 30, most: 60, ratio: 0.5 },
  waits: { p50: 3, p99: 4, max: 8 },
  requestsPerCommit: { all: 8, read: 5, write: 2, list: 1 },
  dollarsPerMillion: 17,
  records: 100,
  rebases: 0,
  conflicts: 0,
  flushes: 0,
  throttled: 0,
  failures: {},
  ...more,
});

test('what is just reached is met', () => {
  const reached = reachOf([figures({})]);
  expect(reached.length).toBeGreaterThan(5);
  expect(reached.map(({ met }) => met)).not.toContain(false);
});

test('it is the worst cell that counts', () => {
  const starved = figures({ workload: 'add', writers: 2, fairness: { least: 0, most: 199, ratio: 0 } });
  const line = reachOf([figures({}), starved]).find(({ what }) => what.startsWith('least over most'));
  expect(line).toMatchObject({ found: 0, reach: '>= 0.5', met: false });
});

test('far writers may have a tenth, and no throughput is asked of them', () => {
  const reached = reachOf([
    figures({ latency: 's3-10:1', fairness: { least: 10, most: 100, ratio: 0.1 }, perRoundTrip: 1 }),
  ]);
  expect(reached.find(({ what }) => what.startsWith('least over most'))).toMatchObject({ met: true });
  expect(reached.find(({ what }) => what.startsWith('commits per round trip'))).toMatchObject({
    reach: '',
    met: undefined,
  });
});

test('a cell without commits has reached nothing', () => {
  const none = figures({ commits: 0, perRoundTrip: 0, requestsPerCommit: undefined });
  expect(reachOf([none]).find(({ what }) => what.startsWith('requests'))).toMatchObject({ met: false });
});

test('without cells there is no verdict', () => {
  expect(reachOf([])).toEqual([]);
});
