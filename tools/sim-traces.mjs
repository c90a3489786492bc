// Runs the simulator's seeds on this Node and on Node 24: nothing may fail, and every event must be the same.
//
// Usage: node tools/sim-traces.mjs [--seeds <n>] [--from <seed>]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { seeds, from } = parseArgs({
  options: { seeds: { type: 'string', default: '200' }, from: { type: 'string', default: '1' } },
}).values;
const command = ['packages/sim/dist/main.js', '--seeds', seeds, '--from', from];
const traces = [command, ['tools/with-node.mjs', '24', ...command]].map((args) => {
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  });
  process.stdout.write(stdout);
  if (status !== 0) process.exit(status ?? 1);
  return /^traces (\w+)$/m.exec(stdout)?.[1];
});
const same = traces[0] !== undefined && traces[0] === traces[1];
console.log(
  same
    ? `The traces of ${seeds} seeds are the same on both.`
    : `Expected the same traces on both, found ${traces.join(' and ')}.`,
);
process.exitCode = same ? 0 : 1;
