import type { Database, Key } from 'holdfast';
import { type Call, type CommandSpec, defineCommand } from '../command.js';
import { asUsage, UsageError } from '../failure.js';
import { openInput } from '../input.js';
import { KEY_HELP, keyToJson, parseKeyArgument, printKey } from '../key-text.js';
import { parseDurationMs } from '../moments.js';
import { readValue, type ValueOptions } from '../value-input.js';

interface SetOptions extends ValueOptions {
  readonly stream?: string;
  readonly expireIn?: number;
}

export const setCommand: CommandSpec = defineCommand<SetOptions>({
  name: 'set',
  summary: 'write a value',
  operands: ['KEY', '[VALUE]'],
  needs: 'database',
  addOptions: (command) =>
    command
      .option('--file <file>', 'the value is what FILE holds')
      .option('--text', 'the value is text, not JSON')
      .option('--bytes', 'the value is the bytes of the file or of standard input, as they are')
      .option('--bytes-hex', 'the value is bytes in hex')
      .option('--stream <file|->', 'the value is a stream: up to 5 GiB of bytes, as they come')
      .option(
        '--expire-in <time>',
        'after TIME (90s, 15m, 2h, 7d) the key is not there any more',
        parseDurationMs,
      ),
  help: `${KEY_HELP}

A VALUE is JSON; - reads it from standard input. What JSON lacks is written as {"$bytes": "base64"},
{"$bigint": "1"}, {"$date": "2026-11-22T15:00:00.000Z"}, {"$map": [[key, value]]}, {"$set": [value]},
{"$number": "NaN"}, {"$undefined": true}.

Examples:
  $ holdfast set file:./state clicks 41
  $ holdfast set file:./state '["users", 17]' '{"name": "Ann"}'
  $ holdfast set file:./state motd --text 'Hello there'
  $ holdfast set file:./state '["lease", 3]' '"worker 7"' --expire-in 30s
  $ holdfast set file:./state logo --bytes --file logo.png
  $ holdfast set file:./state film --stream film.mp4
  $ date | holdfast set file:./state now - --text
  $ holdfast set file:./state balance -- -5`,
  async run(call) {
    const { out, options, signal } = call;
    const key = parseKeyArgument(call.operands[0]!);
    const how = { signal, expireInMs: options.expireIn };
    const write = await writeOf(call, key, how);
    const db = await call.open('write');
    const { version, versionstamp } = await asUsage(() => write(db));
    if (options.json) await out.json({ key: keyToJson(key), version, versionstamp });
    else call.say(`Set ${printKey(key)}: version ${version}.`);
    return undefined;
  },
});

/** What the arguments say is to be written. A stream is opened now, and read when it is written. */
async function writeOf(
  { operands: [, argument], options, signal }: Call<SetOptions>,
  key: Key,
  how: { readonly signal: AbortSignal; readonly expireInMs: number | undefined },
): Promise<(db: Database) => ReturnType<Database['set']>> {
  const { stream, file, text, bytes, bytesHex } = options;
  if (stream === undefined) {
    const value = await readValue(argument, options, signal);
    return (db) => db.set(key, value, how);
  }
  if (argument !== undefined || file !== undefined || text || bytes || bytesHex)
    throw new UsageError('--stream says what the value is: leave out VALUE and the other options for it.');
  const input = await openInput(stream);
  return (db) => db.setStream(key, input.chunks(signal), how);
}
