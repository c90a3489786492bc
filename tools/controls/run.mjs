// Takes safety checks out, one at a time, and shows what notices: for the engine's (checks.mjs) first the simulator, then
// the tests that the list names, then the crash points; for the others (checks-by-tests.mjs) their tests. A check that
// nothing notices is a failure: it is not needed, or it is not tested.
//
// Usage: node tools/controls/run.mjs [--seeds <n>] [--only <text>] [--jobs <n>]
//        node tools/controls/run.mjs --check [--root <folder>]
//   --check   takes nothing out: looks that every row still fits the files it is about, and names all that do not
//   --except  leaves worlds without these (see `npm run sim -- --help`), to see whether something else notices
// Works on a copy of the files that git knows, under the system's temporary folder. Prints a table in Markdown.
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checks as ofTheEngine } from './checks.mjs';
import { checksByTests } from './checks-by-tests.mjs';
import { problemsOf, takeOut } from './rows.mjs';

const {
  seeds,
  only,
  jobs,
  check,
  except,
  root: of,
} = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    only: { type: 'string' },
    jobs: { type: 'string' },
    check: { type: 'boolean', default: false },
    except: { type: 'string' },
    root: { type: 'string' },
  },
}).values;
/** Those that only their own tests are asked about come last. */
const checks = [...ofTheEngine, ...checksByTests];
const root = of ?? fileURLToPath(new URL('../..', import.meta.url));
// Before anything is taken out, so that a stale row fails at once, and not after hours.
const stale = problemsOf(checks, root);
for (const problem of stale) console.error(problem);
if (stale.length > 0) process.exit(1);
if (check) {
  console.log(`${checks.length} checks, and each row fits its files.`);
  process.exit(0);
}
const work = mkdtempSync(join(tmpdir(), 'holdfast-controls-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
/** @type {import('node:child_process').ChildProcess | undefined} */
let running;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    running?.kill();
    process.exit(130);
  });

/** Where a check has tests of its own, which take less time. */
const SEEDS_BEFORE_TESTS = 60;

const tsc = join(root, 'node_modules/typescript/bin/tsc');
const built = ['object-store', 'crypto', 'core', 'mvcc', 'sim'];
copy();
for (const name of built) await build(name);
const sane = await simulate(20);
if (sane.status !== 0) fail(`The simulator fails with every check in place:\n${sane.stdout}`);

console.log('| check taken out | noticed by | as | after |');
console.log('| --- | --- | --- | --- |');
let survivors = 0;
const chosen = checks.filter(({ name }) => only === undefined || name.includes(only));
if (chosen.length === 0) fail(`No check's name has ${JSON.stringify(only)} in it.`);
for (const check of chosen) {
  const path = join(work, check.file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, takeOut(check, source));
  if (checksByTests.includes(check)) {
    const noticed = await byTests(check.tests);
    if (!noticed) survivors++;
    console.log(`| ${check.name} | ${noticed ?? '**nothing** | |'} |`);
    writeFileSync(path, source);
    continue;
  }
  const pack = check.file.split('/')[1];
  await build(pack);
  // What does not even load is noticed by everything, and shows nothing.
  const loads = await node(['-e', `import(${JSON.stringify(builtFile(check.file))})`]);
  if (loads.status !== 0) fail(`${check.name}: with its replacement ${check.file} can not be loaded.`);
  const noticed =
    (await bySimulator(check.tests ? SEEDS_BEFORE_TESTS : Number(seeds), check.contended)) ??
    (await byTests(check.tests)) ??
    (await byCrashPoints([])) ??
    (await byCrashPoints(['--depth', '2', '--only', 'given up at once']));
  if (!noticed) survivors++;
  console.log(`| ${check.name} | ${noticed ?? '**nothing** | |'} |`);
  writeFileSync(path, source);
  await build(pack);
  const seed = /(\d+) seeds$/.exec(noticed ?? '')?.[1];
  if (seed && (await simulate(1, Number(seed), check.contended)).status !== 0)
    fail(`Seed ${seed} fails with every check in place: mend that first.`);
}
console.log(`\n${chosen.length} checks taken out, ${chosen.length - survivors} noticed, ${survivors} not.`);
process.exitCode = survivors === 0 ? 0 : 1;

/** @param {number} count @param {boolean} [contended] in worlds of many writers */
async function bySimulator(count, contended) {
  const { stdout, status } = await simulate(count, 1, contended);
  if (status === 0) return undefined;
  const failed = [...stdout.matchAll(/^FAILED seed (\d+): (.*)$/gm)].sort((a, b) => a[1] - b[1])[0];
  return failed ? `simulator | ${words(failed[2])} | ${failed[1]} seeds` : `simulator | no verdict | |`;
}

/** @param {string[]} which */
async function byCrashPoints(which) {
  const args = ['packages/sim/dist/crash-points/main.js', '--fail-fast', ...which];
  const { stdout, status } = await node(args);
  if (status === 0) return undefined;
  const failed = /^FAILED (.*)$/m.exec(stdout)?.[1] ?? 'no verdict';
  return `crash points | ${words(failed)} | ${/^(\d+) cases/m.exec(stdout)?.[1] ?? '?'} cases`;
}

async function byTests(tests) {
  if (!tests) return undefined;
  for (const test of tests) {
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', test];
    const { stdout, status } = await node(args);
    const failed = /Tests.*?(\d+) failed/.exec(stdout)?.[1];
    if (status !== 0 && failed) return `\`${test}\` | ${failed} failed tests | `;
  }
  return undefined;
}

function simulate(count, from = 1, contended = false) {
  const args = ['packages/sim/dist/main.js', '--seeds', String(count), '--from', String(from), '--no-shrink'];
  if (jobs) args.push('--jobs', jobs);
  if (except) args.push('--except', except);
  if (contended) args.push('--only', 'contended');
  return node(args);
}

function builtFile(file) {
  return join(work, file.replace('/src/', '/dist/').replace(/\.ts$/, '.js'));
}

/** TypeScript writes its output whatever it says of the types: a check taken out may leave a name unused. */
function build(name) {
  return node([tsc, '-p', join(work, 'packages', name)]);
}

/** @returns {Promise<{ stdout: string, status: number | null }>} */
function node(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: work,
      env: quiet(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    running = child;
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ stdout, status }));
  });
}

function copy() {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of files.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(work, file)), { recursive: true });
    cpSync(join(root, file), join(work, file));
  }
  // The workspace's own packages are the copies; everything else is the original's.
  const modules = join(root, 'node_modules');
  mkdirSync(join(work, 'node_modules/@holdfast'), { recursive: true });
  for (const name of readdirSync(modules))
    if (name !== '@holdfast' && name !== 'holdfast' && name !== '.vite')
      symlinkSync(join(modules, name), join(work, 'node_modules', name));
  for (const name of readdirSync(join(work, 'packages')))
    symlinkSync(
      join(work, 'packages', name),
      join(work, 'node_modules', name === 'holdfast' ? name : `@holdfast/${name}`),
    );
}

function words(text) {
  return text.replaceAll('|', '/').slice(0, 80);
}

function quiet() {
  return { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
