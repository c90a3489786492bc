/** The command: `npm run tamper -- --help`. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Campaign, Tally } from './campaign.js';
import { BYTE_KINDS, type Mutation } from './mutation.js';
import { isOfKeyHolder, kindName, makeCampaign, type Plan, TARGETS, type Target } from './plan.js';
import { failuresOf, summaryOf, tableOf } from './report.js';
import { runPlan } from './run.js';
import type { StructureMutation } from './structure-campaign.js';

interface Options {
  target?: Target[];
  only?: string;
  object?: string;
  offset?: number;
  seed: number;
  sample?: number;
  structures: number;
  jobs: number;
}

const number = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('Expected a whole number from 0.');
  return value;
};

const command = new Command('tamper')
  .description(
    `Changes every byte of a reference database, and everything else that a store could do to it, and reads it.
What is read must be right, or refused in words. Ends with 1 if anything is not.`,
  )
  .addOption(
    new Option(
      '--target <name...>',
      'sealed: 1.3 MB with encryption; plain: without; intents: that are out; structure, announcements: a key holder’s bugs',
    )
      .choices(TARGETS)
      .default(undefined, 'all'),
  )
  .addOption(new Option('--only <kind>', 'this kind of mutation').choices(BYTE_KINDS.map(kindName)))
  .option('--object <name>', 'of this object only')
  .option('--offset <n>', 'one mutation: with --only and --object, or of a key holder’s bugs', number)
  .option('--seed <n>', 'decides the bits that are flipped, and the structures', number, 1)
  .option('--sample <n>', 'at most so many mutations of each target, spread evenly', number)
  .option(
    '--structures <n>',
    'how many structures are changed, and a tenth as many announcements',
    number,
    50_000,
  )
  .option('--jobs <n>', 'threads', number, availableParallelism());

async function main(): Promise<void> {
  command.parse();
  const options = command.opts<Options>();
  const plan: Plan = {
    targets:
      options.target ?? TARGETS.filter((target) => !isOfKeyHolder(target) || options.only === undefined),
    seed: options.seed,
    jobs: Math.max(1, options.jobs),
    sample: options.sample,
    structures: options.structures,
    only: options.only,
    object: options.object,
  };
  if (options.offset !== undefined) return runOne(plan, options.offset);
  const stop = new AbortController();
  process.on('SIGINT', () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const tally = await runPlan(plan, {
    signal: stop.signal,
    onProgress: (sum) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${summaryOf(sum, seconds())}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  print(tally);
  console.log(
    `${summaryOf(tally, seconds())}, ${plan.jobs} threads${stop.signal.aborted ? '; interrupted' : ''}`,
  );
  process.exitCode = tally.failures.length > 0 ? 1 : stop.signal.aborted ? 130 : 0;
}

function print(tally: Tally): void {
  console.log(tableOf(tally));
  for (const line of failuresOf(tally)) console.log(line);
}

/** One mutation, in this thread, with all that is known of it. */
async function runOne(plan: Plan, offset: number): Promise<void> {
  const target = plan.targets[0]!;
  if (plan.targets.length > 1 || (!isOfKeyHolder(target) && !(plan.only && plan.object)))
    command.error('--offset needs one --target, and for sealed, plain and intents --only and --object too');
  const campaign = (await makeCampaign(target, plan)) as Campaign<Mutation | StructureMutation>;
  const kind = plan.only?.replaceAll('-', ' ');
  const mutation = { kind, object: plan.object ?? 'any', offset } as Mutation;
  // Number 0 of a kind is examined in full whatever a quick read says.
  const outcome = await campaign.run(mutation, 0);
  console.log(`${kindName(outcome.kind)}: ${outcome.verdict}, codes ${outcome.codes.join(', ') || 'none'}`);
  if (outcome.reason !== undefined) console.log(outcome.reason);
  process.exitCode = outcome.verdict === 'silent' ? 1 : 0;
}

await main().catch((error: unknown) => {
  // Of an object or an offset that is not there.
  if (error instanceof RangeError) command.error(error.message);
  throw error;
});
