import { type CommandSpec, defineCommand } from '../command.js';
import { KEY_HELP, keyToJson, parseKeyArgument, printKey } from '../key-text.js';

export const deleteCommand: CommandSpec = defineCommand({
  name: 'delete',
  summary: 'delete a key',
  operands: ['KEY'],
  needs: 'database',
  help: `${KEY_HELP}

A key that is not there is not an error. Earlier versions still have what was deleted, for as long as they are kept.

Examples:
  $ holdfast delete file:./state clicks
  $ holdfast delete file:./state '["users", 17]'`,
  async run(call) {
    const { out, options, signal } = call;
    const key = parseKeyArgument(call.operands[0]!);
    const db = await call.open('write');
    const deleted = await db.transact(
      async (tx) => {
        const there = await tx.has(key);
        if (there) tx.delete(key);
        return there;
      },
      { signal },
    );
    const { version } = db;
    if (options.json) await out.json({ key: keyToJson(key), deleted, version });
    else
      call.say(
        deleted
          ? `Deleted ${printKey(key)}: version ${version}.`
          : `${printKey(key)} is not there (version ${version}). Nothing was changed.`,
      );
    return undefined;
  },
});
