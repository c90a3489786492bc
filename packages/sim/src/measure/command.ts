/** `npm run sim -- --measure contention`: its options, its table, its files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Cell, type Figures, measureCell } from './contention.js';
import { type LatencyProfile, profileOf, profiles } from './latency.js';
import { headLine, markdownOf, rowLine } from './table.js';
import { type Workload, workloads } from './workload.js';

interface Options {
  readonly only?: Workload[];
  readonly writers?: number[];
  readonly latency?: LatencyProfile[];
  readonly seconds?: number;
  readonly seed: number;
  readonly quick?: true;
  readonly out?: string;
}

const WRITERS = [1, 2, 4, 8, 16, 32, 64];
/** Loops in one database are asked about for four. */
const LOOPS = [4];
const SECONDS = 10;
const QUICK = { writers: [1, 4, 16], latency: [profileOf('s3')!], seconds: 3 };
const NAMES_WIDTH = Math.max(...workloads.map(({ name }) => name.length));

export function asksForMeasure(argv: readonly string[]): boolean {
  return argv.some((word) => word === '--measure' || word.startsWith('--measure='));
}

export async function runMeasure(argv: readonly string[]): Promise<void> {
  const program = new Command('sim --measure')
    .description('Measures many writers at one database, in virtual time.')
    .addOption(
      new Option('--measure <name>', 'what is measured').choices(['contention']).makeOptionMandatory(),
    )
    .option('--only <workloads>', `of ${workloads.map(({ name }) => name).join(', ')}`, named)
    .option('--writers <numbers>', 'how many, separated by commas', numbers)
    .option('--latency <names>', `of ${profiles.map(({ name }) => name).join(', ')}, fixed:<ms>`, latencies)
    .option('--seconds <n>', `of virtual time for each (default: ${SECONDS})`, positive)
    .option('--seed <seed>', 'what the chances are drawn from', positive, 1)
    .option('--quick', '1, 4 and 16 writers for 3 s at one latency, unless said otherwise')
    .option('--out <file>', 'write the figures as JSON, and a Markdown table beside it')
    .showHelpAfterError();
  program.parse([...argv]);
  const options = program.opts<Options>();
  const measured: Figures[] = [];
  const startedMs = performance.now();
  let latency: string | undefined;
  for (const cell of cellsOf(options)) {
    if (cell.profile.name !== latency) console.log(`\n${cell.profile.name}\n${headLine(NAMES_WIDTH)}`);
    latency = cell.profile.name;
    const figures = await measureCell(cell);
    measured.push(figures);
    console.log(rowLine(figures, NAMES_WIDTH));
    // What was measured is kept, whenever the run is ended.
    if (options.out) keep(options.out, options.seed, measured);
  }
  console.log(`\n${measured.length} cells, ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}

function cellsOf({ only, writers, latency, seconds, seed, quick }: Options): Cell[] {
  const defaults = quick ? QUICK : { writers: WRITERS, latency: profiles, seconds: SECONDS };
  return (latency ?? defaults.latency).flatMap((profile) =>
    (only ?? workloads).flatMap((workload) =>
      (writers ?? (workload.writers === 'loops' ? LOOPS : defaults.writers)).map((count) => ({
        workload,
        writers: count,
        profile,
        seconds: seconds ?? defaults.seconds,
        seed,
      })),
    ),
  );
}

/** The same seed leaves the same file: nothing in it says when, or on what. */
function keep(file: string, seed: number, cells: readonly Figures[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ measure: 'contention', seed, cells }, undefined, 2)}\n`);
  const head = '# Contention, in virtual time';
  const told = `Made by \`npm run sim -- --measure contention --out …\` with seed ${seed}: see the README of packages/sim for what is what.`;
  writeFileSync(`${file.replace(/\.json$/, '')}.md`, `${head}\n\n${told}\n\n${markdownOf(cells, workloads)}`);
}

function listed(text: string): string[] {
  return text.split(',').filter(Boolean);
}

function named(text: string): Workload[] {
  return listed(text).map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (!found)
      throw new InvalidArgumentError(
        `Expected workloads (${workloads.map((workload) => workload.name).join(', ')}), found ${JSON.stringify(name)}.`,
      );
    return found;
  });
}

function latencies(text: string): LatencyProfile[] {
  return listed(text).map((name) => {
    const found = profileOf(name);
    if (!found)
      throw new InvalidArgumentError(
        `Expected latencies (${profiles.map((profile) => profile.name).join(', ')}, fixed:<ms>), found ${JSON.stringify(name)}.`,
      );
    return found;
  });
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError(`Expected a whole number from 1, found ${JSON.stringify(text)}.`);
  return number;
}

function numbers(text: string): number[] {
  return listed(text).map(positive);
}
