// Runs every program of a folder that shows a fault: each is started with HOLDFAST set to this checkout (built), and
// exits with 0 where it finds what is right, with 1 where the fault shows. Prints one table.
//
// Usage: node tools/run-cases.mjs FOLDER [--only <text>]... [--expect <file>] [--red <name>]... [--timeout-s <n>] [--jobs <n>]
//   --only      programs with this in their name
//   --expect    a file with the names of those that may stay red, one a line; what follows a # is the reason
//   --red       one more such name
// Names that end in -lib (what programs share) and -lines (which print figures, and judge nothing) are left out.
// Exit code: 0 when all but those are right, 1 when one is not, 2 for a call that can't be followed.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parse();
const folder = resolve(positionals[0]);
const names = namesIn(folder).filter((name) => (values.only ?? ['']).some((text) => name.includes(text)));
if (names.length === 0) refuse(`No program to run in ${folder}.`);
const mayBeRed = expectedRed();
const limitMs = Number(values['timeout-s']) * 1000;

const results = new Map();
const waiting = [...names];
await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, work));

const rows = names.map((name) => {
  const { said, line } = results.get(name);
  const red = said !== '0';
  const verdict = red
    ? mayBeRed.has(name)
      ? 'red, as expected'
      : 'RED'
    : mayBeRed.has(name)
      ? 'green now'
      : 'ok';
  return { name, said, verdict, line: mayBeRed.get(name) && red ? `${line} (${mayBeRed.get(name)})` : line };
});
const width = (of) => Math.max(...rows.map((row) => of(row).length));
const [names_, said_, verdict_] = [
  width((row) => row.name),
  width((row) => row.said),
  width((row) => row.verdict),
];
for (const { name, said, verdict, line } of rows)
  console.log(`${name.padEnd(names_)}  ${said.padStart(said_)}  ${verdict.padEnd(verdict_)}  ${line}`);
const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
console.log(
  `${rows.length} programs: ${count('ok') + count('green now')} right, ${count('RED')} red, ${count('red, as expected')} red as expected${count('green now') > 0 ? `, ${count('green now')} of those expected red are right` : ''}`,
);
process.exitCode = count('RED') > 0 ? 1 : 0;

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
    results.set(name, await run(name));
}

/** @returns {Promise<{ said: string, line: string }>} its exit code, and the last line of what it printed */
function run(name) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--expose-gc', join(folder, `${name}.mjs`)], {
      cwd: root,
      env: { ...process.env, HOLDFAST: root.replace(/\/$/, ''), NO_COLOR: '1', FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const ended = Date.now() + limitMs;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-20_000);
      });
    // With whatever it has started.
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(end, limitMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      end();
      const late = code === null && Date.now() >= ended;
      resolve({ said: late ? 'time' : String(code ?? 'killed'), line: lastLine(output) });
    });
  });
}

/** Control characters do not reach the terminal. */
function lastLine(output) {
  const lines = output.split('\n').map((line) => line.replace(/[\p{Cc}\p{Cf}]/gu, ' ').trim());
  return (lines.filter(Boolean).at(-1) ?? '').slice(0, 160);
}

function namesIn(of) {
  try {
    return readdirSync(of)
      .filter((file) => file.endsWith('.mjs') && !/-(lib|lines)\.mjs$/.test(file))
      .map((file) => basename(file, '.mjs'))
      .sort();
  } catch (error) {
    return refuse(error.message);
  }
}

/** @returns {Map<string, string>} the reason by the name's beginning, spelled out to whole names */
function expectedRed() {
  const lines = values.expect === undefined ? [] : readFileSync(values.expect, 'utf8').split('\n');
  const stated = [...lines, ...(values.red ?? [])]
    .map((line) => line.split('#').map((part) => part.trim()))
    .filter(([name]) => name);
  const all = namesIn(folder);
  const red = new Map();
  for (const [name, reason = ''] of stated) {
    const meant = all.filter((each) => each === name || each.startsWith(`${name}-`));
    if (meant.length !== 1)
      refuse(`${name} is expected to stay red: ${meant.length} programs have that name.`);
    red.set(meant[0], reason);
  }
  return red;
}

function parse() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        expect: { type: 'string' },
        red: { type: 'string', multiple: true },
        'timeout-s': { type: 'string', default: '120' },
        jobs: { type: 'string', default: '1' },
      },
    });
    for (const name of ['timeout-s', 'jobs'])
      if (!/^[1-9]\d*$/.test(parsed.values[name])) refuse(`--${name}: expected a whole number from 1.`);
    if (parsed.positionals.length !== 1) refuse('Expected one folder.');
    return parsed;
  } catch (error) {
    return refuse(error.message);
  }
}

/** @returns {never} */
function refuse(message) {
  console.error(
    `${message}\nUsage: node tools/run-cases.mjs FOLDER [--only <text>] [--expect <file>] [--red <name>] [--timeout-s <n>] [--jobs <n>]`,
  );
  process.exit(2);
}
