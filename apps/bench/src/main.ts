/** The command: `npm run bench -- --help`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HoldfastError, StoreError } from 'holdfast';
import { CONTENTION, runContention } from './contention/command.js';
import { workloads } from './contention/workload.js';
import { localMinio, serverName, type Target, UsageError } from './location.js';
import { meetsTarget, type Row, ratioOf } from './measure.js';
import { measures } from './measures/all.js';
import { chartOf } from './report/chart.js';
import { describeMachine } from './report/machine.js';
import { tableOf } from './report/table.js';
import { runMeasures } from './run.js';
import { scales } from './scale.js';

const help = `Measures Holdfast against the raw store, in turn and as ratios.

Usage: npm run bench -- [options]
  --location <url>    minio://host:port/bucket/prefix?tls=0, s3://…, file:…, memory:
                      (default: the MinIO of "npm run servers", started if it is not up)
  --latency <ms>      add this to each request in a second pass; 0: no second pass (default 30)
  --bandwidth <MB/s>  of each connection in the second pass (default 50)
  --only <name>       only this measure; may be repeated: ${measures.map(({ name }) => name).join(', ')};
                      or ${CONTENTION}, by itself
  --quick             fewer samples: a minute or two instead of ten or so
  --out <folder>      where latest.json and latest.svg go (default apps/bench/results; none with --only)

Many writers at one database (--only ${CONTENTION}): on MinIO and the file store, or on --location
  --latency <ms,…>    added to each request of the server (default 0,30,100)
  --writers <n,…>     how many (default 1,2,4,16,64; 1,4,16 with --quick)
  --workload <name,…> some of ${workloads.map(({ name }) => name).join(', ')}
  --seconds <n>       of each cell (default 10; 3 with --quick)
  --processes <n>     in which writers are (default 4)
  --before <file>     another run's contention.json, to draw beside
  --help`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      location: { type: 'string' },
      latency: { type: 'string' },
      bandwidth: { type: 'string', default: '50' },
      only: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
      writers: { type: 'string' },
      workload: { type: 'string' },
      seconds: { type: 'string' },
      processes: { type: 'string' },
      before: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  const bandwidth = numberOf('--bandwidth', values.bandwidth);
  if (values.only?.includes(CONTENTION)) {
    if (values.only.length > 1) throw new UsageError(`--only ${CONTENTION} is run by itself.`);
    const signal = interruption();
    const options = { ...values, bytesPerSecond: bandwidth * 1e6, signal, progress };
    // What an interruption breaks tells of it in many ways.
    return runContention(options).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
  }
  for (const name of ['writers', 'workload', 'seconds', 'processes', 'before'] as const)
    if (values[name] !== undefined) throw new UsageError(`--${name} is for --only ${CONTENTION}.`);
  const latency = numberOf('--latency', values.latency ?? '30');
  const selected = select(values.only);
  const folder =
    values.out ?? (values.only ? undefined : fileURLToPath(new URL('../results', import.meta.url)));

  const signal = interruption();
  const before = describeMachine();
  const date = new Date().toISOString();
  const target: Target =
    values.location === undefined
      ? await localMinio(progress)
      : { url: values.location, stop: async () => {} };
  try {
    const scale = scales[values.quick ? 'quick' : 'full'];
    const link = latency > 0 ? { delayMs: latency, bytesPerSecond: bandwidth * 1e6 } : undefined;
    const rows: Row[] = await runMeasures({ target, measures: selected, scale, link, signal, progress });
    const server = await serverName(target.url);
    progress('');
    const { cpus, node } = before;
    const facts = `${server}, ${cpus} CPUs, node ${node}, load ${before.load1} before and ${describeMachine().load1} after`;
    console.log(`${date}, ${facts}, ${scale.name} run`);
    console.log(tableOf(rows));
    if (folder !== undefined) {
      const judged = rows.map((row) => ({ ...row, ratio: ratioOf(row), meetsTarget: meetsTarget(row) }));
      const machine = { ...before, load1After: describeMachine().load1 };
      const report = { date, scale: scale.name, server, link, machine, rows: judged };
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'latest.json'), `${JSON.stringify(report, undefined, 2)}\n`);
      await writeFile(join(folder, 'latest.svg'), chartOf(rows, `${date.slice(0, 10)}, ${facts}`));
      console.log(`\nWritten to ${resolve(folder)}: latest.json, latest.svg`);
    }
  } catch (error) {
    // What an interruption breaks tells of it in many ways.
    throw signal.aborted ? signal.reason : error;
  } finally {
    await target.stop();
  }
}

function select(only: readonly string[] | undefined): typeof measures {
  const unknown = only?.find((name) => !measures.some((measure) => measure.name === name));
  if (unknown !== undefined)
    throw new UsageError(`No measure ${unknown}: there are ${measures.map(({ name }) => name).join(', ')}.`);
  return only ? measures.filter(({ name }) => only.includes(name)) : measures;
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0))
    throw new UsageError(`${option}: expected a number from 0, found ${JSON.stringify(text)}.`);
  return value;
}

/** Ctrl-C ends the run and cleans up; a second one does not wait for that. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new UsageError(`Stopped by ${name}.`));
    });
  return controller.signal;
}

/** The AWS SDK tells of Node's age on stderr, once in each process. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

let shown = '';

/** One line that changes, on a terminal; elsewhere a line for each measure. */
function progress(text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 100) - 1)}`);
    return;
  }
  const head = text.split(':')[0]!;
  if (head === '' || head === shown) return;
  process.stderr.write(`${head}\n`);
  shown = head;
}

try {
  await main();
} catch (error) {
  progress('');
  const known =
    error instanceof UsageError ||
    error instanceof HoldfastError ||
    error instanceof StoreError ||
    (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(known ? (error as Error).message : error);
  process.exitCode = 1;
}
