import { toHex } from 'holdfast';
import { type CommandSpec, defineCommand } from '../command.js';
import { UsageError } from '../failure.js';
import { parseCount, parseVersion } from '../moments.js';
import { formatBytes, formatTime } from '../output.js';

const LIMIT_DEFAULT = 20;

export const logCommand: CommandSpec = defineCommand<{ limit: number; from?: number; to?: number }>({
  name: 'log',
  summary: 'print the records: one for each version, newest first',
  operands: [],
  needs: 'database',
  addOptions: (command) =>
    command
      .option('--limit <n>', 'at most N; 0: all', parseCount, LIMIT_DEFAULT)
      .option('--from <version>', 'begin here; default: the newest', parseVersion)
      .option('--to <version>', 'end here; default: the oldest that is kept', parseVersion),
  help: `--from 5 --to 9 walks forward, --from 9 --to 5 backward. Times are those of the writers' clocks. The hash pins a
version and all before it.

Examples:
  $ holdfast log file:./state
  $ holdfast log file:./state --from 1 --to 100 --limit 0 --json`,
  async run(call) {
    const { out, options, signal } = call;
    const { from, to, json } = options;
    const db = await call.open('read');
    for (const version of [from, to])
      if (version !== undefined && version > db.version)
        throw new UsageError(`Expected a version up to ${db.version}, found ${version}.`);
    const limit = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
    const rows: (string | number)[][] = json ? [] : [['VERSION', 'TIME', 'TRANSACTIONS', 'RECORD', 'HASH']];
    let count = 0;
    let more = false;
    for await (const entry of db.log({ from, to, signal })) {
      if (count === limit) {
        more = true;
        break;
      }
      count++;
      const { version, time, transactions, writes, bytes } = entry;
      const hashes = {
        hash: toHex(entry.hash),
        parent: toHex(entry.parent),
        writerId: toHex(entry.writerId),
      };
      const { flushedThrough } = entry;
      if (json)
        await out.json({
          version,
          time: time.toISOString(),
          transactions,
          writes,
          bytes,
          flushedThrough,
          ...hashes,
        });
      else
        rows.push([
          String(version),
          formatTime(time),
          transactions,
          formatBytes(bytes),
          hashes.hash.slice(0, 16),
        ]);
      if (rows.length === 100) await out.table(rows.splice(0));
    }
    await out.table(rows);
    if (more) call.say('… there are more: --limit N shows them, --limit 0 all.');
    return undefined;
  },
});
