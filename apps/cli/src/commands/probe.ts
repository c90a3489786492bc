import { probe } from 'holdfast';
import { type CommandSpec, defineCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { countOf } from '../output.js';

export const probeCommand: CommandSpec = defineCommand({
  name: 'probe',
  summary: 'check that an object store can hold a database safely',
  operands: [],
  needs: 'store',
  help: `Some stores accept a conditional write and ignore the condition: two writers would both be told that they won. This
tries it, with about 25 requests under probe/, which it deletes again. No database and no key are needed. The exit code
is 1 when a check fails.

Examples:
  $ holdfast probe 's3://bucket/prefix?region=eu-central-1'
  $ holdfast probe minio://127.0.0.1:9000/bucket/prefix?tls=0 --json`,
  async run(call) {
    const { out, options, signal } = call;
    call.interrupted = () => 'What the probe wrote was deleted.';
    const store = await call.openStore();
    const { safe, checks } = await probe(store, { signal, swaps: false });
    call.verdict = safe ? EXIT.ok : EXIT.failed;
    if (options.json)
      await out.json({
        safe,
        checks: checks.map(({ name, expected, found, ok }) => ({ name, expected, found, ok })),
      });
    else {
      const rows = checks.map(({ name, expected, found, ok }) => [
        ok ? 'ok' : 'BAD',
        name,
        expected,
        found === expected ? 'the same' : found,
      ]);
      await out.table([['', 'CHECK', 'EXPECTED', 'FOUND'], ...rows]);
      const failed = checks.filter(({ ok }) => !ok).length;
      await out.line(
        safe
          ? `Safe: all ${countOf(checks.length, 'check')} went well.`
          : `UNSAFE: ${failed} of ${countOf(checks.length, 'check')} failed. Two writers could lose each other's work: don't keep a database there.`,
      );
    }
    return call.verdict;
  },
});
