// Checks the models of the commit protocol (protocol.pml) and of intents (intents.pml) with Spin. README.md has the
// figures and what they mean.
//
// Usage: node docs/model/run.mjs [--large] [--trace] [name...]
// Every configuration must be visited completely without a violation, and every control (a configuration with one
// rule left out) must end in one that it names. `--large` runs what is too large for CI instead.
// `--trace` prints the way to a violation, where the model says what it does (intents.pml).
// Installs Debian's spin and gcc where they are missing. The last line is "N passed, N failed".
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptInstall } from '../../tools/servers/apt.mjs';
import * as intents from './intents.mjs';

const MEMORY_MIB_MAX = process.argv.includes('--large') ? 12_000 : 3500;
const DEPTH_MAX = 100_000;
/** In CI two at once; each large one may need all the memory there is. */
const AT_ONCE = process.argv.includes('--large') ? 1 : 2;

const collector = { FLOORS_MAX: 1 };
const ofProtocol = {
  'two-writers': {
    about: 'a writer that dies or gives up, its request sent again, a rival',
    defines: { CALLS: 3, V: 6, 'REQUEST(c)': '(c == 2 -> 2 : 1)', 'IDEMPOTENT(c)': '(c != 2)' },
    run: 'run Writer(0, 1, 3); run Writer(1, 2, 0);',
  },
  outcome: {
    about: 'one request sent by two processes, and closed by one of them',
    defines: { CALLS: 3, V: 6, 'REQUEST(c)': '1', 'IDEMPOTENT(c)': 'true', 'CLOSES(c)': '(c == 3)' },
    run: 'run Writer(0, 1, 3); run Writer(1, 2, 0);',
  },
  'outcome-no-livelock': {
    about: 'the same: without faults nobody goes round in circles',
    defines: { CALLS: 3, V: 5, 'REQUEST(c)': '1', 'IDEMPOTENT(c)': 'true', 'CLOSES(c)': '(c == 3)' },
    run: 'run Writer(0, 1, 3); run Writer(1, 2, 0);',
    cycles: true,
  },
  collector: {
    about: 'a writer that sleeps, three records of others, the collector',
    defines: { CALLS: 1, V: 6, OTHERS_MAX: 3, ...collector },
    run: 'run Writer(0, 1, 0);',
  },
  'collector-outcome': {
    about: 'one request sent by two processes, and closed by one of them, the collector',
    defines: {
      CALLS: 3,
      V: 4,
      'REQUEST(c)': '1',
      'IDEMPOTENT(c)': 'true',
      'CLOSES(c)': '(c == 3)',
      ...collector,
    },
    run: 'run Writer(0, 1, 3); run Writer(1, 2, 0);',
  },
  'collector-two-writers': {
    about: 'two writers, a record of others, the collector',
    defines: { CALLS: 2, V: 4, OTHERS_MAX: 1, ...collector },
    run: 'run Writer(0, 1, 0); run Writer(1, 2, 0);',
  },
  reader: {
    about: 'a reader that sleeps (strong read, then a snapshot), a writer, the collector',
    defines: { CALLS: 1, V: 4, OTHERS_MAX: 2, ...collector },
    run: 'run Writer(0, 1, 0); run Reader(1, true);',
  },
  'reader-beside-writer': {
    about: 'the same, reader and writer in one process',
    defines: { CALLS: 1, V: 4, OTHERS_MAX: 2, ...collector },
    run: 'run Writer(0, 1, 0); run Reader(0, true);',
  },
  flush: {
    about:
      'a flush that sleeps between upload, record and answer; its segment is compacted; the collector, twice',
    defines: { CALLS: 1, V: 7, OTHERS_MAX: 2, WITH_FLUSH: '', 'FLUSHES(c)': 'true', FLOORS_MAX: 2 },
    run: 'run Writer(0, 1, 0);',
  },
};

/** One version more. */
function larger({ defines, run }) {
  return {
    about: 'as in CI, with one version more: complete',
    defines: { ...defines, V: defines.V + 1 },
    run,
  };
}

const largeOfProtocol = {
  'collector-two-writers': larger(ofProtocol['collector-two-writers']),
  reader: larger(ofProtocol.reader),
  'three-writers': {
    about: 'three writers, the collector twice, all their late copies: bitstate',
    defines: { CALLS: 3, V: 6, OTHERS_MAX: 1, FLOORS_MAX: 2 },
    run: 'run Writer(0, 1, 0); run Writer(1, 2, 0); run Writer(2, 3, 0);',
    bitstateMinutes: 8,
  },
};

