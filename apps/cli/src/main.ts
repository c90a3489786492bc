#!/usr/bin/env node
/** The `holdfast` command: reads the command line and runs what it names. */
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { failureOf, UsageError } from './failure.js';
import { createProgram } from './program.js';
import { report, runCommand } from './run.js';

async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = createProgram(async (spec, operands, options) => {
    code = await runCommand(spec, operands, options);
  });
  if (args.length === 0) {
    process.stderr.write(program.helpInformation());
    return EXIT.usage;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    const json = args.includes('--json');
    if (!(error instanceof CommanderError)) return report(undefined, failureOf(error), error, json);
    if (error.exitCode === 0) return EXIT.ok;
    const text = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
    const advice = `${/[.!?)]$/.test(text) ? text : `${text}.`} See \`holdfast${commandOf(args)} --help\`.`;
    return report(undefined, failureOf(new UsageError(advice)), error, json);
  }

  function commandOf(words: readonly string[]): string {
    const name = words.find((word) => program.commands.some((command) => command.name() === word));
    return name ? ` ${name}` : '';
  }
}

// A remark to whoever builds with the AWS SDK, on every run: standard error is for what users can act on.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
// A reader that went away is told to whoever writes; `--help | head` must not end in an exception.
process.stdout.on('error', () => {});
process.exit(await main(process.argv.slice(2)));
