import { type CommandSpec, defineCommand } from '../command.js';
import { mergesInWords, showMerges } from '../upkeep.js';

export const maintainCommand: CommandSpec = defineCommand({
  name: 'maintain',
  summary: 'do the upkeep that is due: move the tail into segments, merge them, tile the history',
  operands: [],
  needs: 'database',
  help: `What a database does by itself as it commits, unless it was opened with maintenance: 'manual'. Does nothing where
nothing is due. Works beside commits; Ctrl-C loses nothing.

Examples:
  $ holdfast maintain file:./state
  $ holdfast maintain 's3://bucket/prefix?region=eu-central-1' --json`,
  async run(call) {
    const { out, options, signal } = call;
    const db = await call.open('write');
    const { flushed, tiled, compacted } = await db.maintain({ signal, onProgress: showMerges(call) });
    const { version } = db.stats();
    if (options.json) {
      await out.json({ flushed, tiled, compacted: { ...compacted }, version });
      return undefined;
    }
    await out.line(flushed ? 'The tail was moved into segments.' : 'The tail is short: it stays.');
    if (tiled) await out.line('The history was tiled.');
    await out.line(mergesInWords(compacted));
    return undefined;
  },
});
