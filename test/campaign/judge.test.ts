import { describe, expect, test } from 'vitest';
import { callOf } from './calls.mjs';
import type { Call } from './journal.mjs';
import { type Found, judge, type Rules } from './judge.js';

/** Two workers, two calls each, one after the other: 1, 2, 3, 4. */
const rules: Rules = { seed: 1, style: 'hot', requestIds: false, calls: 2 };
const done = (n: number, begunMs: number, result: number): Call => ({
  n,
  state: 'done',
  begunMs,
  endedMs: begunMs + 5,
  latencyMs: 5,
  result,
});
const journals = [
  [done(0, 0, 1), done(1, 20, 3)],
  [done(0, 10, 2), done(1, 30, 4)],
];
const found: Found = {
  counters: [[0, 4]],
  verify: { ok: true, problems: [], records: 5, unreferenced: 0 },
  version: 5,
  floor: 1,
  gaps: 0,
  transactions: 4,
  flushedThrough: 0,
  segments: 0,
};

describe('the judge of a campaign', () => {
  test('has nothing against a history that is right', () => {
    expect(judge(rules, journals, found)).toEqual([]);
  });

  test('sees a lost increment', () => {
    const lost = { ...found, counters: [[0, 3] as const], transactions: 3 };
    expect(judge(rules, journals, lost)).toContainEqual(expect.stringContaining('LOST 1'));
  });

  test('sees a doubled increment', () => {
    const doubled = { ...found, counters: [[0, 5] as const], transactions: 5 };
    expect(judge(rules, journals, doubled)).toContainEqual(expect.stringContaining('DOUBLED 1'));
  });

  test('lets an unknown call have happened or not, but not twice', () => {
    const open: Call = { n: 1, state: 'unknown', begunMs: 30 };
    const withUnknown = [journals[0]!, [journals[1]![0]!, open]];
    expect(judge(rules, withUnknown, found)).toEqual([]);
    const without = { ...found, counters: [[0, 3] as const], transactions: 3 };
    expect(judge(rules, withUnknown, without)).toEqual([]);
    const twice = { ...found, counters: [[0, 5] as const], transactions: 5 };
    expect(judge(rules, withUnknown, twice)).toContainEqual(expect.stringContaining('DOUBLED 1'));
    expect(judge({ ...rules, requestIds: true }, withUnknown, found)).toContainEqual(
      expect.stringContaining('open though'),
    );
  });

  test('sees a lost and a doubled increment that cancel each other out', () => {
    const both = [journals[0]!, [journals[1]![0]!, done(1, 30, 3)]];
    expect(judge(rules, both, found)).toContainEqual(expect.stringContaining('both told 3'));
  });

  test('sees a call that comes before one that had ended when it began', () => {
    const swapped = [
      [done(0, 0, 2), done(1, 20, 3)],
      [done(0, 10, 1), done(1, 30, 4)],
    ];
    expect(judge(rules, swapped, found)).toEqual([expect.stringContaining('though it began after')]);
  });

  test('sees calls that were never made, a broken log, and what verify says', () => {
    expect(judge({ ...rules, calls: 3 }, journals, found)).toHaveLength(2);
    expect(judge(rules, journals, { ...found, gaps: 1 })).toContainEqual(expect.stringContaining('gaps'));
    expect(judge(rules, journals, { ...found, version: 6 })).toContainEqual(expect.stringContaining('gaps'));
    const verify = { ...found.verify, ok: false, problems: ['segment x is torn'] };
    expect(judge(rules, journals, { ...found, verify })).toEqual(['verify: segment x is torn']);
  });

  test('sees a transaction of which only half took effect', () => {
    const mixed = { ...rules, style: 'mixed' as const };
    const counts = new Map<number, number>();
    const adding: Call[][] = [[], []];
    for (const [worker, calls] of adding.entries())
      for (let n = 0; n < 2; n++) {
        const { counter } = callOf(mixed, worker, n);
        counts.set(counter, (counts.get(counter) ?? 0) + 1);
        calls.push(done(n, 10 * n, counts.get(counter)!));
      }
    const counters = [...counts];
    expect(judge(mixed, adding, { ...found, counters, total: 4 })).toEqual([]);
    expect(judge(mixed, adding, { ...found, counters, total: 3 })).toEqual([expect.stringContaining('torn')]);
  });
});
