/** Who makes which mutation, and how runs are counted. */
import { expect, test } from 'vitest';
import { addTally, count, newTally, type Outcome } from './campaign.js';
import { indexOf, type Plan, shareOf } from './plan.js';
import { failuresOf, summaryOf, tableOf } from './report.js';

const plan = (jobs: number, sample?: number): Plan => ({
  targets: ['plain'],
  seed: 3,
  jobs,
  sample,
  structures: 0,
  only: undefined,
  object: undefined,
});

test.each([1, 2, 7])('%i workers make every mutation once, together', (jobs) => {
  const made = Array.from({ length: jobs }, (_, worker) => [...shareOf(plan(jobs), 1000, worker)]).flat();
  expect(made.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test('a worker that went on after one that hung makes the rest of its share', () => {
  const whole = [...shareOf(plan(2), 1000, 1)];
  expect([...shareOf(plan(2), 1000, 1, 200)]).toEqual(whole.filter((k) => k >= 200));
});

test('a sample takes one mutation of each stretch, the same in each run', () => {
  const sampled = plan(1, 50);
  const indexes = [...shareOf(sampled, 1000, 0)].map((k) => indexOf(sampled, 1000, k));
  expect(indexes.map((index) => Math.floor(index / 20))).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(new Set(indexes.map((index) => index % 20)).size).toBeGreaterThan(5);
  expect([...shareOf(plan(1, 50), 10, 0)].map((k) => indexOf(plan(1, 50), 10, k))).toHaveLength(10);
});

test('counts of workers add up, and what is silent is told with the way to repeat it', () => {
  const noticed: Outcome = {
    kind: 'flip',
    verdict: 'noticed',
    codes: ['CORRUPT', 'CORRUPT', 'FORK'],
    full: true,
  };
  const silent: Outcome = { kind: 'flip', verdict: 'silent', codes: [], full: false, reason: 'wrong' };
  const [sum, other] = [newTally(), newTally()];
  count(sum, noticed, () => 'not asked');
  count(other, noticed, () => 'not asked');
  count(other, silent, () => 'npm run this');
  addTally(sum, other);
  expect(sum.kinds).toEqual({
    flip: { count: 3, full: 2, verdicts: { noticed: 2, silent: 1 }, codes: { CORRUPT: 2, FORK: 2 } },
  });
  expect(tableOf(sum).split('\n')[1]).toMatch(/^flip +3 +2 +0 +0 +0 +1 +2 +CORRUPT 2, FORK 2$/);
  expect(summaryOf(sum, 2)).toBe('3 mutations, 1 silent, 2 s, 2 per second');
  expect(failuresOf(sum)).toEqual(['SILENT: wrong\n  repeat: npm run this']);
});
