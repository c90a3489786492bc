/** What watches and comparisons tell, against an order in which ranges are deleted. */
import { expect, test } from 'vitest';
import type { RangeOperation, RangeWriter } from '../check/range-history.js';
import { SerialOrder } from '../check/serial-order.js';
import { diffProblems, watchProblems } from './judge-ranges.js';

function writer(version: number, operations: RangeOperation[]): RangeWriter {
  const run = { readVersion: version - 1, nowMs: 1_000, operations };
  return { id: version, process: 'p', invoked: version, returned: version, version, order: 0, ...run };
}

const order = new SerialOrder({
  writers: [
    writer(2, [
      { op: 'set', key: 0, value: 1, expiresMs: null },
      { op: 'set', key: 1, value: 2, expiresMs: 5_000 },
    ]),
    writer(3, [
      { op: 'deleteRange', from: 0, to: 9 },
      { op: 'set', key: 3, value: 4, expiresMs: null },
    ]),
    writer(5, [{ op: 'set', key: 0, value: 5, expiresMs: null }]),
  ],
  readers: [],
});

test('a watch tells each key of a deleted range that was there', () => {
  const changes = [
    { version: 2, key: 0, value: 1, previous: undefined },
    { version: 2, key: 1, value: 2, previous: undefined },
    { version: 3, key: 0, value: undefined, previous: 1 },
    { version: 3, key: 1, value: undefined, previous: 2 },
    { version: 3, key: 3, value: 4, previous: undefined },
    { version: 5, key: 0, value: 5, previous: undefined },
  ];
  expect(watchProblems(order, changes)).toEqual([]);
  // One key of the range left out, a wrong previous value, a version passed over.
  expect(watchProblems(order, changes.toSpliced(2, 1))).not.toEqual([]);
  expect(watchProblems(order, changes.with(3, { ...changes[3]!, previous: 9 }))).not.toEqual([]);
  expect(watchProblems(order, [...changes.slice(0, 2), ...changes.slice(5)])).not.toEqual([]);
});

test('a comparison tells what was written in between and reads differently, forwards and back', () => {
  const [from, to] = [
    { version: 2, nowMs: 1_000 },
    { version: 3, nowMs: 1_000 },
  ];
  const told = [
    { key: 0, value: undefined, previous: 1 },
    { key: 1, value: undefined, previous: 2 },
    { key: 3, value: 4, previous: undefined },
  ];
  const span = { from: 0, to: 9 };
  const diff = { area: 'field', from, to, span, told } as const;
  expect(diffProblems(order, diff)).toEqual([]);
  const back = told.map(({ key, value, previous }) => ({ key, value: previous, previous: value }));
  expect(diffProblems(order, { ...diff, from: to, to: from, told: back })).toEqual([]);
  expect(diffProblems(order, { ...diff, told: told.slice(1) })).not.toEqual([]);
  expect(diffProblems(order, { ...diff, told: told.toReversed() })).not.toEqual([]);
  expect(diffProblems(order, { ...diff, told: back })).not.toEqual([]);
  // By a clock at which it had expired there is nothing to tell of it, and nothing wrong in not telling.
  expect(diffProblems(order, { ...diff, from: { version: 2, nowMs: 6_000 } })).not.toEqual([]);
  expect(
    diffProblems(order, { ...diff, from: { version: 2, nowMs: 6_000 }, told: told.toSpliced(1, 1) }),
  ).toEqual([]);
});
