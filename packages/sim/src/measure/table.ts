/** Figures as text: lines for a terminal, and Markdown. */
import type { Figures } from './contention.js';
import { reachOf } from './reach.js';
import type { Workload } from './workload.js';

interface Column {
  readonly head: string;
  readonly cell: (figures: Figures) => string;
}

const few = (value: number): string =>
  value >= 99.95 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

const columns: readonly Column[] = [
  { head: 'writers', cell: ({ writers }) => String(writers) },
  { head: 'commits', cell: ({ commits }) => String(commits) },
  { head: 'per round trip', cell: ({ perRoundTrip }) => perRoundTrip.toFixed(2) },
  { head: 'least', cell: ({ fairness }) => String(fairness.least) },
  { head: 'most', cell: ({ fairness }) => String(fairness.most) },
  { head: 'ratio', cell: ({ fairness }) => fairness.ratio.toFixed(2) },
  { head: 'wait p50', cell: ({ waits }) => few(waits.p50) },
  { head: 'p99', cell: ({ waits }) => few(waits.p99) },
  { head: 'max', cell: ({ waits }) => few(waits.max) },
  { head: 'first max', cell: ({ firstWaitMax }) => few(firstWaitMax) },
  { head: 'requests', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.all) },
  { head: 'GET', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.read) },
  { head: 'PUT', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.write) },
  { head: 'LIST', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.list) },
  { head: '$/million', cell: ({ dollarsPerMillion }) => orNone(dollarsPerMillion) },
  { head: 'rebases', cell: ({ rebases }) => String(rebases) },
  { head: 'conflicts', cell: ({ conflicts }) => String(conflicts) },
  { head: '503', cell: ({ throttled }) => String(throttled) },
];

function orNone(value: number | undefined): string {
  return value === undefined ? '–' : few(value);
}

const WIDTH_MIN = 7;

/** The head of a terminal's table, to be printed before the rows as they come. */
export function headLine(names: number): string {
  return `${'workload'.padEnd(names)}  ${columns.map(({ head }) => head.padStart(WIDTH_MIN)).join('  ')}`;
}

export function rowLine(figures: Figures, names: number): string {
  const cells = columns.map(({ head, cell }) => cell(figures).padStart(Math.max(WIDTH_MIN, head.length)));
  const failed = Object.entries(figures.failures).map(([code, count]) => `${count} ${code}`);
  return [figures.workload.padEnd(names), ...cells, ...failed].join('  ');
}

/** What is reached, and a table for each latency and workload, in the order in which they were measured. */
export function markdownOf(all: readonly Figures[], workloads: readonly Workload[]): string {
  const parts: string[] = reachTable(all);
  let latency: string | undefined;
  for (const group of grouped(all)) {
    const { workload, latency: name, roundTripMs, seconds } = group[0]!;
    if (name !== latency)
      parts.push(`## ${name}: a round trip of ${roundTripMs} ms, ${seconds} virtual seconds`);
    latency = name;
    const what = workloads.find((one) => one.name === workload)?.what ?? '';
    parts.push(`### ${workload}: ${what}`, tableOf(group));
  }
  return `${parts.join('\n\n')}\n`;
}

function tableOf(rows: readonly Figures[]): string {
  return tableOfLines(
    columns.map(({ head }) => head),
    rows.map((row) => columns.map(({ cell }) => cell(row))),
  );
}

function reachTable(all: readonly Figures[]): string[] {
  const reached = reachOf(all);
  if (reached.length === 0) return [];
  const rows = reached.map(({ what, latency, reach, found, met }) => [
    what,
    latency,
    reach || '–',
    found === Number.POSITIVE_INFINITY ? 'no commit' : few(found),
    met === undefined ? '' : met ? 'yes' : 'no',
  ]);
  return ['## Reach', tableOfLines(['the worst of', 'latency', 'reach', 'found', 'met'], rows, 2)];
}

/** @param lefts how many columns are text, from the first. */
function tableOfLines(head: readonly string[], rows: readonly (readonly string[])[], lefts = 0): string {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((line) => line[i]!.length)));
  const lineOf = (line: readonly string[]): string =>
    `| ${line.map((cell, i) => (i < lefts ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i < lefts ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [lineOf(head), `| ${rule.join(' | ')} |`, ...rows.map(lineOf)].join('\n');
}

function grouped(all: readonly Figures[]): Figures[][] {
  const groups = new Map<string, Figures[]>();
  for (const figures of all) {
    const key = `${figures.latency} ${figures.workload}`;
    const group = groups.get(key);
    if (group) group.push(figures);
    else groups.set(key, [figures]);
  }
  return [...groups.values()];
}
