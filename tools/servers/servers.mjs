// Real object stores for tests, on this machine: installs, starts, stops and describes them.
// `npm run servers -- help` lists the commands; each server's own part is in the file of its name.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ceph from './ceph.mjs';
import * as minio from './minio.mjs';
import { Failure, interruption, say, seconds } from './run.mjs';
import { answers, makeBucket } from './s3.mjs';
import { isAlive, locked, readState, record, startDaemon, stateFolder, stopDaemons } from './state.mjs';

const kinds = { minio, ceph };

const help = `Usage: npm run servers -- <command>

  up [minio] [ceph]        install what is missing, start (both by default), make the bucket "holdfast"
      --keep               keep the data of the last time (else it is wiped)
      --any-port           take free ports instead of the usual ones
  down [minio] [ceph]      stop what "up" has started, and nothing else
  restart minio|ceph       stop and start again with its data
      --kill9              stop it the hard way
      --only <daemon>      only this part of it (Ceph: mon, osd, rgw)
  status [--json]          what is up, where, with which credentials; exit code 1 when nothing is
  env                      the same as shell exports: eval "$(npm run -s servers -- env)"

Everything listens on 127.0.0.1. Ports: ${Object.values(kinds)
  .flatMap((kind) => Object.values(kind.portsByDefault))
  .map(({ variable, port }) => `${variable} (${port})`)
  .join(', ')}.
Files are in ${stateFolder} (HOLDFAST_SERVERS_DIR), binaries in the cache folder's holdfast/bin.`;

const commands = { up, down, restart, status, env };

async function up(names, flags) {
  for (const name of names) {
    const kind = kinds[name];
    const running = readState()[name];
    if (running?.ready && running.daemons.every(isAlive) && (await answers(running))) {
      describe(name, running, 'already up');
      continue;
    }
    // What a failed or killed run has left of it.
    if (running) await stop(name, running);
    await kind.install();
    const startedMs = Date.now();
    const { server, fresh } = await prepare(name, flags);
    await launchAll(name, server, fresh);
    describe(name, server, `up in ${seconds(startedMs)}`);
  }
}

/** Decides ports and folder; kept data keeps its ports, because Ceph's monitor has its own in its data. */
async function prepare(name, flags) {
  const folder = join(stateFolder, name);
  const marker = join(folder, 'ports.json');
  const keep = flags.keep && existsSync(marker);
  if (!keep) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const ports = keep ? JSON.parse(readFileSync(marker, 'utf8')) : {};
  for (const [part, { variable, port }] of Object.entries(kinds[name].portsByDefault)) {
    const wanted = ports[part] ?? (flags['any-port'] ? 0 : Number(process.env[variable] ?? port));
    ports[part] = await freePort(wanted, `${name} (${part})`, variable);
  }
  return { server: kinds[name].plan(folder, ports), fresh: !keep };
}

/** Starts all of a server's daemons and waits until an object can be written. */
async function launchAll(name, server, fresh) {
  say(`${name}: starting (usually ${name === 'ceph' ? '20 seconds' : '1 second'}) …`);
  const launch = async (daemon) => startDaemon(name, server, daemon);
  try {
    await kinds[name].start(server, fresh, launch);
    await makeBucket(server, {
      timeoutMs: kinds[name].startTimeoutMs,
      isAlive: () => server.daemons.every(isAlive),
    });
  } catch (error) {
    await stop(name, server);
    if (error instanceof Failure)
      throw new Failure(`${name}: ${error.message}\nIts logs are in ${server.folder}.`);
    throw error;
  }
  writeFileSync(join(server.folder, 'ports.json'), JSON.stringify(server.ports));
  server.ready = true;
  record(name, server);
}

async function down(names) {
  const state = readState();
  for (const name of names) {
    if (!state[name]) say(`${name}: not up`);
    else {
      await stop(name, state[name]);
      say(`${name}: stopped`);
    }
  }
}

async function stop(name, server) {
  await stopDaemons(server.daemons);
  record(name, undefined);
}

