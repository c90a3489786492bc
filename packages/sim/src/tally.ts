/** The sums over many seeds, as the command prints them. */
import { createHash } from 'node:crypto';
import type { SeedReport } from './run-seed.js';
import { failureOf } from './shrink.js';

export class Tally {
  seeds = 0;
  readonly failed: { seed: number; kind: string }[] = [];
  readonly #sums: Map<string, number> = new Map();
  readonly #faults: Map<string, number> = new Map();
  readonly #errors: Map<string, number> = new Map();
  /** Wait without conflict or trouble, round trips. */
  #longest = 0;
  readonly #digests: Map<number, string> = new Map();

  add(report: SeedReport): void {
    this.seeds++;
    this.#digests.set(report.seed, report.digest);
    const kind = failureOf(report);
    if (kind !== undefined) this.failed.push({ seed: report.seed, kind });
    const { verdict } = report;
    const sums: Record<string, number> = {
      'transactions committed': report.committed,
      'transactions aborted': report.aborted,
      'outcomes never asked for (no request id)': report.unknown,
      'requests sent again': report.repeated,
      'open outcomes settled at the end': report.resolved,
      'reads checked': report.reads,
      'changes watched': report.watched,
      'records written': report.records,
      'compactions published': report.compactions,
      'objects collected': report.collected,
      machines: report.machines,
      'virtual hours': report.virtualMs / 3_600_000,
      'worlds of many writers': report.scenario.contention ? 1 : 0,
      '  databases in them': report.scenario.contention?.roundTripsMs.length ?? 0,
      '  intents announced': report.announced,
      '  waits within the bound': report.waits?.judged ?? 0,
      '  waits explained by what went wrong': report.waits?.excused ?? 0,
      '  waits not judged (failed, or died)': report.waits?.left ?? 0,
      anomalies: verdict.anomalies.length,
      'lost acknowledged commits': verdict.lost.length,
      'doubled requests': verdict.doubled.length,
      'outcomes for ever unknown': report.unresolved.length,
      'waits too long': verdict.late.length,
      'hangs and exceptions': report.failure === undefined ? 0 : 1,
    };
    this.#longest = Math.max(this.#longest, report.waits?.longest ?? 0);
    for (const [name, count] of Object.entries(sums)) add(this.#sums, name, count);
    for (const { kind: fault } of report.faults) add(this.#faults, fault, 1);
    for (const [code, count] of report.errors) add(this.#errors, code, count);
  }

  /** One hash for the traces of all seeds, in whatever order they were run. */
  digest(): string {
    const hash = createHash('sha256');
    for (const [, digest] of [...this.#digests].sort(([a], [b]) => a - b)) hash.update(digest);
    return hash.digest('hex');
  }

  /** Two columns. */
  lines(): string[] {
    const faults = [...this.#faults].sort(([, a], [, b]) => b - a);
    const injected = faults.reduce((sum, [, count]) => sum + count, 0);
    const rows: [string, number][] = [
      ['seeds', this.seeds],
      ...this.#sums,
      ['longest wait without conflict or trouble, round trips', this.#longest],
      ['faults injected', injected],
      ...faults.map(([kind, count]): [string, number] => [`  ${kind}`, count]),
      ['errors that clients heard', [...this.#errors.values()].reduce((sum, count) => sum + count, 0)],
      ...[...this.#errors].sort().map(([code, count]): [string, number] => [`  ${code}`, count]),
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    return rows.map(([name, count]) => `${name.padEnd(width)}  ${Math.round(count).toLocaleString('en')}`);
  }
}

function add(sums: Map<string, number>, name: string, count: number): void {
  sums.set(name, (sums.get(name) ?? 0) + count);
}
