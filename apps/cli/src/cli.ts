/** The command line: runs what it names, and answers with an exit code. */
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { failureOf, UsageError } from './failure.js';
import { Output, ReaderGone } from './output.js';
import { createProgram } from './program.js';
import { report, runCommand } from './run.js';

export async function runCommandLine(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const help: string[] = [];
  const program = createProgram({
    run: async (spec, operands, options) => {
      code = await runCommand(spec, operands, options);
    },
    print: (text) => help.push(text),
  });
  if (args.length === 0) {
    process.stderr.write(program.helpInformation());
    return EXIT.usage;
  }
  try {
    checkEncoding(args);
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    const json = args.includes('--json');
    if (!(error instanceof CommanderError)) return report(undefined, failureOf(error), error, json);
    if (error.exitCode === 0) return printHelp(help.join(''), json);
    const text = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
    const advice = `${/[.!?)]$/.test(text) ? text : `${text}.`} See \`holdfast${commandOf(args)} --help\`.`;
    return report(undefined, failureOf(new UsageError(advice)), error, json);
  }

  function commandOf(words: readonly string[]): string {
    const name = words.find((word) => program.commands.some((command) => command.name() === word));
    return name ? ` ${name}` : '';
  }
}

async function printHelp(text: string, json: boolean): Promise<number> {
  try {
    await new Output(process.stdout).text(text);
  } catch (error) {
    if (!(error instanceof ReaderGone)) return report(undefined, failureOf(error), error, json);
  }
  return EXIT.ok;
}

/** Node puts U+FFFD where an argument is not UTF-8: two names that differ could become one. */
function checkEncoding(args: readonly string[]): void {
  const bad = args.find((arg) => arg.includes('\ufffd'));
  if (bad !== undefined)
    throw new UsageError(
      `Expected arguments in UTF-8, found ${JSON.stringify(bad)}: \\ufffd stands for other bytes, or for itself. In a KEY or a VALUE write it as '["\\ufffd"]'; for bytes that are no text use --file or standard input.`,
    );
}

/** What becomes of errors that are nobody's, in the process that is this command's alone. */
export function keepProcess(): void {
  // Each write's own callback is told what became of it; an error that is nobody's would end the process.
  process.stdout.on('error', () => {});
  // There is no place left to tell of it; the exit code still says what became of the command.
  process.stderr.on('error', () => {});
  process.on('uncaughtException', (error) => {
    process.exit(report(undefined, failureOf(error), error, process.argv.includes('--json')));
  });
}
