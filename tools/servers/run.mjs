// Runs other programs for the server tool: says what is happening and for how long, and stops them when the
// person stops us.
//
// Invariants:
// - No program that `run` started is still running when `run` has settled, whether it ended, failed or was
//   interrupted. (`protect` delays the interruption until the program has ended by itself.)
// - Everything for people goes to stderr; stdout belongs to results.
import { spawn } from 'node:child_process';

/** Something the person can act on: printed without a stack trace. */
export class Failure extends Error {}

/** Aborted by Ctrl-C or a signal; everything that waits listens to it. */
export const interruption = new AbortController();

const tellEveryMs = 15_000;

export function say(text) {
  process.stderr.write(`${text}\n`);
}

export function seconds(sinceMs) {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}

export function sleep(ms) {
  interruption.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(interruption.signal.reason);
    };
    const timer = setTimeout(() => {
      interruption.signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    interruption.signal.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Runs a program to its end and returns its standard output.
 * @param o.title what to say while it runs; without it the program runs silently
 * @param o.usually how long it normally takes, in words
 * @param o.unit counts the lines of its output as so many of these, for the progress line
 * @param o.protect an interruption waits for the program's end (dpkg must not be stopped half-way)
 * @throws Failure with the end of its output when it exits with another code than 0
 */
export async function run(command, args, o = {}) {
  interruption.signal.throwIfAborted();
  const startedMs = Date.now();
  if (o.title) say(`${o.title}${o.usually ? ` (usually ${o.usually})` : ''} …`);
  // Its own process group: the terminal's Ctrl-C reaches only us, and we can end all of it at once.
  const child = spawn(command, args, {
    env: { ...process.env, ...o.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  let lines = 0;
  const tail = [];
  const collect = (stream, keep) => {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      if (keep) stdout += text;
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      for (const line of parts) {
        lines++;
        tail.push(line);
        if (tail.length > 20) tail.shift();
      }
    });
    stream.on('end', () => rest && tail.push(rest));
  };
  collect(child.stdout, true);
  collect(child.stderr, false);
  const progress = () => `  ${seconds(startedMs)}${o.unit ? `, ${lines} ${o.unit}` : ''}`;
  const ticker = o.title && setInterval(() => say(progress()), tellEveryMs);
  const stop = () => {
    if (o.protect)
      return say('  will stop as soon as this step is complete (stopping it half-way would break it)');
    end(child, 'SIGTERM');
    setTimeout(() => end(child, 'SIGKILL'), 5_000).unref();
  };
  interruption.signal.addEventListener('abort', stop, { once: true });
  try {
    const { code, signal } = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    interruption.signal.throwIfAborted();
    if (code !== 0) {
      const shown = [command, ...args].join(' ');
      throw new Failure(
        `\`${shown}\` ended with ${signal ?? `exit code ${code}`}. Its last words:\n${tail.join('\n')}`,
      );
    }
  } catch (error) {
    if (error?.code === 'ENOENT') throw new Failure(`${command} is not installed (or not on PATH).`);
    throw error;
  } finally {
    clearInterval(ticker);
    interruption.signal.removeEventListener('abort', stop);
  }
  if (o.title) say(`${progress()}: done`);
  return stdout;
}

/** Whether a program runs and exits with 0. */
export async function succeeds(command, args) {
  return run(command, args).then(
    () => true,
    (error) => {
      if (error instanceof Failure) return false;
      throw error;
    },
  );
}

function end(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}
