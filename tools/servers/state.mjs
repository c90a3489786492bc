// Which servers this tool has started, in a file, so that a later `down` finds them.
//
// Invariants:
// - A process is in the file as soon as it exists, before we know that it works: a tool killed half-way
//   leaves nothing that the next `up` or `down` can't find.
// - Only a process whose command line still is the recorded one gets a signal: its number may have been
//   given to somebody else's process since.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Failure, interruption, say, sleep } from './run.mjs';

/** Built binaries and other things worth keeping. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast');
/** State file, logs and data of the running servers. */
export const stateFolder = process.env.HOLDFAST_SERVERS_DIR || join(cacheFolder, 'servers');
const stateFile = join(stateFolder, 'state.json');

/** @returns {Record<string, object>} by server name */
export function readState() {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw new Failure(
      `${stateFile} can't be read (${error.message}). Delete it if no server of it is running.`,
    );
  }
}

/** Records one server, or forgets it when `server` is undefined. */
export function record(name, server) {
  const state = readState();
  if (server) state[name] = server;
  else delete state[name];
  mkdirSync(stateFolder, { recursive: true });
  // Credentials are in it, if only those of a test server.
  writeFileSync(`${stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${stateFile}.new`, stateFile);
}

/** Starts one of the server's daemons in the background and records it. */
export function startDaemon(name, server, daemon) {
  const log = openSync(daemon.log, 'a');
  const child = spawn(daemon.command, daemon.args, {
    env: { ...process.env, ...daemon.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  child.on('error', (error) => say(`${daemon.name}: ${error.message}`));
  child.unref();
  daemon.pid = child.pid;
  record(name, server);
}

/** Whether the daemon's process exists and is the one that was started. */
export function isAlive(daemon) {
  const line = daemon.pid ? commandLine(daemon.pid) : undefined;
  return line?.join(' ') === [daemon.command, ...daemon.args].join(' ');
}

/** Ends daemons, last started first. Processes that are not ours any more are left alone. */
export async function stopDaemons(daemons, { kill9 = false } = {}) {
  for (const daemon of [...daemons].reverse()) {
    if (!isAlive(daemon)) continue;
    process.kill(daemon.pid, kill9 ? 'SIGKILL' : 'SIGTERM');
    const startedMs = Date.now();
    let killed = kill9;
    while (isAlive(daemon)) {
      if (!killed && Date.now() - startedMs > 15_000) {
        say(`${daemon.name} (pid ${daemon.pid}) has not stopped in 15 s: killing it`);
        process.kill(daemon.pid, 'SIGKILL');
        killed = true;
      }
      // Not `sleep`: stopping goes on when the person has interrupted us.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Runs `body` while no other run of this tool changes anything. */
export async function locked(body) {
  mkdirSync(stateFolder, { recursive: true });
  const lock = join(stateFolder, 'lock');
  for (let told = false; ; ) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = lockHolder(lock);
    if (holder !== undefined && !commandLine(holder)?.some((part) => part.endsWith('servers.mjs'))) {
      rmSync(lock, { force: true });
      continue;
    }
    if (!told) say(`Waiting for another run of this tool (pid ${holder ?? 'unknown'}) …`);
    told = true;
    await sleep(500);
  }
  try {
    return await body();
  } finally {
    rmSync(lock, { force: true });
    if (interruption.signal.aborted) say('Interrupted. Run the command again to go on.');
  }
}

function lockHolder(lock) {
  try {
    return Number(readFileSync(lock, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

export function existsProcess(pid) {
  return commandLine(pid) !== undefined;
}

/** The arguments a process was started with; undefined when there is none of that number (or a zombie). */
function commandLine(pid) {
  try {
    const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return parts.length > 0 ? parts : undefined;
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(' ');
  } catch {
    return undefined;
  }
}
