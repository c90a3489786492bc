/** `npm run crash-points`: every call struck by every fault. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { allCases, describeCase, runCase } from './crash-points.js';
import { crowdCases, describeCrowdCase, runCrowdCase } from './crowd.js';

const program = new Command('crash-points')
  .description(
    'Strikes every store call of commits, flushes, compactions and closes with every fault, and checks what is left.',
  )
  .addOption(new Option('--depth <n>', 'blows in one run').choices(['1', '2']).default('1'))
  .option('--only <text>', 'only operations that have this in their name')
  .option('--crowd-every <n>', 'of crowds only every n-th case', toCount, 1)
  .option('--fail-fast', 'stop at the first failure')
  .showHelpAfterError();
program.parse();
const options = program.opts<{ depth: '1' | '2'; only?: string; crowdEvery: number; failFast?: true }>();
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
for await (const each of everyCase()) {
  if (stopped) break;
  const { calls, fell, problems } = await each.run();
  cases++;
  if (fell) struck++;
  counts.set(each.name, (counts.get(each.name) ?? 0) + 1);
  if (problems.length === 0) continue;
  failed++;
  console.log(`FAILED ${each.describe(calls)}`);
  for (const problem of problems) console.log(`  ${problem}`);
  if (options.failFast) break;
}
for (const [name, count] of counts) console.log(`${name}: ${count} cases`);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(`${cases} cases, ${struck} of them struck as planned, ${failed} failed, ${seconds} s`);
process.exitCode = stopped ? 130 : failed > 0 ? 1 : 0;

interface Outcome {
  readonly calls: readonly string[];
  /** Every blow fell. */
  readonly fell: boolean;
  readonly problems: readonly string[];
}

interface AnyCase {
  readonly name: string;
  run(): Promise<Outcome>;
  describe(calls: readonly string[]): string;
}

/** Those of one machine, then, with one blow, those of a crowd. */
async function* everyCase(): AsyncGenerator<AnyCase, void, undefined> {
  for await (const each of allCases(depth, options.only))
    yield {
      name: each.operation.name,
      run: () =>
        attempt(async () => {
          const { struck: fallen, ...result } = await runCase(each);
          return { ...result, fell: fallen === each.blows.length };
        }),
      describe: (calls) => describeCase(each, calls),
    };
  if (depth > 1) return;
  let counted = 0;
  for await (const each of crowdCases(options.only)) {
    if (counted++ % options.crowdEvery !== 0) continue;
    yield {
      name: `crowd, ${each.errand.name}`,
      run: () => attempt(() => runCrowdCase(each)),
      describe: (calls) => describeCrowdCase(each, calls),
    };
  }
}

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

async function attempt(run: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    return { calls: [], fell: true, problems: [error instanceof Error ? (error.stack ?? '') : ''] };
  }
}
