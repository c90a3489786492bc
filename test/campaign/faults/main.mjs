/** `npm run campaign:faults -- --transactions 100000`: the campaign on servers that `npm run servers -- up` started. */
import { execFileSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runFaults, usual } from './conductor.mjs';
import { tableOf } from './table.mjs';

const help = `Usage: npm run campaign:faults -- [options]

  --transactions <n>     writes to be acknowledged, over all servers together (2000), or one number for each: 3000,1000
  --servers <names>      minio,ceph: those to run on (both)
  --client <name>        lean or sdk: what sends the requests (lean)
  --together             on all of them at once, not one after the other
  --workers <n>          long-lived processes (${usual.workers})
  --clients <n>          in each (${usual.clients})
  --commit-timeouts-ms <n,…>  drawn for each process; shorter than a request's: its first lost PUT ends in a fence
                         (${usual.commitTimeoutsMs.join(',')})
  --kill-every-s <n>     mean time between two SIGKILLs (${usual.killEveryMs / 1000})
  --pause-every-s <n>    between two pauses (${usual.pauseEveryMs / 1000})
  --once-every-s <n>     between two short-lived processes (${usual.onceEveryMs / 1000})
  --store-restarts <n>   how often each server is killed (2)
  --deadline-s <n>       for the work on each server (1800)
  --seed <n>             what is drawn; without it a new one
  --folder <path>        for diaries and reports (a new one in the system's folder for such)`;

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '2000' },
    servers: { type: 'string', default: 'minio,ceph' },
    client: { type: 'string', default: 'lean' },
    workers: { type: 'string', default: String(usual.workers) },
    clients: { type: 'string', default: String(usual.clients) },
    'commit-timeouts-ms': { type: 'string', default: usual.commitTimeoutsMs.join(',') },
    'kill-every-s': { type: 'string', default: String(usual.killEveryMs / 1000) },
    'pause-every-s': { type: 'string', default: String(usual.pauseEveryMs / 1000) },
    'once-every-s': { type: 'string', default: String(usual.onceEveryMs / 1000) },
    'store-restarts': { type: 'string', default: '2' },
    'deadline-s': { type: 'string', default: '1800' },
    together: { type: 'boolean' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    folder: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const names = values.servers.split(',');
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'holdfast-faults-'));
console.log(`Seed ${values.seed}. Diaries and reports are in ${folder}.`);
const transactions = values.transactions.split(',').map(Number);
/** @param {string} name @param {number} i */
const run = async (name, i) => {
  const report = await runFaults({
    place: { ...connectionOf(name), kind: name, client: values.client, prefix: `faults/${randomUUID()}` },
    folder: join(folder, name),
    seed: Number(values.seed) + i,
    transactions: transactions.length > 1 ? transactions[i] : Math.ceil(transactions[0] / names.length),
    workers: Number(values.workers),
    clients: Number(values.clients),
    commitTimeoutsMs: values['commit-timeouts-ms'].split(',').map(Number),
    killEveryMs: Number(values['kill-every-s']) * 1000,
    pauseEveryMs: Number(values['pause-every-s']) * 1000,
    onceEveryMs: Number(values['once-every-s']) * 1000,
    storeRestarts: Number(values['store-restarts']),
    deadlineMs: Number(values['deadline-s']) * 1000,
    say: (text) => console.log(text),
  });
  for (const problem of report.problems) console.error(`${name}: ${problem}`);
  return report;
};
const reports = [];
if (values.together) reports.push(...(await Promise.all(names.map(run))));
else for (const [i, name] of names.entries()) reports.push(await run(name, i));
const table = tableOf(reports);
writeFileSync(join(folder, 'table.txt'), `${table}\n`);
console.log(`\n${table}`);
process.exit(reports.every(({ problems }) => problems.length === 0) ? 0 : 1);

/** @param {string} name */
function connectionOf(name) {
  const tool = fileURLToPath(new URL('../../../tools/servers/servers.mjs', import.meta.url));
  const server = JSON.parse(execFileSync(process.execPath, [tool, 'status', '--json'], { encoding: 'utf8' }))
    .servers[name];
  if (!server?.up) throw new Error(`${name} is not up. Start it: npm run servers -- up ${name}`);
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = server;
  return { endpoint, bucket, region, accessKeyId, secretAccessKey };
}
