import { type CommandSpec, defineCommand } from '../command.js';
import { entryToJson } from '../entry-printer.js';
import { EXIT } from '../exit-codes.js';
import { KEY_HELP, keyToJson, parseKeyArgument, printKey } from '../key-text.js';
import { printEntry } from '../value-output.js';

export const getCommand: CommandSpec = defineCommand<{ raw?: boolean }>({
  name: 'get',
  summary: 'print the value of a key',
  operands: ['KEY'],
  needs: 'database',
  addOptions: (command) =>
    command.option('--raw', 'a string, bytes or a stream as they are, without quotes or a newline'),
  help: `${KEY_HELP}

The value is printed as JSON on one line; of a stream, how long it is. A key that is not there: nothing is printed, and the exit code is 1. On a
terminal --raw shows characters that would control it as \\u001b, and refuses bytes.

Examples:
  $ holdfast get file:./state clicks
  $ holdfast get file:./state '["users", 17]'
  $ holdfast get file:./state logo --raw > logo.png
  $ holdfast get file:./state film --raw > film.mp4`,
  async run(call) {
    const { out, options } = call;
    const key = parseKeyArgument(call.operands[0]!);
    const db = await call.open('read');
    const entry = await db.getEntry(key, { signal: call.signal });
    if (entry) {
      if (options.json) await out.json({ found: true, ...entryToJson(entry) });
      else await printEntry(out, entry, options.raw, (at) => db.getStream(at, { signal: call.signal }));
      return undefined;
    }
    if (options.json) await out.json({ found: false, key: keyToJson(key), version: db.version });
    else call.say(`${printKey(key)} is not there (version ${db.version}).`);
    return EXIT.failed;
  },
});
