import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { accounts, balanceAtFirst } from './intents.mjs';
import { judge } from './judge.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-judge-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Line = Record<string, unknown>;
const balances = Array.from({ length: accounts }, () => balanceAtFirst);

const begin = (id: number, at: number, steps: [string, string][], more: Line = {}): Line => ({
  ...{ begin: id, by: `${id}`, at, intent: { kind: 'lists', steps } },
  ...more,
});
const committed = (id: number, at: number, ops: object[], more: Line = {}): Line => ({
  ...{ end: id, at, outcome: 'committed', seen: { ops } },
  ...more,
});
const saw = (key: string, ...elements: number[]): object => ({ op: 'list', key, elements });
const added = (key: string, element: number): object => ({ op: 'append', key, element });

/** Two appends one after the other, one that nobody heard of again, and a request. */
const right: Line[] = [
  begin(1, 0, [['append', 'x/0']]),
  committed(1, 10, [saw('x/0'), added('x/0', 1)]),
  begin(2, 20, [
    ['append', 'x/0'],
    ['append', 'y/0'],
  ]),
  committed(2, 30, [saw('x/0', 1), added('x/0', 2), saw('y/0'), added('y/0', 2)]),
  begin(3, 40, [['append', 'z/0']]),
  begin(4, 50, [['append', 'w/0']], { requestId: 'request 4' }),
  committed(4, 60, [saw('w/0'), added('w/0', 4)]),
  begin(5, 70, [], { intent: { kind: 'sum', steps: [] } }),
  committed(5, 80, [], { seen: { ops: [], balances } }),
];
const found = {
  outcomes: {
    'request 4': { status: 'committed', result: { ops: [saw('w/0'), added('w/0', 4)] } },
  } as Record<string, object>,
  ...{ closed: 0, readAtMs: 0, readMs: 0, registers: {}, balances, verifyMs: 0 },
  lists: { 'x/0': [1, 2], 'y/0': [2], 'w/0': [4] } as Record<string, number[]>,
  effects: { 'request 4': 1 } as Record<string, number>,
  chain: { problems: [] as object[], tip: 5, floor: 1, records: 5 },
  verify: { ok: true, problems: [] as string[], records: 5, segments: 0, unreferenced: 0 },
  ...{ version: 5, floor: 1 },
};

function problems(lines: Line[], what: object = found): string[] {
  const path = join(folder, 'diary.jsonl');
  // The last line was torn by a kill.
  writeFileSync(path, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"begin":9`);
  return judge([path], what as never, []).problems;
}
/** The right history but for one line. */
const but = (at: number, line: Line): Line[] => right.map((each, i) => (i === at ? line : each));

describe('the judge of a fault campaign', () => {
  test('has nothing against a history that is right', () => {
    expect(problems(right)).toEqual([]);
  });

  test('lets a transaction without an end have happened or not', () => {
    expect(problems(right, { ...found, lists: { ...found.lists, 'z/0': [3] } })).toEqual([]);
  });

  test('sees an acknowledged append that is lost, and one that is there twice', () => {
    const lost = { ...found, lists: { ...found.lists, 'x/0': [1] } };
    expect(problems(right, lost)).toContainEqual(expect.stringContaining('LOST'));
    const doubled = { ...found, lists: { ...found.lists, 'w/0': [4, 4] } };
    expect(problems(right, doubled)).toContainEqual(expect.stringContaining('DOUBLED'));
  });

  test('sees half of a transaction, also of one whose end nobody was told', () => {
    const half = right.filter((line) => line.end !== 2);
    expect(problems(half, { ...found, lists: { ...found.lists, 'y/0': [] } })).toContainEqual(
      expect.stringContaining('TORN'),
    );
  });

  test('sees an effect of what was told not to have happened', () => {
    const told = { end: 3, at: 45, outcome: 'aborted', code: 'UNAVAILABLE' };
    expect(problems([...right, told])).toEqual([]);
    expect(problems([...right, told], { ...found, lists: { ...found.lists, 'z/0': [3] } })).toContainEqual(
      expect.stringContaining('did not happen (UNAVAILABLE)'),
    );
  });

  test('sees an element that is nobody has written, and one in a list that it was not meant for', () => {
    const nobodys = { ...found, lists: { ...found.lists, 'v/0': [77] } };
    expect(problems(right, nobodys)).toContainEqual(expect.stringContaining("nobody's"));
    const astray = { ...found, lists: { ...found.lists, 'w/0': [4, 1] } };
    expect(problems(right, astray)).toContainEqual(expect.stringContaining('meant for'));
  });

  test('sees a read that the clock forbids', () => {
    const stale = committed(2, 30, [saw('x/0'), added('x/0', 2), saw('y/0'), added('y/0', 2)]);
    expect(problems(but(3, stale))).not.toEqual([]);
    const early = [...right, begin(6, 90, [['list', 'x/0']]), committed(6, 95, [saw('x/0', 1)])];
    expect(problems(early)).toContainEqual(expect.stringContaining('real-time'));
  });

  test('sees a request that took effect twice, one told differently, and one open for ever', () => {
    expect(problems(right, { ...found, effects: { 'request 4': 2 } })).toContainEqual(
      expect.stringContaining('took effect 2 times'),
    );
    const other = committed(4, 65, [saw('w/0', 9), added('w/0', 4)]);
    expect(problems([...right, other])).toContainEqual(expect.stringContaining('results'));
    expect(problems(right, { ...found, outcomes: {} })).toContainEqual(expect.stringContaining('open'));
    const closed = { end: 4, at: 70, outcome: 'aborted', code: 'closed' };
    expect(problems([...right, closed])).toContainEqual(expect.stringContaining('was told closed'));
  });

  test('sees money made, a broken chain, what verify says, and what no fault explains', () => {
    const rich = balances.map((balance, account) => balance + (account === 0 ? 1 : 0));
    expect(problems(right, { ...found, balances: rich })).toContainEqual(
      expect.stringContaining(`${accounts * balanceAtFirst + 1}`),
    );
    expect(problems(but(8, committed(5, 80, [], { seen: { ops: [], balances: rich } })))).toHaveLength(1);
    const chain = { ...found.chain, problems: [{ message: 'record 3 names another parent' }] };
    expect(problems(right, { ...found, chain })).toEqual(['record 3 names another parent']);
    expect(problems(right, { ...found, version: 6 })).toContainEqual(expect.stringContaining('ends with 5'));
    const verify = { ...found.verify, ok: false, problems: ['segment x is torn'] };
    expect(problems(right, { ...found, verify })).toEqual(['verify: segment x is torn']);
    expect(problems([...right, { refused: 'CORRUPT: …', at: 99 }])).toEqual(['CORRUPT: …']);
  });
});