async function restart([name, ...more], flags) {
  const server = readState()[name];
  if (!server || more.length > 0)
    throw new Failure(server ? 'restart takes one server.' : `${name ?? 'A server to restart'} is not up.`);
  const chosen = server.daemons.filter((daemon) => !flags.only || daemon.name === flags.only);
  if (chosen.length === 0)
    throw new Failure(`${name} has ${server.daemons.map((d) => d.name).join(', ')}, not ${flags.only}.`);
  await stopDaemons(chosen, { kill9: flags.kill9 });
  const startedMs = Date.now();
  server.ready = false;
  for (const daemon of chosen) startDaemon(name, server, daemon);
  await makeBucket(server, {
    timeoutMs: kinds[name].startTimeoutMs,
    isAlive: () => server.daemons.every(isAlive),
  });
  server.ready = true;
  record(name, server);
  describe(name, server, `up again in ${seconds(startedMs)}`);
}

async function status(_names, flags) {
  const servers = {};
  for (const [name, server] of Object.entries(readState())) {
    const daemons = server.daemons.map(({ name, pid, log, ...rest }) => ({
      name,
      pid,
      log,
      alive: isAlive({ ...rest, pid }),
    }));
    const up = daemons.every((daemon) => daemon.alive) && (await answers(server));
    servers[name] = { ...connection(server), up, folder: server.folder, daemons };
    if (!flags.json) describe(name, server, up ? 'up' : 'NOT WORKING: see its logs, then run "up" again');
  }
  if (flags.json) console.log(JSON.stringify({ servers }, null, 2));
  else for (const name of Object.keys(kinds)) if (!servers[name]) say(`${name}: not up`);
  if (!Object.values(servers).some(({ up }) => up)) process.exitCode = 1;
}

async function env() {
  const ready = Object.entries(readState()).filter(([, server]) => server.ready);
  if (ready.length === 0) throw new Failure('No server is up: npm run servers -- up');
  for (const [name, server] of ready) {
    for (const [field, value] of Object.entries(connection(server))) {
      const variable = field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
      console.log(`export HOLDFAST_${name.toUpperCase()}_${variable}='${value}'`);
    }
  }
}

function connection({ endpoint, region, bucket, accessKeyId, secretAccessKey }) {
  return { endpoint, region, bucket, accessKeyId, secretAccessKey };
}

function describe(name, server, what) {
  const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
  const pids = server.daemons.map((daemon) => daemon.pid).join(' ');
  console.log(
    `${name}: ${what}, ${endpoint} bucket ${bucket}, ${accessKeyId} / ${secretAccessKey}, pid ${pids}`,
  );
}

/** The port itself when it is free, or any free one for 0. */
async function freePort(port, what, variable) {
  const listener = createServer();
  try {
    await new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', resolve);
    });
    return listener.address().port;
  } catch (error) {
    throw new Failure(
      `Port ${port} for ${what} can't be used (${error.code}). If another program has it, end that program,\n` +
        `or choose a port: ${variable}=… , or let the tool choose one: --any-port`,
    );
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
}

async function main() {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      keep: { type: 'boolean' },
      'any-port': { type: 'boolean' },
      json: { type: 'boolean' },
      kill9: { type: 'boolean' },
      only: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command = 'help', ...names] = positionals;
  if (command === 'help' || flags.help) return console.log(help);
  if (!commands[command]) throw new Failure(`No command "${command}".\n\n${help}`);
  const unknown = names.find((name) => !kinds[name]);
  if (unknown) throw new Failure(`No server "${unknown}": there are ${Object.keys(kinds).join(' and ')}.`);
  const wanted = names.length > 0 || command === 'restart' ? names : Object.keys(kinds);
  if (command === 'status' || command === 'env') return commands[command](wanted, flags);
  await locked(() => commands[command](wanted, flags));
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => interruption.abort(new Failure(`Stopped by ${signal}.`)));

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure) && error?.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
  say(error.message);
  process.exitCode = 1;
}
