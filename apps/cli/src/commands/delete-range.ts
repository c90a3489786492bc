import { type CommandSpec, defineCommand } from '../command.js';
import { asUsage, UsageError } from '../failure.js';
import { KEY_HELP } from '../key-text.js';
import { countOf } from '../output.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../ranges.js';

interface DeleteRangeOptions extends RangeOptions {
  readonly all?: boolean;
}

export const deleteRangeCommand: CommandSpec = defineCommand<DeleteRangeOptions>({
  name: 'delete-range',
  summary: 'delete all keys of a range',
  operands: [],
  needs: 'database',
  addOptions: (command) => {
    addRangeOptions(command);
    command.option('--all', 'every key there is');
  },
  help: `All of them in one transaction, which also counts them. What is deleted has to be named: by --prefix, --from, --to
or --all. Earlier versions still have it, for as long as they are kept.

${KEY_HELP}

Examples:
  $ holdfast delete-range file:./state --prefix users
  $ holdfast delete-range file:./state --from '["log", 1]' --to '["log", 1000]' --json`,
  async run(call) {
    const { out, options, signal } = call;
    const { all = false, prefix, from, to } = options;
    const named = prefix !== undefined || from !== undefined || to !== undefined;
    if (named === all)
      throw new UsageError(
        all
          ? 'Expected --all or a range, found both.'
          : 'Expected --prefix, --from or --to, or --all for every key; found none of them. Nothing was changed.',
      );
    const range = rangeOf(options);
    const db = await call.open('write');
    const deleted = await asUsage(() =>
      db.transact(
        async (tx) => {
          const count = await tx.count(range);
          if (count > 0) await tx.deleteRange(range);
          return count;
        },
        { signal },
      ),
    );
    const { version } = db;
    if (options.json) await out.json({ deleted, version });
    else if (deleted === 0) call.say(`No such keys (version ${version}). Nothing was changed.`);
    else call.say(`Deleted ${countOf(deleted, 'key')}: version ${version}.`);
    return undefined;
  },
});
