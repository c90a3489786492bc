/** `npm run crash-points`: every call struck by every fault. */
import { Command, Option } from 'commander';
import { allCases, type Case, describeCase, runCase } from './crash-points.js';

const program = new Command('crash-points')
  .description(
    'Strikes every store call of commits, flushes and closes with every fault, and checks what is left.',
  )
  .addOption(new Option('--depth <n>', 'blows in one run').choices(['1', '2']).default('1'))
  .option('--only <text>', 'only operations that have this in their name')
  .option('--fail-fast', 'stop at the first failure')
  .showHelpAfterError();
program.parse();
const options = program.opts<{ depth: '1' | '2'; only?: string; failFast?: true }>();
const depth = options.depth === '2' ? 2 : 1;

const startedMs = performance.now();
const counts = new Map<string, number>();
let cases = 0;
let struck = 0;
let failed = 0;
let stopped = false;
process.once('SIGINT', () => {
  stopped = true;
});
for await (const each of allCases(depth, options.only)) {
  if (stopped) break;
  const result = await attempt(each);
  cases++;
  if (result.struck === each.blows.length) struck++;
  counts.set(each.operation.name, (counts.get(each.operation.name) ?? 0) + 1);
  if (result.problems.length === 0) continue;
  failed++;
  console.log(`FAILED ${describeCase(each, result.calls)}`);
  for (const problem of result.problems) console.log(`  ${problem}`);
  if (options.failFast) break;
}
for (const [name, count] of counts) console.log(`${name}: ${count} cases`);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(`${cases} cases, ${struck} of them struck as planned, ${failed} failed, ${seconds} s`);
process.exitCode = stopped ? 130 : failed > 0 ? 1 : 0;

async function attempt(each: Case): ReturnType<typeof runCase> {
  try {
    return await runCase(each);
  } catch (error) {
    return {
      calls: [],
      struck: each.blows.length,
      problems: [error instanceof Error ? (error.stack ?? '') : ''],
    };
  }
}
