/** The command line of `npm start`. What is done is in show.ts. */
import { setMaxListeners } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import { HoldfastError, StoreError } from 'holdfast';
import { type ShowOptions, show } from './show.js';

function wholeFrom(min: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < min)
      throw new InvalidArgumentError(`Expected a whole number from ${min}.`);
    return n;
  };
}

const program = new Command('npm start --')
  .description(
    `Runs four contracts from several worker processes at once over one sealed state, kills a worker on the way,
then verifies every object and checks the books. Also imports some 170,000 cities to query.`,
  )
  .option(
    '--location <url>',
    'where the state is: file:./dir, s3://bucket/prefix, minio://host:port/bucket/prefix, … (default: state in the folder)',
  )
  .option('--folder <dir>', 'where the key and the journals are', '.holdfast')
  .option('--fresh', 'start over: deletes the state, if this example has made it')
  .option('--workers <n>', 'worker processes', wholeFrom(1), 4)
  .addOption(
    new Option('--seconds <n>', 'how long the workers work').argParser(wholeFrom(1)).conflicts('calls'),
  )
  .option('--calls <n>', 'how many calls each worker makes, instead of --seconds', wholeFrom(1))
  .option('--records <n>', 'import at most so many cities', wholeFrom(1))
  .addHelpText(
    'after',
    `
Credentials for a bucket come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER
and MINIO_ROOT_PASSWORD. Exit codes: 0 everything balances, 1 something failed, 2 it does not balance,
130 interrupted (the next start goes on from there).`,
  );

const interruption = new AbortController();
// Every request under way listens to it.
setMaxListeners(0, interruption.signal);
let hard = (): void => {};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (interruption.signal.aborted) {
      hard();
      process.exit(130);
    }
    process.stderr.write('\nStopping; once more to stop at once.\n');
    interruption.abort(new Error('Interrupted.'));
  });

try {
  program.parse();
  const options = program.opts<ShowOptions>();
  const balanced = await show(options, interruption.signal, (crew) => {
    hard = () => crew.killAll();
  });
  if (!balanced) process.exitCode = 2;
} catch (error) {
  if (interruption.signal.aborted) {
    process.stderr.write('Interrupted. The next start carries on from here.\n');
    process.exitCode = 130;
  } else {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
  }
}

/** A user's mistake and a store's failure are told in a sentence; what nobody expected, with its stack. */
function explain(error: unknown): string {
  if (error instanceof HoldfastError) return `${error.code}: ${error.message}`;
  if (error instanceof StoreError || (error instanceof Error && error.constructor === Error))
    return error.message;
  if (error instanceof TypeError && error.message.includes('expected')) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
