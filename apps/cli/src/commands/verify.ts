import { type CommandSpec, defineCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { countOf, formatBytes, formatCount } from '../output.js';

/** Problems that people are shown. */
const SHOWN_MAX = 50;

export const verifyCommand: CommandSpec = defineCommand<{ deep?: boolean }>({
  name: 'verify',
  summary: 'fetch everything again and check it',
  operands: [],
  needs: 'database',
  addOptions: (command) => command.option('--deep', 'also what only earlier versions need'),
  help: `Checks the chain of records, the history tree, the manifest and every segment of the newest version, byte by byte.
Fetches the whole database: mind the egress. The exit code is 1 when something is wrong, 5 when not even the newest
record can be read.

Examples:
  $ holdfast verify file:./state
  $ holdfast verify file:./state --deep --json`,
  async run(call) {
    const { out, options, signal } = call;
    const db = await call.open('read');
    const progress = call.progress('verifying');
    const { deep, json } = options;
    const report = await db.verify({
      deep,
      signal,
      onProgress: ({ phase, done, total }) =>
        progress.update(
          done,
          total,
          `${phase === 'log' ? 'records' : 'segments'} ${formatCount(done)} of ${formatCount(total)}`,
        ),
    });
    progress.stop();
    const { ok, version, records, segments, entries, blocks, tiles, bytes, unreferenced, problems } = report;
    call.verdict = ok ? EXIT.ok : EXIT.failed;
    if (json)
      await out.json({
        ok,
        version,
        records,
        segments,
        entries,
        blocks,
        tiles,
        bytes,
        unreferenced,
        problems: [...problems],
      });
    else {
      for (const problem of problems.slice(0, SHOWN_MAX)) await out.line(`BAD  ${problem}`);
      if (problems.length > SHOWN_MAX)
        await out.line(`… and ${formatCount(problems.length - SHOWN_MAX)} more; --json lists all.`);
      const checked = `${countOf(records, 'record')}, ${countOf(segments, 'segment')}, ${formatBytes(bytes)}`;
      await out.line(
        ok
          ? `ok: version ${version}; checked ${checked}.`
          : `${countOf(problems.length, 'problem')} at version ${version}; checked ${checked}.`,
      );
      if (unreferenced > 0)
        await out.line(
          `${countOf(unreferenced, 'object')} that ${deep ? 'no' : 'the newest'} version ${deep ? 'needs' : "doesn't need"}.`,
        );
    }
    return call.verdict;
  },
});
