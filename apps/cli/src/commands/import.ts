import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { type Call, type CommandSpec, defineCommand } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { fileFailure, UsageError } from '../failure.js';
import { type Row, readCsv, readNdjson } from '../import-rows.js';
import { BAD_ROWS_TOLD_MAX, BATCH_BYTES, Importer } from '../importer.js';
import { openInput } from '../input.js';
import { parseKeyArgument, printKey } from '../key-text.js';
import { countOf, formatBytes, formatCount } from '../output.js';

interface ImportOptions {
  readonly format?: string;
  readonly keyColumn?: readonly string[];
  readonly delimiter: string;
  readonly infer?: boolean;
  readonly prefix?: string;
  readonly create?: boolean;
  readonly strict?: boolean;
  readonly rejects?: string;
  readonly as?: string;
}

/** Bad lines that people are shown. */
const SHOWN_MAX = 20;

export const importCommand: CommandSpec = defineCommand<ImportOptions>({
  name: 'import',
  summary: 'write the entries of a file (NDJSON or CSV)',
  operands: ['FILE|-'],
  needs: 'database',
  addOptions: (command) =>
    command
      .option('--format <format>', 'ndjson or csv; default: csv for *.csv, else ndjson')
      .option(
        '--key-column <name>',
        'CSV: the column whose cells are the keys; once more for a key of several parts',
        (name: string, before: string[] = []) => [...before, name],
      )
      .option('--delimiter <character>', 'CSV: what stands between cells', ',')
      .option('--infer', 'CSV: cells that are numbers, true, false or null become those; default: text')
      .option('--prefix <key>', 'put KEY before each key')
      .option('--create', 'make the database if there is none')
      .option('--strict', 'stop at the first bad line; what precedes it is written')
      .option('--rejects <file>', 'write bad lines to a new FILE, as they are')
      .option('--as <name>', 'import a file that was imported before once more, under a new name'),
  help: `NDJSON is one {"key": …, "value": …} per line, as export writes it. In CSV the first line names the columns; the
value of a row is an object of the columns that are not in the key.

A file is written as one transaction: readers see all of it, or nothing until it is there. Standard input is written in
transactions of about 2 MiB. After an interruption run the same command again: a file begins anew, standard input goes
on where it stopped, and nothing is written twice. Nor is a file written again that was imported completely, unless you
give it a new name: --as second.

Good lines are imported and bad ones reported with their number; the exit code is then 1.

Examples:
  $ holdfast import file:./state backup.ndjson
  $ holdfast import file:./state users.csv --key-column country --key-column id --infer
  $ holdfast export file:./a | holdfast import file:./b - --create`,
  async run(call) {
    const { options, signal } = call;
    const path = call.operands[0]!;
    const isCsv = formatOf(path, options);
    const prefix = options.prefix === undefined ? [] : parseKeyArgument(options.prefix);
    const input = await openInput(path);
    const rejects = options.rejects === undefined ? undefined : await openNew(options.rejects);
    let keepRejects = false;
    try {
      const db = await call.open(options.create ? 'create' : 'write');
      const csv = {
        keyColumns: options.keyColumn ?? [],
        infer: options.infer ?? false,
        delimiter: options.delimiter,
      };
      const seed = JSON.stringify([isCsv ? csv : 'ndjson', printKey(prefix), options.as ?? '']);
      const strict = options.strict ?? false;
      const onBad = async ({ line, raw }: Row, problem: string): Promise<void> => {
        if (importer.tally.badRows <= SHOWN_MAX) call.say(`line ${line}: ${problem}`);
        if (rejects && raw.length > 0) await writeReject(rejects, options.rejects!, raw);
      };
      const importer: Importer = new Importer(db, { seed, prefix, strict, signal, onBad });
      const { tally } = importer;
      call.interrupted = () =>
        tally.batches === 0
          ? 'As far as is known nothing was written yet. Run the same command again: what is there is not written twice.'
          : `${countOf(tally.entries, 'entry', 'entries')}, up to line ${formatCount(tally.throughLine)}, ${tally.entries === 1 ? 'is' : 'are'} in the database (version ${db.version}). Run the same command again to go on from there.`;
      const progress = call.progress('importing');
      let bytes = 0;
      const tell = (more = ''): void => {
        const detail = `${countOf(tally.entries, 'entry', 'entries')}, ${formatBytes(bytes)}${more}`;
        progress.update(bytes, input.size, detail);
      };
      const chunks = counted(input.chunks(signal), (length) => {
        bytes += length;
        tell();
      });
      const parse = (all: AsyncIterable<Uint8Array>): AsyncIterable<Row[]> =>
        isCsv ? readCsv(all, csv) : readNdjson(all);
      const again = async (): Promise<AsyncIterable<Uint8Array>> => (await openInput(path)).chunks(signal);
      const startedMs = performance.now();
      try {
        const isFile = path !== '-' && input.size !== undefined && input.size > BATCH_BYTES;
        if (isFile && !(await importer.isBegun(parse(await again()))))
          await importer.load(parse(chunks), await hashOf(await again()), (rows) =>
            tell(`, ${formatCount(rows)} of them sorted`),
          );
        else await importRows(importer, parse(chunks));
      } catch (error) {
        if (!signal.aborted && tally.batches > 0) call.say(`${call.interrupted()} Then it failed:`);
        throw error;
      } finally {
        progress.stop();
      }
      keepRejects = tally.badRows > 0;
      return await report(call, importer, { version: db.version, ms: performance.now() - startedMs });
    } finally {
      // The same command, run again, tells of all bad lines again.
      if (rejects) await endRejects(rejects, options.rejects!, keepRejects);
    }
  },
});

