/** The table at the end. Everything in it was counted; what is estimated says so. */
import { estimateCost, prices, type TrafficCounts, toHex, type VerifyReport } from 'holdfast';
import type { Finding } from './books.js';
import type { Kill } from './crew.js';
import { isCommand } from './dispatch.js';
import type { Entry } from './journal.js';
import type { WorkerReport } from './messages.js';
import { workerOf } from './visitors.js';

export interface Run {
  readonly location: string;
  /** Answered calls of this run. */
  readonly entries: readonly Entry[];
  readonly workers: number;
  readonly seconds: number;
  readonly kill: Kill | undefined;
  readonly repeated: WorkerReport['repeated'];
  readonly reports: readonly WorkerReport[];
  /** What each part of the work sent. */
  readonly traffic: Readonly<Record<'import' | 'calls' | 'checks', TrafficCounts>>;
  readonly verified: VerifyReport;
  readonly hash: Uint8Array;
  readonly manifestRoot: Uint8Array;
  readonly findings: readonly Finding[];
  readonly credit: string;
}

const CLASSES = ['read', 'write', 'list', 'delete'] as const;

export function formatReport(run: Run): string {
  const parts = [
    latencies(run),
    shares(run),
    engine(run),
    requests(run),
    state(run),
    books(run.findings),
    [run.credit],
  ];
  return parts.map((lines) => lines.join('\n')).join('\n\n');
}

function latencies({ entries, workers, seconds }: Run): string[] {
  const byMethod = new Map<string, number[]>();
  for (const { request, answer } of entries) {
    if (answer?.ms === undefined) continue;
    const name = `${request.contract}.${request.method}`;
    byMethod.set(name, [...(byMethod.get(name) ?? []), answer.ms]);
  }
  const rows = [...byMethod]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, ms]) => [name, whole(ms.length), ...[0.5, 0.99, 1].map((q) => quantile(ms, q).toFixed(1))]);
  const all = [...byMethod.values()].flat();
  rows.push(['all', whole(all.length), ...[0.5, 0.99, 1].map((q) => quantile(all, q).toFixed(1))]);
  return [
    `${whole(entries.length)} calls by ${workers} worker ${workers === 1 ? 'process' : 'processes'} in ${seconds.toFixed(1)} s: ${whole(entries.length / Math.max(seconds, 0.001))} a second`,
    ...table(['contract', 'calls', 'p50 ms', 'p99 ms', 'max ms'], rows),
  ];
}

/** A row for each worker: nobody is left behind. */
function shares({ entries, workers, kill }: Run): string[] {
  const commits = entries.filter(({ request, answer }) => answer && isCommand(request));
  const counts: number[] = [];
  const rows = Array.from({ length: workers }, (_, i) => {
    const worker = i + 1;
    const own = commits.filter(({ request }) => workerOf(request.caller) === worker);
    // The killed one was away for a while.
    const killed = kill?.worker === worker;
    if (!killed) counts.push(own.length);
    const waits = own.flatMap(({ answer }) => answer?.ms ?? []);
    return [
      `worker ${worker}${killed ? ', killed once' : ''}`,
      whole(own.length),
      ...[0.5, 0.99, 1].map((q) => quantile(waits, q).toFixed(1)),
    ];
  });
  const lines = table(['', 'commits', 'p50 ms', 'p99 ms', 'longest wait, ms'], rows);
  if (counts.length < 2) return lines;
  const share = Math.round((100 * Math.min(...counts)) / Math.max(1, ...counts));
  return [...lines, `fewest over most, of those that worked all the time: ${share} %`];
}

function engine({ reports, kill, repeated }: Run): string[] {
  const sum = (name: keyof WorkerReport['stats']): string =>
    whole(reports.reduce((total, { stats }) => total + stats[name], 0));
  const lines = [
    ...table(
      ['commits', 'transactions', 'conflicts', 'rebases', 'flushes'],
      [[sum('commits'), sum('transactions'), sum('conflicts'), sum('rebases'), sum('flushes')]],
      0,
    ),
  ];
  if (kill)
    lines.push(
      `worker ${kill.worker} was killed (SIGKILL) after ${whole(kill.calls)} calls with ${kill.underWay} under way, and started again:`,
      `  ${repeated.committed + repeated.open} calls were sent again with their request ids, ${repeated.committed} of them had taken effect already`,
    );
  return lines;
}

function requests({ traffic }: Run): string[] {
  const rows = Object.entries(traffic).map(([name, counts]) => trafficRow(name, counts));
  const all = Object.values(traffic).reduce(addTraffic);
  const { awsS3Standard } = prices;
  const cost = estimateCost(all, awsS3Standard);
  return [
    ...table(['requests', ...CLASSES, 'retries', 'bytes out', 'bytes in'], [...rows, trafficRow('all', all)]),
    `on ${awsS3Standard.provider} that would be about $${cost.requests.toFixed(4)} for requests (prices of ${awsS3Standard.asOf}),`,
    `  and $${cost.egress.toFixed(4)} more if the bytes read leave the provider's network`,
  ];
}

function trafficRow(name: string, { requests: by, retries, bytesIn, bytesOut }: TrafficCounts): string[] {
  const repeated = CLASSES.reduce((sum, kind) => sum + retries[kind], 0);
  return [name, ...CLASSES.map((kind) => whole(by[kind])), whole(repeated), bytes(bytesOut), bytes(bytesIn)];
}

export function addTraffic(a: TrafficCounts, b: TrafficCounts): TrafficCounts {
  const add = (x: TrafficCounts['requests'], y: TrafficCounts['requests']): TrafficCounts['requests'] => ({
    read: x.read + y.read,
    write: x.write + y.write,
    list: x.list + y.list,
    delete: x.delete + y.delete,
  });
  return {
    requests: add(a.requests, b.requests),
    retries: add(a.retries, b.retries),
    bytesOut: a.bytesOut + b.bytesOut,
    bytesIn: a.bytesIn + b.bytesIn,
  };
}

function state({ location, verified, hash, manifestRoot }: Run): string[] {
  const { version, records, segments, entries, blocks, unreferenced } = verified;
  return [
    `state      ${location}`,
    `version    ${whole(version)}, record hash ${toHex(hash)}`,
    `Merkle root of its segments ${toHex(manifestRoot)}`,
    `verified   ${whole(records + segments)} objects: ${whole(records)} records, ${whole(segments)} segments with ${whole(blocks)} blocks and ${whole(entries)} entries, ${bytes(verified.bytes)}`,
    ...(unreferenced > 0
      ? [`           ${whole(unreferenced)} objects of interrupted work that no version names`]
      : []),
  ];
}

function books(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(({ check, detail, problems }) => [
    `${problems.length === 0 ? '✓' : '✗'} ${check.padEnd(11)} ${detail}`,
    ...problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => `    ${problem}`),
    ...(problems.length > PROBLEMS_SHOWN_MAX ? [`    and ${problems.length - PROBLEMS_SHOWN_MAX} more`] : []),
  ]);
  const balanced = findings.every(({ problems }) => problems.length === 0);
  return [...lines, balanced ? 'The books balance.' : 'THE BOOKS DO NOT BALANCE.'];
}

const PROBLEMS_SHOWN_MAX = 5;

/** Text columns to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < textColumns ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ');
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)];
}

/** Nearest rank. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

function whole(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const [size, unit] = n < 1e6 ? [n / 1e3, 'kB'] : n < 1e9 ? [n / 1e6, 'MB'] : [n / 1e9, 'GB'];
  return `${size.toFixed(1)} ${unit}`;
}
