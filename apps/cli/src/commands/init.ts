import { HoldfastError, toHex } from 'holdfast';
import { type CommandSpec, defineCommand } from '../command.js';

export const initCommand: CommandSpec = defineCommand({
  name: 'init',
  summary: 'make a database',
  operands: [],
  needs: 'database',
  help: `Checks first that the store honours conditional writes. Where there is a database already that the key opens,
nothing is changed.

Examples:
  $ holdfast init file:./state --key-file ~/.holdfast.key
  $ holdfast init 's3://bucket/prefix?region=eu-central-1'`,
  async run(call) {
    const { out, options, location } = call;
    call.interrupted = () => 'The database may have been made; run init again to see.';
    let created = false;
    const db = await call.open('read').catch((error: unknown) => {
      if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND') throw error;
      created = true;
      return call.open('create');
    });
    if (options.json) await out.json({ created, location, id: toHex(db.id), version: db.version });
    else if (created) await out.line(`Made a database in ${location}.`);
    else
      await out.line(
        `There is a database in ${location} already, at version ${db.version}. Nothing was changed.`,
      );
    return undefined;
  },
});
