import { type CommandSpec, defineCommand } from '../command.js';
import { entryToJson, printEntries, printKeys } from '../entry-printer.js';
import { EXIT } from '../exit-codes.js';
import { asUsage, UsageError } from '../failure.js';
import { keyToJson, parseKeyArgument, printKey } from '../key-text.js';
import { MOMENT_HELP, parseMoment } from '../moments.js';
import { rangeOf } from '../ranges.js';
import { printEntry } from '../value-output.js';
import { addListOptions, type ListOptions } from './list.js';

export const snapshotCommand: CommandSpec = defineCommand<
  ListOptions & { at?: number | Date; raw?: boolean }
>({
  name: 'snapshot',
  summary: 'read as of an earlier version: one key, or a list',
  operands: ['[KEY]'],
  needs: 'database',
  addOptions: (command) => {
    command.option('--at <version|date>', 'which version', parseMoment);
    addListOptions(command);
    command.option('--raw', 'with KEY: a string, bytes or a stream as they are');
  },
  help: `${MOMENT_HELP}

Examples:
  $ holdfast snapshot file:./state --at 12
  $ holdfast snapshot file:./state --at 2026-11-22T15:00Z '["users", 17]'`,
  async run(call) {
    const { out, options, signal } = call;
    const { at, json, reverse, limit, keysOnly, raw } = options;
    if (at === undefined) throw new UsageError('Expected --at VERSION or --at DATE, found none.');
    const key = call.operands[0] === undefined ? undefined : parseKeyArgument(call.operands[0]);
    const range = rangeOf(options);
    const db = await call.open('read');
    const snapshot = await asUsage(() => db.snapshot({ at, signal }));
    if (at instanceof Date) call.say(`Version ${snapshot.version}, of ${snapshot.time.toISOString()}.`);
    if (key === undefined) {
      const how = { reverse, limit, signal };
      const count = keysOnly
        ? await printKeys(out, snapshot.keys(range, how), json)
        : await printEntries(out, snapshot.list(range, how), json);
      if (count === 0) call.say(`Nothing there (version ${snapshot.version}).`);
      return undefined;
    }
    const entry = await snapshot.getEntry(key);
    if (entry) {
      if (json) await out.json({ found: true, ...entryToJson(entry), at: snapshot.version });
      else await printEntry(out, entry, raw, (at) => snapshot.getStream(at, { signal }));
      return undefined;
    }
    if (json) await out.json({ found: false, key: keyToJson(key), at: snapshot.version });
    else call.say(`${printKey(key)} is not there (version ${snapshot.version}).`);
    return EXIT.failed;
  },
});