async function hashOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

async function importRows(importer: Importer, source: AsyncIterable<Row[]>): Promise<void> {
  for await (const rows of source) for (const row of rows) if (!(await importer.add(row))) return;
  await importer.finish();
}

async function report(
  call: Call<ImportOptions>,
  { tally }: Importer,
  end: { version: number; ms: number },
): Promise<number> {
  const { entries, entriesBefore, badRows, bad, batches, batchesBefore } = tally;
  const written = entries - entriesBefore;
  const { strict, rejects, json } = call.options;
  call.verdict = badRows > 0 ? EXIT.failed : EXIT.ok;
  if (json)
    await call.out.json({
      written,
      alreadyThere: entriesBefore,
      badLines: badRows,
      bad: bad.map(({ line, problem }) => ({ line, problem })),
      stoppedAtBadLine: Boolean(strict && badRows > 0),
      batches: batches - batchesBefore,
      version: end.version,
    });
  else {
    const before =
      entriesBefore === 0
        ? ''
        : ` ${countOf(entriesBefore, 'entry was', 'entries were')} imported before, and skipped.`;
    await call.out.line(
      `Imported ${countOf(written, 'entry', 'entries')} in ${(end.ms / 1000).toFixed(1)} s (version ${end.version}).${before}`,
    );
    if (entriesBefore > 0 && written === 0)
      call.say('This file was imported before. To write it again, give it a new name: --as second.');
    if (badRows > SHOWN_MAX)
      call.say(
        `… and ${countOf(badRows - SHOWN_MAX, 'bad line')} more; --json lists up to ${formatCount(BAD_ROWS_TOLD_MAX)}.`,
      );
    if (badRows > 0 && strict) call.say('Stopped at a bad line; what precedes it was imported.');
    else if (badRows > 0)
      call.say(
        `${countOf(badRows, 'bad line was', 'bad lines were')} not imported; all others were. ${rejects ? `They are in ${rejects}: mend and import that.` : '--rejects FILE writes them to a file.'}`,
      );
  }
  return call.verdict;
}

/** Whether it is CSV. */
function formatOf(path: string, { format, keyColumn, delimiter }: ImportOptions): boolean {
  if (format !== undefined && format !== 'csv' && format !== 'ndjson')
    throw new UsageError(`--format: expected ndjson or csv, found ${JSON.stringify(format)}.`);
  const isCsv = format === undefined ? /\.csv$/i.test(path) : format === 'csv';
  if (isCsv && !keyColumn)
    throw new UsageError('CSV needs --key-column NAME: the column whose cells are the keys.');
  if (!isCsv && keyColumn) throw new UsageError('--key-column is for CSV: add --format csv.');
  if ([...delimiter].length !== 1)
    throw new UsageError(`--delimiter: expected one character, found ${JSON.stringify(delimiter)}.`);
  return isCsv;
}

async function writeReject(file: FileHandle, path: string, raw: Uint8Array): Promise<void> {
  // `write` may write a part of it.
  await file.appendFile(Buffer.concat([raw, Buffer.of(10)])).catch((error: unknown) => {
    throw fileFailure('write bad lines to', path, error);
  });
}

async function endRejects(file: FileHandle, path: string, keep: boolean): Promise<void> {
  try {
    await file.close();
    if (!keep) await rm(path, { force: true });
  } catch (error) {
    throw fileFailure(keep ? 'write bad lines to' : 'remove', path, error);
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw fileFailure('write bad lines to', path, error);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  tell: (length: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk;
    tell(chunk.length);
  }
}
