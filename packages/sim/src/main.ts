/** `npm run sim`: worlds without number, each from one seed. */
import { Command, InvalidArgumentError } from 'commander';
import { asksForMeasure, runMeasure } from './measure/command.js';
import { runMany } from './run-many.js';
import { type RunOptions, runSeed, type SeedReport } from './run-seed.js';
import { failureOf, shrink } from './shrink.js';
import { Tally } from './tally.js';
import { ALL_ROLES, type Role } from './world/shape.js';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly jobs?: number;
  readonly seed?: number;
  readonly without?: string;
  readonly except?: string;
  readonly only?: string;
  readonly trace?: true;
  readonly keepGoing?: true;
  readonly shrink: boolean;
}

const EVENTS_SHOWN = 60;
/** Among the roles of `--only`. */
const CONTENDED = 'contended';

const program = new Command('sim')
  .description('Runs the engine in simulated worlds where stores, networks, clocks and machines fail.')
  .option('--seeds <n>', 'how many worlds', whole, 200)
  .option('--from <seed>', 'the first seed', whole, 1)
  .option('--jobs <n>', 'threads (default: one for each core)', whole)
  .option('--seed <seed>', 'one world only, told in full', whole)
  .option('--without <incidents>', 'of that world, leave out these incidents, separated by commas')
  .option(
    '--except <names>',
    'worlds without these kinds of incidents and these roles, separated by commas; also: listener, markers',
  )
  .option(
    '--only <roles>',
    'worlds whose clients do nothing but this, separated by commas; `contended`: worlds of many writers',
    roles,
  )
  .option('--trace', 'print every event of that world')
  .option(
    '--measure <name>',
    'no seeds: measure `contention` in virtual time; has options of its own (--help)',
  )
  .option('--keep-going', 'run all seeds, whatever fails')
  .option('--no-shrink', 'tell a failure as it is, without looking for a smaller schedule')
  .addHelpText('after', '\nExit code: 0 when nothing failed, 1 when something did, 130 when interrupted.')
  .showHelpAfterError();

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new InvalidArgumentError(`Expected a whole number from 0, found ${JSON.stringify(text)}.`);
  return number;
}

function roles(text: string): string {
  for (const role of listed(text))
    if (role !== CONTENDED && !ALL_ROLES.includes(role as Role))
      throw new InvalidArgumentError(
        `Expected roles (${ALL_ROLES.join(', ')}) or ${CONTENDED}, found ${JSON.stringify(role)}.`,
      );
  return text;
}

/** What of a seed's world `--only` says. */
function narrowing(text: string | undefined): Pick<RunOptions, 'only' | 'contended'> {
  const names = listed(text);
  const only = names.filter((name) => name !== CONTENDED) as Role[];
  return names.includes(CONTENDED) ? { only, contended: true } : { only };
}

function listed(text = ''): string[] {
  return text.split(',').filter(Boolean);
}

if (asksForMeasure(process.argv)) await runMeasure(process.argv);
else {
  const options = program.parse().opts<Options>();
  if (options.seed !== undefined) await tellOne(options.seed, options);
  else await runAll(options);
}

async function runAll({
  seeds,
  from,
  jobs,
  except,
  only,
  keepGoing,
  shrink: shrinks,
}: Options): Promise<void> {
  const startedMs = performance.now();
  const tally = new Tally();
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const terminal = process.stderr.isTTY === true;
  await runMany({
    from,
    seeds,
    jobs,
    signal: interrupt.signal,
    except: listed(except),
    ...narrowing(only),
    onReport(report) {
      tally.add(report);
      if (terminal)
        process.stderr.write(`\r${tally.seeds} of ${seeds} seeds, ${tally.failed.length} failed `);
      return tally.failed.length > 0 && !keepGoing;
    },
  });
  if (terminal) process.stderr.write('\r\x1b[K');
  for (const line of tally.lines()) console.log(line);
  console.log(`traces ${tally.digest()}`);
  const elapsed = ((performance.now() - startedMs) / 1000).toFixed(1);
  const asked = `seeds ${from} to ${from + seeds - 1}${tally.seeds < seeds ? ', ended early' : ''}`;
  console.log(`${asked}, ${elapsed} s, Node ${process.version}`);
  for (const { seed, kind } of tally.failed) console.log(`FAILED seed ${seed}: ${kind}`);
  if (tally.failed.length > 0) {
    process.exitCode = 1;
    const first = tally.failed.reduce((least, each) => (each.seed < least.seed ? each : least));
    if (shrinks) await tellShrunk(first.seed, listed(except), only);
    else console.log(`Again: npm run sim -- --seed ${first.seed}${only ? ` --only ${only}` : ''}`);
  }
  if (interrupt.signal.aborted) process.exitCode = 130;
}

async function tellShrunk(seed: number, except: readonly string[], only: string | undefined): Promise<void> {
  const { report, without, runs } = await shrink(seed, undefined, (left) =>
    runSeed(seed, { without: left, except, ...narrowing(only) }),
  );
  console.log(`\nSeed ${seed}, shrunk by ${runs} runs to ${report.faults.length} incidents:`);
  tell(report, EVENTS_SHOWN);
  const left = [...without].join(',');
  const lacking = except.length > 0 ? ` --except ${except.join(',')}` : '';
  const narrow = only ? ` --only ${only}` : '';
  console.log(
    `Again: npm run sim -- --seed ${seed}${lacking}${narrow}${left ? ` --without ${left}` : ''} --trace`,
  );
}

async function tellOne(seed: number, { without, except, only, trace }: Options): Promise<void> {
  const report = await runSeed(seed, {
    without: new Set(listed(without)),
    except: listed(except),
    ...narrowing(only),
  });
  tell(report, trace ? Number.POSITIVE_INFINITY : failureOf(report) ? EVENTS_SHOWN : 0);
  const tally = new Tally();
  tally.add(report);
  for (const line of tally.lines()) console.log(line);
  console.log(`trace ${report.digest}, ${report.trace.length} events`);
  if (failureOf(report)) process.exitCode = 1;
}

/** @param events how many of the last ones are printed. */
function tell(report: SeedReport, events: number): void {
  console.log(JSON.stringify(report.scenario));
  for (const { id, kind } of report.faults) console.log(`incident ${id}: ${kind}`);
  const skipped = Math.max(0, report.trace.length - events);
  if (events > 0 && skipped > 0) console.log(`… ${skipped} events before these`);
  if (events > 0) for (const line of report.trace.slice(skipped)) console.log(line);
  const { lost, doubled, anomalies, late } = report.verdict;
  for (const line of lost) console.log(`LOST ${line}`);
  for (const line of doubled) console.log(`DOUBLED ${line}`);
  for (const line of anomalies) console.log(`ANOMALY ${line}`);
  for (const line of late) console.log(`WAITED ${line}`);
  for (const line of report.unresolved) console.log(`UNKNOWN FOR EVER ${line}`);
  if (report.failure !== undefined) console.log(`FAILURE ${report.failure}`);
}
