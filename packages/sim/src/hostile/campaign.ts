/** What the command needs to know of a campaign: numbered mutations, and what became of each. */
import type { Verdict } from './verdict.js';

export interface Outcome {
  readonly kind: string;
  readonly verdict: Verdict;
  /** Codes of the refusals. */
  readonly codes: readonly string[];
  /** Examined by every kind of read, not by one. */
  readonly full: boolean;
  /** Of a silent one: what is wrong. */
  readonly reason?: string;
}

export interface Campaign<M> {
  readonly name: string;
  readonly count: number;
  at(index: number): M;
  run(mutation: M, index: number): Promise<Outcome>;
  /** How to repeat a mutation. */
  command(mutation: M): string;
}

/** Counts of outcomes, by kind. Plain data: workers send it. */
export interface Tally {
  readonly kinds: Record<string, KindTally>;
  failures: { readonly command: string; readonly reason: string }[];
}

export interface KindTally {
  count: number;
  full: number;
  verdicts: Partial<Record<Verdict, number>>;
  codes: Record<string, number>;
}

/** Failures past this many are counted, not kept. */
const FAILURES_MAX = 200;

export function newTally(): Tally {
  return { kinds: {}, failures: [] };
}

function kindOf({ kinds }: Tally, name: string): KindTally {
  kinds[name] ??= { count: 0, full: 0, verdicts: {}, codes: {} };
  return kinds[name];
}

export function count(tally: Tally, outcome: Outcome, command: () => string): void {
  const kind = kindOf(tally, outcome.kind);
  kind.count++;
  if (outcome.full) kind.full++;
  kind.verdicts[outcome.verdict] = (kind.verdicts[outcome.verdict] ?? 0) + 1;
  for (const code of new Set(outcome.codes)) kind.codes[code] = (kind.codes[code] ?? 0) + 1;
  if (outcome.verdict === 'silent' && tally.failures.length < FAILURES_MAX)
    tally.failures.push({ command: command(), reason: outcome.reason ?? 'no reason given' });
}

export function addTally(sum: Tally, other: Tally): void {
  for (const [name, from] of Object.entries(other.kinds)) {
    const kind = kindOf(sum, name);
    kind.count += from.count;
    kind.full += from.full;
    for (const [verdict, n] of Object.entries(from.verdicts) as [Verdict, number][])
      kind.verdicts[verdict] = (kind.verdicts[verdict] ?? 0) + n;
    for (const [code, n] of Object.entries(from.codes)) kind.codes[code] = (kind.codes[code] ?? 0) + n;
  }
  sum.failures = [...sum.failures, ...other.failures].slice(0, FAILURES_MAX);
}
