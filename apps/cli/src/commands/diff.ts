import { type CommandSpec, defineCommand } from '../command.js';
import { asUsage } from '../failure.js';
import { printValue, toJson } from '../json-values.js';
import { keyToJson, printKey } from '../key-text.js';
import { MOMENT_HELP, parseMoment } from '../moments.js';
import { countOf } from '../output.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../ranges.js';

export const diffCommand: CommandSpec = defineCommand<RangeOptions>({
  name: 'diff',
  summary: 'print what changed between two versions',
  operands: ['FROM', '[TO]'],
  needs: 'database',
  addOptions: addRangeOptions,
  help: `FROM and TO are versions or dates; without TO it is the newest version. Where FROM is the later one, the result
is what would undo the change. A line begins with + (new), - (deleted) or ~ (changed: old value -> new value).

${MOMENT_HELP}

Examples:
  $ holdfast diff file:./state 12
  $ holdfast diff file:./state 12 15 --prefix users
  $ holdfast diff file:./state 2026-11-21 2026-11-22 --json`,
  async run(call) {
    const { out, options, signal } = call;
    const [from, to] = call.operands.map(parseMoment);
    const range = rangeOf(options);
    const db = await call.open('read');
    const earlier = await asUsage(() => db.snapshot({ at: from, signal }));
    const later = await asUsage(() => db.snapshot({ at: to, signal }));
    let count = 0;
    for await (const { key, value, previous, version } of earlier.diff(later, range)) {
      count++;
      const change = previous === undefined ? 'added' : value === undefined ? 'deleted' : 'changed';
      if (options.json)
        await out.json({
          key: keyToJson(key),
          change,
          ...(value !== undefined && { value: toJson(value) }),
          ...(previous !== undefined && { previous: toJson(previous) }),
          version,
        });
      else if (change === 'added') await out.line(`+ ${printKey(key)}  ${printValue(value)}`);
      else if (change === 'deleted') await out.line(`- ${printKey(key)}  ${printValue(previous)}`);
      else await out.line(`~ ${printKey(key)}  ${printValue(previous)} -> ${printValue(value)}`);
    }
    call.say(`${countOf(count, 'difference')} from version ${earlier.version} to ${later.version}.`);
    return undefined;
  },
});
