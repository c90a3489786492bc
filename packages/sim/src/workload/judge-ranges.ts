/** The verdict on the areas where ranges are deleted and entries expire: each history against the order of its marks. */
import { isDeepStrictEqual } from 'node:util';
import type { RangeHistory, RangeReader, RangeWriter } from '../check/range-history.js';
import { SerialOrder } from '../check/serial-order.js';
import type { Scenario } from '../world/shape.js';
import type { FinalState } from './final-state.js';
import type { Ledger } from './ledger.js';
import type { AreaDiff, FieldChange, Moment } from './looks.js';
import type { Run } from './program.js';
import { AREAS, type Area } from './ranges.js';
import type { Verdict } from './verdict.js';

export function judgeRanges(scenario: Scenario, ledger: Ledger, state: FinalState, verdict: Verdict): void {
  const strict = scenario.lies ? 'serializable' : 'strict-serializable';
  const level = scenario.isolation === 'snapshot' ? 'snapshot' : strict;
  for (const area of Object.keys(AREAS) as Area[]) {
    const order = new SerialOrder(historyOf(area, ledger, state, verdict));
    for (const { kind, message } of order.check(level))
      verdict.anomalies.push(`${area}, ${kind}: ${message}`);
    for (const diff of ledger.diffs.filter((each) => each.area === area))
      for (const problem of diffProblems(order, diff))
        verdict.anomalies.push(`${diff.who} compared versions of ${area}: ${problem}`);
    if (area !== 'field') continue;
    for (const { who, changes } of ledger.fieldWatches)
      for (const problem of watchProblems(order, changes))
        verdict.anomalies.push(`${who} watched ${area}: ${problem}`);
  }
}

/** Writers are those whose marks are there, as the marks tell them, whatever their clients heard. */
function historyOf(area: Area, ledger: Ledger, state: FinalState, verdict: Verdict): RangeHistory {
  const role = AREAS[area];
  const marks = new Map(
    (state.get('mark') ?? []).filter(({ key }) => key[1] === role).map((mark) => [mark.key[2], mark]),
  );
  const writers: RangeWriter[] = [];
  const readers: RangeReader[] = ledger.looks.filter((look) => look.area === area);
  for (const { program, client, invoked, returned, outcome, result } of ledger.deeds) {
    if (program.role !== role) continue;
    const known = { id: program.id, process: client, invoked };
    const mark = marks.get(program.id);
    if (mark) {
      const run = mark.value as Run;
      writers.push({ ...known, ...run, ...mark, returned: outcome === 'committed' ? returned : null });
      if (outcome === 'committed' && !isDeepStrictEqual(result?.run, run))
        verdict.doubled.push(
          `${role} ${program.id} of ${client} was answered with another run than the one that is in the state.`,
        );
    } else if (outcome === 'committed' && result?.run && !result.wrote) {
      const { nowMs, readVersion, operations } = result.run;
      readers.push({ ...known, returned, operations, readVersion, exact: false, nowMs: [nowMs, nowMs] });
    }
  }
  return { writers, readers };
}

/** A watch tells every write of every version that it passes, and nothing else. */
export function watchProblems(order: SerialOrder, changes: readonly FieldChange[]): string[] {
  const problems: string[] = [];
  const first = changes[0]?.version ?? 0;
  const last = changes.at(-1)?.version ?? 0;
  let at = 0;
  for (let version = first; version <= last && problems.length === 0; version++) {
    const now = order.stateAt(version - 1).values();
    for (; changes[at]?.version === version; at++) {
      const { key, value, previous } = changes[at]!;
      if (previous !== now.get(key))
        problems.push(
          `key ${key} was told at version ${version} to have been ${previous}, and was ${now.get(key)}.`,
        );
      if (value === undefined) now.delete(key);
      else now.set(key, value);
    }
    const expected = [...order.stateAt(version).values()].sort(byKey);
    const told = [...now].sort(byKey);
    // It may have ended amid the last version.
    if (version < last && !isDeepStrictEqual(told, expected))
      problems.push(
        `what it told comes to ${JSON.stringify(told)} at version ${version}, which is ${JSON.stringify(expected)}.`,
      );
  }
  return problems;
}

/** A comparison tells every key that was written in between and reads differently, once and in order, and rightly. */
export function diffProblems(order: SerialOrder, { from, to, span, told }: AreaDiff): string[] {
  const problems: string[] = [];
  const seenAt = ({ version, nowMs }: Moment): Map<number, number> =>
    new Map(
      order
        .stateAt(version)
        .seen(nowMs, span)
        .map(([key, value]) => [key, value]),
    );
  const [before, after] = [seenAt(from), seenAt(to)];
  const between = `between ${from.version} and ${to.version}`;
  for (const [i, { key, value, previous }] of told.entries()) {
    if (i > 0 && told[i - 1]!.key >= key) problems.push(`key ${key} was told out of order ${between}.`);
    if (previous !== before.get(key) || value !== after.get(key))
      problems.push(
        `key ${key} was told to be ${previous} and ${value} ${between}, and is ${before.get(key)} and ${after.get(key)}.`,
      );
  }
  const [written, since] = [order.stateAt(from.version).values(), order.stateAt(to.version).values()];
  for (let key = span.from; key < span.to; key++)
    if (
      before.get(key) !== after.get(key) &&
      written.get(key) !== since.get(key) &&
      !told.some((each) => each.key === key)
    )
      problems.push(`key ${key} was not told ${between}, and is ${before.get(key)} and ${after.get(key)}.`);
  return problems;
}

function byKey([a]: readonly [number, number], [b]: readonly [number, number]): number {
  return a - b;
}
