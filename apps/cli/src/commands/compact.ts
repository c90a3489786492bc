import { type CommandSpec, defineCommand } from '../command.js';
import { levelRows, levelsAsJson, mergesInWords, showMerges } from '../upkeep.js';

export const compactCommand: CommandSpec = defineCommand<{ all?: boolean }>({
  name: 'compact',
  summary: 'merge segments, so that reads ask fewer and what was overwritten goes',
  operands: [],
  needs: 'database',
  addOptions: (command) => command.option('--all', 'everything into the bottom level, however little it is'),
  help: `Merges what is due, in pieces that are published one by one; with --all whatever is not at the bottom level yet. Works
beside commits and beside others that do the same. Ctrl-C loses nothing. Objects that are merged stay in the store until
they are collected.

Examples:
  $ holdfast compact file:./state
  $ holdfast compact file:./state --all --json`,
  async run(call) {
    const { out, options, signal } = call;
    const db = await call.open('write');
    const report = await db.compact({ all: options.all, signal, onProgress: showMerges(call) });
    const stats = db.stats();
    if (options.json) {
      await out.json({ ...report, version: stats.version, ...levelsAsJson(stats) });
      return undefined;
    }
    await out.line(mergesInWords(report));
    await out.table(levelRows(stats));
    return undefined;
  },
});