/** Control: the configuration it breaks, and the properties one of which must be found violated. */
const controlsOfProtocol = {
  NO_CONFIRM: ['collector', 'tip read again after the create of a stale writer', 'ACKED_COMMIT_IS_LOST'],
  NO_FENCE: ['two-writers', 'fence before "did not happen"', 'DID_NOT_HAPPEN_BUT_DID'],
  NO_CREATE_ONLY: ['two-writers', 'create only if absent', 'ACKED_COMMIT_IS_LOST'],
  NO_RELOCATE: [
    'reader',
    'tip found anew when stale',
    'READER_MISSES_A_COMMIT',
    'ORPHAN_IS_TAKEN_FOR_A_RECORD',
  ],
  NO_READ_BACK: ['two-writers', "one's own record recognised in a taken slot", 'REQUEST_IS_DOUBLED'],
  NO_REQUEST_CHECK: ['outcome', 'request id looked up', 'REQUEST_IS_DOUBLED', 'CLOSED_REQUEST_COMMITS'],
  NO_GRACE: [
    'collector',
    'whole grace period before deletion',
    'ACKED_COMMIT_IS_LOST',
    'FALSE_ALARM',
    'ORPHAN_IS_TAKEN_FOR_A_RECORD',
  ],
  NO_BASE_RULE: ['flush', 'segments older than the floor uploaded again', 'RECORD_NAMES_A_DELETED_SEGMENT'],
  NO_ROOTS_FLOOR: [
    'flush',
    "segments go by the floor that the root says, not by today's",
    'RECORD_NAMES_A_DELETED_SEGMENT',
  ],
  NAMED_BY_THE_NEWEST: [
    'flush',
    'segments that the root names stay, whatever the newest record names',
    'RECORD_NAMES_A_DELETED_SEGMENT',
  ],
  NO_BELOW_FLOOR: [
    'collector',
    'taken slot below the floor: OUTCOME_UNKNOWN',
    'ACKED_COMMIT_IS_LOST',
    'REQUEST_IS_DOUBLED',
  ],
  REBASE_BELOW_FLOOR: [
    'collector',
    'created below the floor: OUTCOME_UNKNOWN, not another try',
    'REQUEST_IS_DOUBLED',
  ],
  FENCE_IS_NOT_CONFIRMED: [
    'collector',
    'fence of a stale writer confirmed like a create',
    'DID_NOT_HAPPEN_BUT_DID',
  ],
  CONFIRM_BY_SHARED_TIP: [
    'reader-beside-writer',
    "staleness by the record's own base",
    'ACKED_COMMIT_IS_LOST',
    'DID_NOT_HAPPEN_BUT_DID',
  ],
  PROBE_IS_NOT_TIMED: [
    'reader',
    "a probe's staleness judged after its answer",
    'READER_MISSES_A_COMMIT',
    'ORPHAN_IS_TAKEN_FOR_A_RECORD',
  ],
  LISTING_IS_NOT_TIMED: [
    'reader',
    'time between listing and reading the tip',
    'ACKED_COMMIT_IS_LOST',
    'ORPHAN_IS_TAKEN_FOR_A_RECORD',
    'FALSE_ALARM',
  ],
  LOST_SLOT_IS_NOT_TIMED: [
    'collector',
    'time before a lost slot is read',
    'ACKED_COMMIT_IS_LOST',
    'REQUEST_IS_DOUBLED',
  ],
  PAST_IS_NOT_TIMED: ['reader', 'an older version read by a stale process', 'EXPIRED_VERSION_IS_ANSWERED'],
};

const ofIntents = (all) =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { ...one, model: 'intents.pml' }]));
const configurations = { ...ofProtocol, ...ofIntents(intents.configurations) };
const large = { ...largeOfProtocol, ...ofIntents(intents.large) };
const controls = { ...controlsOfProtocol, ...intents.controls };

const source = (model) => readFileSync(new URL(model, import.meta.url), 'utf8');
const children = new Set();
const work = mkdtempSync(join(tmpdir(), 'holdfast-model-'));
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** Resolves to everything it printed, whatever its exit code; rejects if it can't be started. */
function execute(cwd, command, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        output += data;
      });
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      resolve({ output, code });
    });
  });
}

