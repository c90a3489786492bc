/**
 * From a failing schedule to a small one: leaves out incidents for as long as the world still fails in the same way
 * (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002).
 */
import { runSeed, type SeedReport } from './run-seed.js';

export interface Shrunk {
  readonly report: SeedReport;
  readonly without: ReadonlySet<string>;
  readonly runs: number;
}

/** What kind of failure a report tells of; undefined: none. */
export function failureOf(report: SeedReport): string | undefined {
  const { failure, verdict, unresolved } = report;
  if (failure !== undefined) return `failure ${failure.split('\n')[0]}`;
  if (verdict.lost.length > 0) return 'lost';
  if (verdict.doubled.length > 0) return 'doubled';
  if (verdict.anomalies.length > 0) return `anomaly ${verdict.anomalies[0]!.split(' ')[0]}`;
  if (unresolved.length > 0) return 'unresolved';
  return verdict.late.length > 0 ? 'waited too long' : undefined;
}

/**
 * @param runsMax how many worlds are tried at most.
 * @param run makes one world.
 */
export async function shrink(
  seed: number,
  runsMax = 200,
  run: (without: ReadonlySet<string>) => Promise<SeedReport> = (without) => runSeed(seed, { without }),
): Promise<Shrunk> {
  let without = new Set<string>();
  let report = await run(without);
  let runs = 1;
  const kind = failureOf(report);
  if (kind === undefined) return { report, without, runs };
  let parts = 2;
  for (;;) {
    // What happened anew because something else was left out can be left out as well.
    const left = report.faults.map(({ id }) => id);
    if (left.length === 0 || runs >= runsMax) break;
    const size = Math.max(1, Math.ceil(left.length / parts));
    let progressed = false;
    for (let at = 0; at < left.length && runs < runsMax; at += size) {
      const tried = new Set([...without, ...left.slice(at, at + size)]);
      const outcome = await run(tried);
      runs++;
      if (failureOf(outcome) !== kind) continue;
      without = tried;
      report = outcome;
      progressed = true;
      break;
    }
    if (progressed) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts *= 2;
  }
  return { report, without, runs };
}
