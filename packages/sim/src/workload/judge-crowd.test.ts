import { expect, test } from 'vitest';
import type { FinalEntry, FinalState } from './final-state.js';
import { judgeJobs } from './jobs.js';
import { Ledger } from './ledger.js';
import { blindProgram, judgeBlind, judgeStamps } from './stamps.js';
import type { Verdict } from './verdict.js';

function stateOf(
  ...entries: [key: readonly unknown[], value: unknown, version?: number, order?: number][]
): FinalState {
  const state = new Map<string, FinalEntry[]>();
  for (const [key, value, version = 1, order = 0] of entries) {
    const area = String(key[0]);
    state.set(area, [...(state.get(area) ?? []), { key, value, version, order }]);
  }
  return state;
}

function verdictOf(judge: (verdict: Verdict) => void): string[] {
  const verdict: Verdict = { anomalies: [], lost: [], doubled: [], late: [] };
  judge(verdict);
  return Object.values(verdict).flat();
}

const put = [['mark', 'jobs', 1], { put: 2 }] as [readonly unknown[], unknown];
const took = (id: number, index: number): [readonly unknown[], unknown] => [
  ['mark', 'jobs', id],
  { took: [1, index] },
];

test('each job is taken once or is there', () => {
  const left = [['job', 1, 1], true] as [readonly unknown[], unknown];
  expect(verdictOf((verdict) => judgeJobs(stateOf(put, took(2, 0), left), verdict))).toEqual([]);
  const problems = (...entries: Parameters<typeof stateOf>): string[] =>
    verdictOf((verdict) => judgeJobs(stateOf(...entries), verdict));
  expect(problems(put, took(2, 0), took(3, 0), left)).toEqual([expect.stringContaining('taken twice')]);
  expect(problems(put, took(2, 1), left)).toEqual([
    expect.stringContaining('is there'),
    expect.stringContaining('job 1/0 is gone'),
  ]);
  expect(problems(put, took(2, 0))).toEqual([expect.stringContaining('job 1/1 is gone')]);
});

test('of blind writes of one key the last one is there', () => {
  const marks: Parameters<typeof stateOf> = [
    [['mark', 'blind', 1], true, 5, 1],
    [['mark', 'blind', 8], true, 5, 0],
  ];
  const problems = (value: number): string[] =>
    verdictOf((verdict) => judgeBlind(stateOf(...marks, [['blind', 1], value]), verdict));
  expect(problems(1)).toEqual([]);
  expect(problems(8)).toEqual([expect.stringContaining('last written by 1')]);
});

test('who began after another had ended has the later stamp, and no two have one', () => {
  const ledger = new Ledger();
  for (const [id, invoked, returned] of [
    [1, 0, 10],
    [2, 5, 30],
    [3, 20, 40],
  ] as const) {
    const deed = ledger.begin(blindProgram(id), 'c', undefined, invoked);
    Object.assign(deed, { outcome: 'committed', returned });
  }
  const problems = (...stamps: [number, number][]): string[] =>
    verdictOf((verdict) =>
      judgeStamps(
        ledger,
        stateOf(
          ...stamps.map(([version, order], i): [unknown[], unknown, number, number] => [
            ['mark', 'blind', i + 1],
            true,
            version,
            order,
          ]),
        ),
        verdict,
      ),
    );
  expect(problems([4, 1], [4, 0], [4, 2])).toEqual([]);
  expect(problems([4, 1], [7, 0], [4, 0])).toEqual([expect.stringContaining('Transaction 3 began after 1')]);
  expect(problems([4, 1], [4, 1], [5, 0])).toEqual([expect.stringContaining('one versionstamp')]);
});
