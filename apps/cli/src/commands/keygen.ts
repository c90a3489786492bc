import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { type CommandSpec, defineCommand } from '../command.js';
import { fileFailure } from '../failure.js';

export const keygenCommand: CommandSpec = defineCommand<{ out?: string }>({
  name: 'keygen',
  summary: 'make a key: 32 random bytes as 64 hex digits',
  operands: [],
  needs: 'nothing',
  addOptions: (command) => command.option('--out <file>', 'into a new file that only you can read'),
  help: `Whoever has the key can read and change the database; without it nobody can. Keep a copy in another place.
An existing file is never overwritten.

Examples:
  $ holdfast keygen --out ~/.holdfast.key
  $ export HOLDFAST_KEY=$(holdfast keygen)`,
  async run({ options, out, say }) {
    const key = randomBytes(32).toString('hex');
    const path = options.out;
    if (path === undefined) {
      await (options.json ? out.json({ key }) : out.line(key));
      return undefined;
    }
    await writeNew(path, `${key}\n`).catch((error: unknown) => {
      throw fileFailure('write the key to', path, error, 'There is no new key.');
    });
    if (options.json) await out.json({ file: path });
    say(`Wrote a new key to ${path}. Keep a copy in another place: without it the data is lost.`);
    return undefined;
  },
});

async function writeNew(path: string, text: string): Promise<void> {
  const file: FileHandle = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await file.close();
  } catch (error) {
    // Half a key is none, and the next attempt would not overwrite it.
    await file.close().catch(() => {});
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}
