import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { type KeyTuple, type Snapshot, StreamValue } from 'holdfast';
import { type CommandSpec, defineCommand } from '../command.js';
import { asUsage, fileFailure, UsageError } from '../failure.js';
import { printJson, toJson } from '../json-values.js';
import { keyToJson, printKey } from '../key-text.js';
import { MOMENT_HELP, parseMoment } from '../moments.js';
import { countOf, formatBytes, Output } from '../output.js';
import type { Progress } from '../progress.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../ranges.js';

interface ExportOptions extends RangeOptions {
  readonly at?: number | Date;
  readonly force?: boolean;
}

export const exportCommand: CommandSpec = defineCommand<ExportOptions>({
  name: 'export',
  summary: 'write all entries of one version to a file (NDJSON)',
  operands: ['[FILE|-]'],
  needs: 'database',
  addOptions: (command) => {
    command.option('--at <version|date>', 'the state of an earlier version', parseMoment);
    addRangeOptions(command);
    command.option('--force', 'replace FILE if it is there');
  },
  help: `One {"key": …, "value": …} per line, with "expiresAt" where it expires, in key order, all from one version, whatever is written meanwhile. import reads
it back. FILE appears when it is complete; only you can read it, for it is not encrypted. Without FILE, or with -, the
lines go to standard output. A stream is not exported: where there is one, export fails and names it.

${MOMENT_HELP}

Examples:
  $ holdfast export file:./state backup.ndjson
  $ holdfast export file:./state | gzip > backup.ndjson.gz
  $ holdfast export file:./state --prefix users | head`,
  async run(call) {
    const { options, signal } = call;
    const path = call.operands[0] ?? '-';
    const range = rangeOf(options);
    call.interrupted = () => (path === '-' ? 'The output is not complete.' : `${path} was not written.`);
    const db = await call.open('read');
    const snapshot = await asUsage(() => db.snapshot({ at: options.at, signal }));
    const progress = path === '-' ? undefined : call.progress('exporting');
    // The tail is not counted: a guess, but the bar's only one.
    const total = db.stats().segmentEntries || undefined;
    const entries = snapshot.list(range, { signal });
    if (path === '-') {
      await writeEntries(entries, call.out);
      return undefined;
    }
    const told = { progress, total };
    const { count, bytes } = await writeFile(path, options.force ?? false, (out) =>
      writeEntries(entries, out, told),
    );
    progress?.stop();
    const { version } = snapshot;
    if (options.json) await call.out.json({ file: path, entries: count, bytes, version });
    else
      call.say(
        `Wrote ${countOf(count, 'entry', 'entries')} of version ${version} to ${path} (${formatBytes(bytes)}).`,
      );
    return undefined;
  },
});

interface Written {
  readonly count: number;
  readonly bytes: number;
}

const TELL_EVERY = 1024;

async function writeEntries(
  entries: ReturnType<Snapshot['list']>,
  out: Output,
  told: { progress?: Progress | undefined; total?: number | undefined } = {},
): Promise<Written> {
  let count = 0;
  let bytes = 0;
  for await (const { key, value, expiresAt } of entries) {
    if (value instanceof StreamValue) throw notInText(key, value);
    const expiry = expiresAt && { expiresAt: expiresAt.toISOString() };
    const line = printJson({ key: keyToJson(key), value: toJson(value), ...expiry });
    bytes += Buffer.byteLength(line) + 1;
    await out.line(line);
    if (++count % TELL_EVERY === 0) {
      const total = told.total === undefined ? undefined : Math.max(told.total, count);
      told.progress?.update(count, total, `${countOf(count, 'entry', 'entries')}, ${formatBytes(bytes)}`);
    }
  }
  await out.flush();
  return { count, bytes };
}

/** Its bytes are no JSON, and it may be longer than a line can be. */
function notInText(key: KeyTuple, { bytes }: StreamValue): UsageError {
  return new UsageError(
    `${printKey(key)} holds a stream of ${formatBytes(bytes)}, which export does not write: get KEY --raw (getStream in code) gives its bytes, and restore copies it with the rest. Leave it out of the range, or delete it.`,
  );
}

/** Under another name until it is complete and on the disk. */
async function writeFile(
  path: string,
  force: boolean,
  write: (out: Output) => Promise<Written>,
): Promise<Written> {
  // Told now rather than after an hour; the link below decides.
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isFile())
    throw new UsageError(`${path} is not a plain file. Leave FILE out, and send the output there with >.`);
  if (there && !force)
    throw new UsageError(`${path} is there already. Nothing was overwritten; --force replaces it.`);
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  try {
    const file = await open(partial, 'wx', 0o600);
    let written: Written;
    try {
      const stream = new Writable({
        write: (chunk: Uint8Array, _encoding, done) => {
          file.appendFile(chunk).then(() => done(), done);
        },
      });
      written = await write(new Output(stream, path, 'It was not written.'));
      await file.sync();
    } finally {
      await file.close();
    }
    if (force) await rename(partial, path);
    else await link(partial, path);
    return written;
  } catch (error) {
    throw fileFailure('write', path, error);
  } finally {
    await rm(partial, { force: true }).catch((error: unknown) => {
      throw fileFailure('remove', partial, error);
    });
  }
}