async function check(name, { model = 'protocol.pml', defines, run, cycles, bitstateMinutes }, without) {
  const cwd = mkdtempSync(join(work, 'pan-'));
  const lines = Object.entries({
    ...defines,
    RUN: run,
    ...(without ? { [without]: '' } : {}),
    ...(isTraced ? { TRACE: '' } : {}),
  });
  writeFileSync(
    join(cwd, 'm.pml'),
    lines.map(([key, value]) => `#define ${key} ${value}\n`).join('') + source(model),
  );
  const generated = await execute(cwd, 'spin', '-a', 'm.pml');
  const mode = cycles && !without ? ['-DNP'] : ['-DSAFETY'];
  // Breadth first finds the shortest counterexample.
  if (without) mode.push('-DBFS');
  mode.push(...(bitstateMinutes ? ['-DBITSTATE'] : ['-DCOLLAPSE']), `-DMEMLIM=${MEMORY_MIB_MAX}`);
  const compiled = await execute(cwd, 'gcc', '-w', without ? '-O1' : '-O2', ...mode, '-o', 'pan', 'pan.c');
  if (generated.code !== 0 || compiled.code !== 0)
    throw new Error(`${name}: spin or gcc failed:\n${generated.output}\n${compiled.output}`);
  const started = Date.now();
  const bitstate = bitstateMinutes ? ['-w33', '-k3', `-Q${bitstateMinutes}`] : [];
  const { output } = await execute(
    cwd,
    './pan',
    `-m${DEPTH_MAX}`,
    ...(cycles && !without ? ['-l'] : []),
    ...bitstate,
  );
  const trace =
    isTraced && /errors: [1-9]/.test(output) ? (await execute(cwd, 'spin', '-t', 'm.pml')).output : '';
  rmSync(cwd, { recursive: true, force: true });
  const number = (pattern) => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  return {
    output,
    states: number(/^\s*([\d.e+]+) states, stored/m),
    transitions: number(/^\s*([\d.e+]+) transitions/m),
    depth: number(/depth reached (\d+)/),
    errors: number(/errors: (\d+)/),
    memoryMib: number(/^\s*([\d.]+)\s+total actual memory usage/m),
    violated:
      /assertion violated.*?\b([A-Z][A-Z_]{8,})\b/.exec(output)?.[1] ??
      (/invalid end state \(/.test(output) ? 'HELD_UP_FOR_EVER' : undefined),
    trace: trace.split('\n').filter((line) => /^ *#* *\S+.*(record|intent|transaction) /.test(line)),
    complete: !/search not completed|too small|out of memory|memory limit/i.test(output),
    seconds: (Date.now() - started) / 1000,
  };
}

/** Runs all tasks, a few at once, and hands their results over in the order in which they end. */
async function all(tasks, onResult) {
  const left = [...tasks];
  const worker = async () => {
    for (let task = left.shift(); task; task = left.shift()) onResult(task, await task.start());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isChosen = (name) => chosen.length === 0 || chosen.includes(name);
const isTraced = process.argv.includes('--trace');
const isLarge = process.argv.includes('--large');
let passed = 0;
let failed = 0;

function tell(ok, text, output) {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${text}`);
  if (!ok) console.log(output);
}

async function main() {
  const missing = [];
  for (const [command, flag] of [
    ['spin', '-V'],
    ['gcc', '--version'],
  ])
    await execute(work, command, flag).catch(() => missing.push(command));
  if (missing.length > 0) {
    const packages = missing.flatMap((name) => (name === 'gcc' ? ['gcc', 'libc6-dev', 'cpp'] : [name]));
    await aptInstall(
      packages,
      'Checking the model needs',
      `Install ${missing.join(' and ')}, then try again.`,
    );
  }

  const tasks = Object.entries(isLarge ? large : configurations)
    .filter(([name]) => isChosen(name))
    .map(([name, configuration]) => ({ name, configuration, start: () => check(name, configuration) }));
  await all(tasks, ({ name, configuration }, r) => {
    const extent = configuration.bitstateMinutes ? 'bitstate' : r.complete ? 'complete' : 'NOT COMPLETE';
    tell(
      r.errors === 0 && (r.complete || configuration.bitstateMinutes !== undefined),
      `${name.padEnd(24)} ${extent}, ${r.states.toLocaleString('en')} states, ${r.transitions.toLocaleString('en')} transitions, depth ${r.depth}, ${r.seconds.toFixed(1)} s, ${Math.round(r.memoryMib)} MiB: ${configuration.about}`,
      r.output,
    );
  });

  const broken = Object.entries(isLarge ? {} : controls)
    .filter(([rule]) => isChosen(rule))
    .map(([rule, [name, about, ...expected]]) => ({
      rule,
      about,
      name,
      expected,
      start: () => check(rule, configurations[name], rule),
    }));
  await all(broken, ({ rule, about, name, expected }, r) => {
    tell(
      r.errors > 0 && expected.includes(r.violated),
      `without: ${about.padEnd(62)} ${r.violated ?? 'NO VIOLATION'} after ${r.depth} steps (${rule}, ${name}, ${r.states.toLocaleString('en')} states, ${r.seconds.toFixed(1)} s)`,
      r.output.split('\n').slice(0, 12).join('\n'),
    );
    for (const line of r.trace) console.log(line.replace(/^ +/, '      '));
  });
}

try {
  await main();
} catch (error) {
  console.log(error.message);
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
