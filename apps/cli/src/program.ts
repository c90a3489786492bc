/** The command line: every command, its options and its help. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ADAPTER_HELP } from './adapters.js';
import type { CommandSpec, CommonOptions } from './command.js';
import { compactCommand } from './commands/compact.js';
import { deleteCommand } from './commands/delete.js';
import { deleteRangeCommand } from './commands/delete-range.js';
import { diffCommand } from './commands/diff.js';
import { exportCommand } from './commands/export.js';
import { gcCommand } from './commands/gc.js';
import { getCommand } from './commands/get.js';
import { importCommand } from './commands/import.js';
import { initCommand } from './commands/init.js';
import { keygenCommand } from './commands/keygen.js';
import { listCommand } from './commands/list.js';
import { logCommand } from './commands/log.js';
import { maintainCommand } from './commands/maintain.js';
import { probeCommand } from './commands/probe.js';
import { restoreCommand } from './commands/restore.js';
import { setCommand } from './commands/set.js';
import { snapshotCommand } from './commands/snapshot.js';
import { statsCommand } from './commands/stats.js';
import { verifyCommand } from './commands/verify.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { KEY_HELP } from './key-text.js';
import { LOCATION_HELP } from './location.js';

const COMMANDS: readonly CommandSpec[] = [
  keygenCommand,
  initCommand,
  getCommand,
  setCommand,
  deleteCommand,
  deleteRangeCommand,
  listCommand,
  importCommand,
  exportCommand,
  logCommand,
  snapshotCommand,
  diffCommand,
  restoreCommand,
  verifyCommand,
  statsCommand,
  maintainCommand,
  compactCommand,
  gcCommand,
  probeCommand,
];

export type Runner = (
  spec: CommandSpec,
  operands: readonly string[],
  options: CommonOptions,
) => Promise<void>;

/** @param print takes what `--help` and `--version` say. */
export function createProgram({ run, print }: { run: Runner; print: (text: string) => void }): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('holdfast')
    .description('Transactional, encrypted, versioned state in an object store that nobody has to trust.')
    .usage('COMMAND [LOCATION] … [options]')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .helpCommand(false)
    .configureOutput({ writeOut: print, writeErr: () => {}, outputError: () => {} })
    .exitOverride();
  program.configureHelp({ subcommandTerm: (command) => command.name() });
  program.addHelpText('after', `\n${wrapHelp(GENERAL_HELP)}`);
  for (const spec of COMMANDS) program.addCommand(createCommand(spec, run).copyInheritedSettings(program));
  return program;
}

const GENERAL_HELP = `${LOCATION_HELP}

${ADAPTER_HELP}

${KEY_HELP}

The encryption key: HOLDFAST_KEY (64 hex digits or base64) or --key-file FILE; --plaintext for none.

With --json the result is JSON on standard output, and an error is JSON on standard error.

${EXIT_CODES_HELP}

Example:
  $ export HOLDFAST_KEY=$(holdfast keygen) HOLDFAST_LOCATION=file:./state
  $ holdfast init
  $ holdfast set '["users", 17]' '{"name": "Ann"}'
  $ holdfast list`;

function createCommand(spec: CommandSpec, run: Runner): Command {
  const location = spec.needs === 'nothing' ? [] : ['[LOCATION]'];
  const command = new Command(spec.name)
    .summary(spec.summary)
    .description(`${spec.summary[0]!.toUpperCase()}${spec.summary.slice(1)}.`)
    .usage([...location, ...spec.operands, '[options]'].join(' '))
    .argument('[operands...]')
    .helpOption('--help', 'print help')
    .addHelpText('after', `\n${wrapHelp(spec.help)}`)
    .action((operands: string[], options: CommonOptions) => run(spec, operands, options));
  spec.addOptions?.(command);
  if (spec.needs !== 'nothing')
    command.option(
      '--adapter <module>',
      'load MODULE, which adds a kind of location',
      (name, before: string[] = []) => [...before, name],
    );
  if (spec.needs === 'database')
    command
      .option('--key-file <file>', 'read the key from FILE; default: HOLDFAST_KEY')
      .option('--plaintext', 'the database is not encrypted');
  return command.option('--json', 'print JSON');
}

const HELP_COLUMNS = 80;

/** Fills paragraphs; indented lines and headings stay as they are. */
function wrapHelp(text: string): string {
  const lines: string[] = [];
  let isOpen = false;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(' ') || line.endsWith(':')) {
      lines.push(line);
      isOpen = false;
      continue;
    }
    for (const word of line.split(' ')) {
      const last = lines.at(-1);
      if (isOpen && last !== undefined && last.length + 1 + word.length <= HELP_COLUMNS)
        lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
      isOpen = true;
    }
  }
  return lines.join('\n');
}
