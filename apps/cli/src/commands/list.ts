import type { Command } from 'commander';
import { type CommandSpec, defineCommand } from '../command.js';
import { printEntries, printKeys } from '../entry-printer.js';
import { KEY_HELP } from '../key-text.js';
import { parseCount } from '../moments.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../ranges.js';

export interface ListOptions extends RangeOptions {
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

export function addListOptions(command: Command): void {
  addRangeOptions(command);
  command
    .option('--reverse', 'last key first')
    .option('--limit <n>', 'at most N', parseCount)
    .option('--keys-only', 'keys without values; these are not fetched');
}

export const listCommand: CommandSpec = defineCommand<ListOptions>({
  name: 'list',
  summary: 'print keys and values, in order',
  operands: [],
  needs: 'database',
  addOptions: addListOptions,
  help: `${KEY_HELP}

On a terminal lines are aligned and cut to its width; into a pipe they are KEY<tab>VALUE, and nothing is cut.
With --json there is one {"key", "value", "version", "versionstamp"} per line.

Examples:
  $ holdfast list file:./state
  $ holdfast list file:./state --prefix users --limit 10
  $ holdfast list file:./state --from '["users", 17]' --to '["users", 20]' --json`,
  async run(call) {
    const { out, options, signal } = call;
    const { reverse, limit, json, keysOnly } = options;
    const range = rangeOf(options);
    const db = await call.open('read');
    const how = { reverse, limit, signal };
    const count = keysOnly
      ? await printKeys(out, db.keys(range, how), json)
      : await printEntries(out, db.list(range, how), json);
    if (count === 0) call.say(`Nothing there (version ${db.version}).`);
    return undefined;
  },
});
