/** Counts as text. */
import type { KindTally, Tally } from './campaign.js';

const HEAD = [
  'mutation',
  'count',
  'refused',
  'by verify',
  'older state',
  'harmless',
  'silent',
  'in full',
  'codes',
];

export function tableOf(tally: Tally): string {
  const rows = Object.entries(tally.kinds)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, kind]) => rowOf(name, kind));
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) =>
          i === 0 || i === row.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function rowOf(name: string, { count, full, verdicts, codes }: KindTally): string[] {
  const { noticed = 0, verify = 0, older = 0, harmless = 0, silent = 0 } = verdicts;
  const named = Object.entries(codes).map(([code, n]) => `${code} ${n}`);
  return [name, ...[count, noticed, verify, older, harmless, silent, full].map(String), named.join(', ')];
}

/** In one line. */
export function summaryOf(tally: Tally, seconds: number): string {
  const kinds = Object.values(tally.kinds);
  const count = kinds.reduce((sum, kind) => sum + kind.count, 0);
  const silent = kinds.reduce((sum, kind) => sum + (kind.verdicts.silent ?? 0), 0);
  return `${count} mutations, ${silent} silent, ${seconds.toFixed(0)} s, ${Math.round(count / seconds)} per second`;
}

export function failuresOf({ failures }: Tally): string[] {
  return failures.map(({ command, reason }) => `SILENT: ${reason}\n  repeat: ${command}`);
}
