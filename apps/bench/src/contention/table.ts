/** Figures of contention as text: lines for a terminal, and Markdown. */
import { figure } from '../report/figures.js';
import type { Figures } from './figures.js';
import type { Workload } from './workload.js';

interface Column {
  readonly head: string;
  readonly cell: (figures: Figures) => string;
}

const columns: readonly Column[] = [
  { head: 'writers', cell: ({ writers }) => String(writers) },
  { head: 'commits/s', cell: ({ perSecond }) => figure(perSecond) },
  { head: 'per round trip', cell: ({ perRoundTrip }) => perRoundTrip.toFixed(2) },
  { head: 'per busy one', cell: ({ perBusyRoundTrip }) => perBusyRoundTrip.toFixed(2) },
  { head: 'least', cell: ({ fairness }) => String(fairness.least) },
  { head: 'most', cell: ({ fairness }) => String(fairness.most) },
  { head: 'ratio', cell: ({ fairness }) => fairness.ratio.toFixed(2) },
  { head: 'wait p50, ms', cell: ({ waitsMs }) => figure(waitsMs.p50) },
  { head: 'p99', cell: ({ waitsMs }) => figure(waitsMs.p99) },
  { head: 'max', cell: ({ waitsMs }) => figure(waitsMs.max) },
  { head: 'in round trips', cell: ({ waits }) => [waits.p50, waits.p99, waits.max].map(figure).join(', ') },
  { head: 'requests', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.all) },
  { head: 'GET', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.read) },
  { head: 'PUT', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.write) },
  { head: 'LIST', cell: ({ requestsPerCommit }) => orNone(requestsPerCommit?.list) },
  { head: '$/million', cell: ({ dollarsPerMillion }) => orNone(dollarsPerMillion) },
  { head: 'conflicts', cell: ({ conflicts }) => String(conflicts) },
  { head: 'CPU ms', cell: ({ cpu }) => orNone(cpu.msPerCommit) },
  { head: 'CPUs', cell: ({ cpu }) => `${cpu.writers.toFixed(1)} of ${cpu.machine.toFixed(1)}` },
];

function orNone(value: number | undefined): string {
  return value === undefined ? '–' : figure(value);
}

const NAME_WIDTH = 13;
const WIDTH_MIN = 5;

const widthOf = (head: string): number =>
  head === 'in round trips' ? 19 : head === 'CPUs' ? 10 : Math.max(WIDTH_MIN, head.length);

/** The head of a terminal's table, to be printed before the rows as they come. */
export function headLine(): string {
  return `${'workload'.padEnd(NAME_WIDTH)}  ${columns.map(({ head }) => head.padStart(widthOf(head))).join('  ')}`;
}

export function rowLine(figures: Figures): string {
  const cells = columns.map(({ head, cell }) => cell(figures).padStart(widthOf(head)));
  const failed = Object.entries(figures.failures).map(([code, count]) => `${count} ${code}`);
  return [figures.workload.padEnd(NAME_WIDTH), ...cells, ...failed].join('  ');
}

/**
 * A table for each network and workload, in the order in which they were measured.
 * @param before another run's figures, told beside these in a table in front.
 */
export function markdownOf(
  all: readonly Figures[],
  before: readonly Figures[],
  workloads: readonly Workload[],
): string {
  const parts: string[] = besideTable(all, before);
  let network: string | undefined;
  for (const group of grouped(all)) {
    const { workload, network: name, roundTripMs, seconds } = group[0]!;
    if (name !== network)
      parts.push(`## ${name}: a round trip of ${figure(roundTripMs)} ms, ${seconds} s a row`);
    network = name;
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

const compared: readonly { readonly head: string; readonly of: (figures: Figures) => string }[] = [
  { head: 'per busy round trip', of: ({ perBusyRoundTrip }) => perBusyRoundTrip.toFixed(2) },
  { head: 'least / most', of: ({ fairness: { least, most } }) => `${least} / ${most}` },
  { head: 'longest wait, ms', of: ({ waitsMs }) => figure(waitsMs.max) },
  { head: 'requests', of: ({ requestsPerCommit }) => orNone(requestsPerCommit?.all) },
  { head: 'CPU ms', of: ({ cpu }) => orNone(cpu.msPerCommit) },
];

/** Cells that both runs have. */
function besideTable(all: readonly Figures[], before: readonly Figures[]): string[] {
  const rows = all.flatMap((now) => {
    const then = before.find(
      ({ network, workload, writers }) =>
        network === now.network && workload === now.workload && writers === now.writers,
    );
    if (!then) return [];
    const cells = compared.map(({ of }) => `${of(then)} → ${of(now)}`);
    return [[now.network, now.workload, String(now.writers), ...cells]];
  });
  if (rows.length === 0) return [];
  const head = ['network', 'workload', 'writers', ...compared.map((column) => column.head)];
  return ['## Before and after', tableOfLines(head, rows, 2)];
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
    const key = `${figures.network}: ${figures.workload}`;
    const group = groups.get(key);
    if (group) group.push(figures);
    else groups.set(key, [figures]);
  }
  return [...groups.values()];
}
