import type { CollectReport } from 'holdfast';
import { type CommandSpec, defineCommand } from '../command.js';
import { parseCount } from '../moments.js';
import { countOf, formatBytes, formatCount } from '../output.js';

const KINDS = ['record', 'segment', 'page', 'tile', 'intent'] as const;

interface GcOptions {
  dryRun?: boolean;
  explain?: boolean;
  keepVersions?: number;
  keepHours?: number;
}

export const gcCommand: CommandSpec = defineCommand<GcOptions>({
  name: 'gc',
  summary: 'delete what no retained version needs',
  operands: [],
  needs: 'database',
  addOptions: (command) =>
    command
      .option('--dry-run', 'say what would go, and change nothing')
      .option('--explain', 'print every object that was looked at, and why it goes or stays')
      .option('--keep-versions <n>', 'keep the last N versions; default: 1000', parseCount)
      .option(
        '--keep-hours <n>',
        'and the state of every moment in the last N hours; default: 24',
        parseCount,
      ),
  help: `Raises the floor as far as --keep-versions and --keep-hours let it (whichever keeps more). What lies below it can't be
read any more, and the floor never goes back: say what your program says in its retention option. Deletes what only versions below an
earlier floor need: after a whole grace period (24 h, unless the database was made with another), so that a collection
frees what the ones before it have let go of. Checkpoints keep their versions. Any number may run at once; Ctrl-C loses
nothing.

Examples:
  $ holdfast gc file:./state
  $ holdfast gc file:./state --dry-run --explain`,
  async run(call) {
    const { out, options, signal } = call;
    const db = await call.open(options.dryRun ? 'read' : 'write');
    const progress = call.progress('collecting');
    let removed = 0;
    call.interrupted = () =>
      `${removed === 0 ? 'Nothing was deleted yet' : `${countOf(removed, 'object')} that nobody needs ${removed === 1 ? 'is' : 'are'} gone`}; nothing else is. Run the same command again to go on.`;
    const explained: { name: string; bytes: number; removed: boolean; why: string }[] = [];
    const report = await db.gc({
      dryRun: options.dryRun,
      retention: {
        ...(options.keepVersions !== undefined && { versions: options.keepVersions }),
        ...(options.keepHours !== undefined && { ms: options.keepHours * 3_600_000 }),
      },
      signal,
      onProgress: (so) => {
        removed = so.removed;
        progress.update(
          so.removed,
          undefined,
          `${formatCount(so.looked)} looked at, ${formatCount(so.removed)} deleted, ${formatBytes(so.removedBytes)}`,
        );
      },
      ...(options.explain && {
        onObject: ({ name, bytes, removed: goes, why }) =>
          explained.push({ name, bytes, removed: goes, why }),
      }),
    });
    progress.stop();
    if (options.json) {
      const counts = Object.fromEntries(KINDS.map((kind) => [kind, { ...report.removed[kind] }]));
      await out.json({
        ...report,
        removed: counts,
        kept: { ...report.kept },
        waitsFor: report.waitsFor ?? null,
        ...(options.explain && { objects: explained }),
      });
      return undefined;
    }
    for (const { name, removed: goes, why } of explained)
      await out.line(`${goes ? 'goes ' : 'stays'}  ${name}  ${why}`);
    for (const line of inWords(report)) await out.line(line);
    return undefined;
  },
});

function inWords({ removed, kept, foreign, floor, dryRun, waitsFor }: CollectReport): string[] {
  const found = KINDS.filter((kind) => removed[kind].objects > 0).map((kind) =>
    countOf(removed[kind].objects, kind),
  );
  const bytes = KINDS.reduce((sum, kind) => sum + removed[kind].bytes, 0);
  const verb = dryRun ? 'Would delete' : 'Deleted';
  const lines = [
    found.length === 0
      ? `Nothing to delete${waitsFor === undefined ? '' : ` yet: ${waitsFor}`}.`
      : `${verb} ${found.join(', ')}: ${formatBytes(bytes)}.`,
    `${dryRun ? 'Would retain' : 'Retains'} versions from ${formatCount(floor)} on.`,
  ];
  if (kept.objects > 0)
    lines.push(
      `Of what is old ${countOf(kept.objects, 'object')} (${formatBytes(kept.bytes)}) are still needed.`,
    );
  if (foreign > 0)
    lines.push(`${countOf(foreign, 'object')} under its prefixes are none of a database: left alone.`);
  return lines;
}
