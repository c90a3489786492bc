/** `npm run bench -- --only contention`: its cells, its table as it grows, its files. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { localMinio, type Target, UsageError } from '../location.js';
import { describeMachine } from '../report/machine.js';
import { type Cell, measureCell } from './cell.js';
import { chartOf } from './chart.js';
import { Crews } from './crew.js';
import type { Figures } from './figures.js';
import { filePlan, type Plan, serverPlans } from './network.js';
import { headLine, markdownOf, rowLine } from './table.js';
import { type Workload, workloads } from './workload.js';

export const CONTENTION = 'contention';

export interface ContentionOptions {
  readonly location?: string | undefined;
  /** Milliseconds, separated by commas. */
  readonly latency?: string | undefined;
  readonly bytesPerSecond: number;
  readonly writers?: string | undefined;
  readonly workload?: string | undefined;
  readonly seconds?: string | undefined;
  readonly processes?: string | undefined;
  readonly quick: boolean;
  readonly out?: string | undefined;
  /** Figures of another run, to draw beside. */
  readonly before?: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** What is kept of a run. */
interface Report {
  readonly cells: readonly Figures[];
}

const FULL = { writers: [1, 2, 4, 16, 64], seconds: 10 };
const QUICK = { writers: [1, 4, 16], seconds: 3 };
const LATENCIES_MS = [0, 30, 100];
/** Loops in one database are asked about for four. */
const LOOPS = 4;
const PROCESSES = 4;
const WARM_UP = { writers: 4, seconds: 1.5 };

export async function runContention(options: ContentionOptions): Promise<void> {
  const { signal, progress, out, quick } = options;
  const scale = quick ? QUICK : FULL;
  const writers = numbersOf('--writers', options.writers, 1) ?? scale.writers;
  const seconds = numbersOf('--seconds', options.seconds, 0.1)?.[0] ?? scale.seconds;
  const latenciesMs = numbersOf('--latency', options.latency, 0) ?? LATENCIES_MS;
  const processes = numbersOf('--processes', options.processes, 1)?.[0] ?? PROCESSES;
  const selected = select(options.workload);
  const before = options.before && (JSON.parse(await readFile(options.before, 'utf8')) as Report).cells;

  const machine = describeMachine();
  const date = new Date().toISOString();
  const target = await targetOf(options);
  const measured: Figures[] = [];
  const keep = async (): Promise<void> => {
    if (out === undefined) return;
    const facts = { date, machine: { ...machine, load1After: describeMachine().load1 }, processes };
    await write(out, facts, measured, before || []);
  };
  try {
    for (const plan of await plansOf(options, target, latenciesMs)) {
      await measureNetwork(
        plan,
        { writers, seconds, processes, selected, signal, progress },
        async (figures) => {
          measured.push(figures);
          // What was measured is kept, whenever the run is ended.
          await keep();
        },
      );
    }
  } finally {
    await target?.stop();
  }
  if (out !== undefined) console.log(`\nWritten to ${resolve(out)}: contention.json, .md, .svg`);
}

interface NetworkOptions {
  readonly writers: readonly number[];
  readonly seconds: number;
  readonly processes: number;
  readonly selected: readonly Workload[];
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

async function measureNetwork(
  plan: Plan,
  { writers, seconds, processes, selected, signal, progress }: NetworkOptions,
  keep: (figures: Figures) => Promise<void>,
): Promise<void> {
  progress(`${CONTENTION}, ${plan.name}: one PUT`);
  const network = await plan.open(signal);
  const crews = new Crews(processes, signal);
  try {
    progress(`${CONTENTION}, ${plan.name}: warming up`);
    // So that what comes first does not pay for the compiling of code that all run.
    for (const workload of workloads.slice(0, 3)) await measureCell({ workload, network, ...WARM_UP }, crews);
    progress('');
    console.log(`\n${plan.name}: a round trip of ${network.roundTripMs.toFixed(1)} ms\n${headLine()}`);
    for (const workload of selected) {
      for (const count of workload.writers === 'loops' ? [LOOPS] : writers) {
        progress(`${CONTENTION}, ${plan.name}: ${workload.name}, ${count} writers, ${seconds} s`);
        const cell: Cell = { workload, writers: count, network, seconds };
        const figures = await measureCell(cell, crews);
        progress('');
        console.log(rowLine(figures));
        await keep(figures);
      }
    }
  } finally {
    // Writers first: what they still have under way must not outlive the deletion.
    await crews.stop();
    progress('deleting what was written');
    await network.close();
    progress('');
  }
}

/** Undefined: no server is asked for. */
async function targetOf({ location, progress }: ContentionOptions): Promise<Target | undefined> {
  if (location === undefined) return localMinio(progress);
  if (location.startsWith('file:')) return undefined;
  return { url: location, stop: async () => {} };
}

/** Without a location: MinIO, and the file store. */
async function plansOf(
  { location, bytesPerSecond }: ContentionOptions,
  target: Target | undefined,
  latenciesMs: readonly number[],
): Promise<Plan[]> {
  const servers = target ? await serverPlans(target, latenciesMs, bytesPerSecond) : [];
  return location === undefined || target === undefined ? [...servers, filePlan()] : servers;
}

async function write(
  folder: string,
  facts: { readonly date: string; readonly machine: ReturnType<typeof describeMachine>; processes: number },
  cells: readonly Figures[],
  before: readonly Figures[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { date, machine, processes } = facts;
  const told = `${date.slice(0, 10)}, ${machine.cpus} CPUs, node ${machine.node}, writers in ${processes} processes`;
  const report = { measure: CONTENTION, ...facts, cells };
  await writeFile(join(folder, 'contention.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  const head = `# Contention\n\nMade by \`npm run bench -- --only contention --out …\` (${told}): see the README for what is what.`;
  await writeFile(join(folder, 'contention.md'), `${head}\n\n${markdownOf(cells, before, workloads)}`);
  await writeFile(join(folder, 'contention.svg'), chartOf(cells, before, told));
}

function select(names: string | undefined): readonly Workload[] {
  if (names === undefined) return workloads;
  return names.split(',').map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (found) return found;
    const known = workloads.map((workload) => workload.name).join(', ');
    throw new UsageError(`--workload: expected some of ${known}, found ${JSON.stringify(name)}.`);
  });
}

function numbersOf(option: string, text: string | undefined, least: number): number[] | undefined {
  return text?.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() !== '' && value >= least) return value;
    throw new UsageError(
      `${option}: expected numbers from ${least}, separated by commas, found ${JSON.stringify(text)}.`,
    );
  });
}
