import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fairnessOf } from './fairness.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-fairness-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Life = Parameters<typeof fairnessOf>[0][number];
let diaries = 0;

/** A process that appends every so often, from 0 on. */
function life(everyMs: number, untilMs: number, more: Partial<Life> = {}, unended?: number): Life {
  const diary = join(folder, `${diaries++}.jsonl`);
  const intent = { kind: 'lists', steps: [['append', 'x/0']] };
  const lines: object[] = [];
  for (let at = 0, id = 0; at + everyMs <= untilMs; at += everyMs, id++)
    lines.push(
      { begin: id, by: '0', at, intent },
      { end: id, at: at + everyMs, outcome: 'committed', seen: { ops: [{ op: 'append' }] } },
    );
  if (unended !== undefined) lines.push({ begin: 1_000_000, by: '0', at: unended, intent });
  writeFileSync(diary, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return { diary, role: 'long', commitTimeoutMs: 5_000, untilMs, absences: [], ...more };
}

test('processes that worked through a window are compared by what they wrote in it', () => {
  const fairness = fairnessOf([life(100, 30_000), life(200, 30_000)], [], 10_000);
  expect(fairness).toMatchObject({ windows: 3, processes: 2, waitMs: { p50: 100, max: 200 } });
  expect(fairness.ratio).toBeCloseTo(0.5, 1);
});

test('who was killed, stopped, had one transaction or less time for each is not compared in that window', () => {
  const stopped: Partial<Life> = { absences: [[2_000, 3_000]] };
  const lives = [
    life(100, 10_000),
    life(100, 10_000),
    life(5_000, 9_000),
    life(5_000, 10_000, stopped),
    life(5_000, 10_000, { role: 'once' }),
    life(5_000, 10_000, { commitTimeoutMs: 500 }),
  ];
  expect(fairnessOf(lives, [], 10_000)).toMatchObject({ windows: 1, processes: 2, ratio: 1 });
});

test('who never got through before it was killed has waited, and while it was stopped it has not', () => {
  const starved = life(100, 20_000, {}, 12_000);
  expect(fairnessOf([starved], [], 10_000).waitMs.max).toBe(8_000);
  const absent: Life = { ...starved, absences: [[12_500, 19_000]] };
  expect(fairnessOf([absent], [], 10_000).waitMs.max).toBe(100);
});

test('a wait in which the store was dead is told apart', () => {
  const fairness = fairnessOf([life(100, 20_000, {}, 12_000)], [{ killedMs: 13_000, answeringMs: 14_000 }]);
  expect(fairness.waitMs).toMatchObject({ max: 8_000, maxUndisturbed: 100 });
});
