import { expect, test } from 'vitest';
import { allCases, describeCase, runCase } from './crash-points.js';
import { crowdCases, describeCrowdCase, runCrowdCase } from './crowd.js';

/** The others, and all of what each has: `npm run crash-points`. */
const NAMES = [
  'commit',
  'commit, given up at once',
  'commit, closed under way',
  'commit, aborted after 3 ms',
  'commit of a range delete',
  'commit of entries that expire',
];
/** One case in so many: of every operation, call and fault some. */
const STEP = 5;

test('a commit struck at every call by every fault, beside a rival, is done once or not at all', {
  timeout: 120_000,
}, async () => {
  let cases = 0;
  let struck = 0;
  for await (const each of allCases(1, 'commit')) {
    if (!each.rival || !NAMES.includes(each.operation.name) || cases++ % STEP !== 0) continue;
    const result = await runCase(each);
    expect(result.problems, describeCase(each, result.calls)).toEqual([]);
    struck += result.struck;
  }
  expect(struck).toBeGreaterThan(80);
});

test('a compaction struck at every call loses nothing, and whoever comes next finishes it', {
  timeout: 120_000,
}, async () => {
  let cases = 0;
  let struck = 0;
  for await (const each of allCases(1, 'compaction')) {
    if (cases++ % (8 * STEP) !== 0) continue;
    const result = await runCase(each);
    expect(result.problems, describeCase(each, result.calls)).toEqual([]);
    struck += result.struck;
  }
  expect(struck).toBeGreaterThan(15);
});

test('of three that commit at once one dies at any of its calls, and the others go on', {
  timeout: 120_000,
}, async () => {
  let cases = 0;
  let died = 0;
  for await (const each of crowdCases('blind writes')) {
    if (!each.blow?.dies || cases++ % STEP !== 0) continue;
    const { calls, fell, problems } = await runCrowdCase(each);
    expect(problems, describeCrowdCase(each, calls)).toEqual([]);
    if (fell) died++;
  }
  expect(died).toBeGreaterThan(12);
});
