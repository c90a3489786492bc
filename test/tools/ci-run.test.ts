import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

// The real .ci/run in a folder of its own, where `npm` is a script that does as each test says.
const repository = fileURLToPath(new URL('../../', import.meta.url));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-ci-run-'));
  cpSync(join(repository, '.ci'), join(root, '.ci'), { recursive: true });
  cpSync(join(repository, 'tools/servers'), join(root, 'tools/servers'), { recursive: true });
  cpSync(join(repository, 'package.json'), join(root, 'package.json'));
  mkdirSync(join(root, 'bin'));
  mkdirSync(join(root, 'tmp'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const vitestReport = (passed: number, failed: number): string =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: 0,
    testResults: [
      { status: failed ? 'failed' : 'passed', assertionResults: Array(failed).fill({ status: 'failed' }) },
    ],
  });

/**
 * @param special what npm does in place of passing, by a pattern of its arguments (a shell's `case`)
 */
function start(special = ''): { child: ChildProcess; lines: () => string[] } {
  const npm = `#!/bin/bash
all="$*"
case "$all" in
${special}
"run test:model") echo '1 passed, 0 failed' ;;
*--outputFile.json=*) echo '${vitestReport(3, 0)}' > "\${all##*--outputFile.json=}" ;;
esac
`;
  writeFileSync(join(root, 'bin/npm'), npm, { mode: 0o755 });
  const child = spawn(join(root, '.ci/run'), {
    env: { ...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}`, TMPDIR: join(root, 'tmp') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { child, lines: () => output.trimEnd().split('\n') };
}

async function run(special?: string): Promise<{ code: number | null; lines: string[] }> {
  const { child, lines } = start(special);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: lines() };
}

/** How many legs count as one each: install, check, publish, sim, servers, legs; and the model, as `npm` has it here. */
const plainLegs = 7;
/** How many legs vitest reports on. */
const vitestLegs = Object.entries(
  (JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
    .scripts,
).filter(([name, script]) => /^test(:|$)/.test(name) && script.includes('vitest')).length;

describe('.ci/run', () => {
  test('adds the legs up and leaves no file behind', async () => {
    const { code, lines } = await run();
    expect(lines.at(-1)).toBe(`${plainLegs + 3 * vitestLegs} passed, 0 failed`);
    expect(code).toBe(0);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  test('counts failed tests, and a leg that fails without naming one', async () => {
    const { code, lines } = await run(`
"test -- "*) echo '${vitestReport(7, 2)}' > "\${all##*--outputFile.json=}"; exit 1 ;;
"run check") echo 'something is wrong'; exit 1 ;;`);
    expect(lines.at(-1)).toBe(`${plainLegs - 1 + 7 + 3 * (vitestLegs - 1)} passed, 3 failed`);
    expect(lines).toContain('something is wrong');
    expect(code).toBe(1);
  });

  test('counts a leg that dies without a report as failed, whatever its exit code says', async () => {
    const { code, lines } = await run('"run test:servers"*) exit 0 ;;');
    expect(lines.at(-1)).toBe(`${plainLegs + 3 * (vitestLegs - 1)} passed, 1 failed`);
    expect(code).toBe(1);
  });

  test('takes the last line of a leg that is not vitest', async () => {
    const { lines } = await run('"run test:servers"*) echo "40 passed, 0 failed, 2 skipped" ;;');
    expect(lines.at(-1)).toBe(`${plainLegs + 3 * (vitestLegs - 1) + 40} passed, 0 failed, 2 skipped`);
  });

  test('ends with its line when the first leg fails', async () => {
    const { code, lines } = await run('"ci") exit 7 ;;');
    expect(lines.at(-1)).toBe('0 passed, 1 failed');
    expect(code).toBe(1);
  });

  test('ends with its line when it is told to stop, and takes what it started with it', async () => {
    const pidFile = join(root, 'pid');
    const { child, lines } = start(
      `"test -- "*) sleep 1000 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait ;;`,
    );
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    while (!existsSync(pidFile)) await sleep(20);
    child.kill('SIGTERM');
    expect(await closed).toBe(1);
    expect(lines().at(-1)).toBe('1 passed, 1 failed');
    expect(isRunning(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
  });

  test('takes along what a leg has left running in the background', async () => {
    const pidFile = join(root, 'pid');
    const { code } = await run(`"run check") sleep 1000 >/dev/null 2>&1 & echo $! > ${pidFile} ;;`);
    expect(code).toBe(0);
    expect(isRunning(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
  });

  test('fails when package.json has a leg that it does not call', async () => {
    writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts: { 'test:forgotten': 'true' } }));
    const { code, lines } = await run();
    expect(lines).toContain('package.json has test:forgotten, and .ci/run does not call it.');
    expect(code).toBe(1);
  });
});

/** Whether a process of that number does anything; one that has ended and waits to be collected does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
