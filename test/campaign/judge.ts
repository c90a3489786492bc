/**
 * Says what is wrong with a campaign, from the workers' journals and from what a fresh process has found.
 *
 * It knows nothing of how the engine works, only what increments must come to:
 * - no acknowledged call is lost, and none takes effect twice;
 * - what a call resolved to is a place in its counter's history that no other call has;
 * - a call that began after another one had ended comes after it (strict serializability).
 */
import { callOf, type Style } from './calls.mjs';
import type { Call } from './journal.mjs';

/** What a fresh process has found. */
export interface Found {
  /** Counter and value. */
  readonly counters: readonly (readonly [number, number])[];
  /** The sum that `mixed` calls keep. */
  readonly total?: number;
  readonly verify: {
    readonly ok: boolean;
    readonly problems: readonly string[];
    readonly records: number;
    readonly unreferenced: number;
  };
  readonly version: number;
  readonly floor: number;
  readonly gaps: number;
  readonly transactions: number;
  readonly flushedThrough: number;
  readonly segments: number;
}

export interface Rules {
  readonly seed: number;
  readonly style: Style;
  /** Whether every call was repeated under its request id until its outcome was known. */
  readonly requestIds: boolean;
  /** Each worker's calls. */
  readonly calls: number;
}

/** @returns the problems, in plain words; none: the campaign passed. */
export function judge(rules: Rules, journals: readonly (readonly Call[])[], found: Found): string[] {
  const problems: string[] = [];
  const found_ = new Map(found.counters);
  const perCounter = new Map<number, { done: number; unknown: number; results: Placed[] }>();
  for (const [worker, journal] of journals.entries()) {
    if (journal.length !== rules.calls)
      problems.push(`Worker ${worker} made ${journal.length} calls, not ${rules.calls}.`);
    for (const call of journal) {
      const { counter, add } = callOf(rules, worker, call.n);
      const its = perCounter.get(counter) ?? { done: 0, unknown: 0, results: [] };
      perCounter.set(counter, its);
      if (call.state !== 'done') its.unknown++;
      else {
        its.done++;
        const who = `worker ${worker}, call ${call.n}`;
        if (!add)
          its.results.push({ who, place: call.result ?? 0, from: call.begunMs, to: call.endedMs ?? 0 });
      }
    }
  }
  let acknowledged = 0;
  let open = 0;
  for (const [counter, { done, unknown, results }] of perCounter) {
    acknowledged += done;
    open += unknown;
    const value = found_.get(counter) ?? 0;
    if (value < done)
      problems.push(`Counter ${counter} LOST ${done - value}: ${done} acknowledged, found ${value}.`);
    if (value > done + unknown)
      problems.push(
        `Counter ${counter} DOUBLED ${value - done - unknown}: ${done} acknowledged and ${unknown} unknown, found ${value}.`,
      );
    problems.push(...misplaced(counter, value, results));
  }
  if (rules.requestIds && open > 0) problems.push(`${open} calls are open though each was to be repeated.`);
  const sum = found.counters.reduce((all, [, value]) => all + value, 0);
  if (rules.style === 'mixed' && found.total !== sum)
    problems.push(`The total is ${found.total}, and the counters come to ${sum}: a transaction was torn.`);
  if (found.transactions !== sum)
    problems.push(`The log holds ${found.transactions} transactions, and the counters come to ${sum}.`);
  if (!found.verify.ok) problems.push(...found.verify.problems.map((problem) => `verify: ${problem}`));
  if (found.gaps > 0 || found.verify.records !== found.version - found.floor + 1)
    problems.push(
      `The log has gaps: ${found.verify.records} records of ${found.version}, ${found.gaps} broken links.`,
    );
  if (acknowledged === 0) problems.push('No call was acknowledged.');
  return problems;
}

/** The outcome of a call that read and wrote: the value it left, and when the call began and ended. */
interface Placed {
  readonly who: string;
  readonly place: number;
  readonly from: number;
  readonly to: number;
}

function* misplaced(counter: number, value: number, results: readonly Placed[]): Generator<string> {
  const descending = [...results].sort((a, b) => b.place - a.place);
  let after: Placed | undefined;
  let firstEnded: Placed | undefined;
  for (const call of descending) {
    if (call.place < 1 || call.place > value)
      yield `Counter ${counter} is ${value}, and ${call.who} was told ${call.place}.`;
    if (after?.place === call.place)
      yield `Counter ${counter}: ${after.who} and ${call.who} were both told ${call.place}.`;
    if (firstEnded && firstEnded.to < call.from)
      yield `Counter ${counter}: ${call.who} came to ${call.place}, though it began after ${firstEnded.who} had ended with ${firstEnded.place}.`;
    if (!firstEnded || call.to < firstEnded.to) firstEnded = call;
    after = call;
  }
}
