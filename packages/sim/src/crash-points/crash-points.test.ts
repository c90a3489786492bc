import { expect, test } from 'vitest';
import { allCases, describeCase, runCase } from './crash-points.js';

/** The others take half a minute: `npm run crash-points`. */
const NAMES = [
  'commit',
  'commit, given up at once',
  'commit, closed under way',
  'commit, aborted after 3 ms',
  'commit of a range delete',
  'commit of entries that expire',
];

test('a commit struck at every call by every fault, beside a rival, is done once or not at all', {
  timeout: 120_000,
}, async () => {
  let struck = 0;
  for await (const each of allCases(1, 'commit')) {
    if (!each.rival || !NAMES.includes(each.operation.name)) continue;
    const result = await runCase(each);
    expect(result.problems, describeCase(each, result.calls)).toEqual([]);
    struck += result.struck;
  }
  expect(struck).toBeGreaterThan(100);
});
