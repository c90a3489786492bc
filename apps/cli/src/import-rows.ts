/** From a file's bytes to keys and values: what `import` reads. */
import type { KeyPart, KeyTuple } from 'holdfast';
import { readRecords } from './csv.js';
import { UsageError } from './failure.js';
import { fromJson, type Json, parseJson } from './json-values.js';
import { keyFromJson } from './key-text.js';
import { splitLines } from './lines.js';

/** One entry, or one that can't be read. */
export type Row = {
  /** Where it begins, from 1. */
  readonly line: number;
  /** As it stands in the file; empty for one that is too long to be held. */
  readonly raw: Uint8Array;
} & (
  | {
      readonly key: KeyTuple;
      readonly value: unknown;
      readonly expiresAt?: Date | undefined;
      readonly problem?: undefined;
    }
  | { readonly problem: string }
);

/** A value of 16 MiB takes up to six times that, where it is all control characters. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
const BOM = '\ufeff';

export async function* readNdjson(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row[], void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for await (const lines of splitLines(chunks, LINE_BYTES_MAX)) {
    const rows: Row[] = [];
    for (const { number, bytes } of lines) {
      const at = { line: number, raw: bytes ?? new Uint8Array(0) };
      if (bytes === undefined) {
        rows.push({ ...at, problem: `longer than ${LINE_BYTES_MAX / 1024 / 1024} MiB` });
        continue;
      }
      try {
        let text = decoder.decode(bytes);
        if (number === 1 && text.startsWith(BOM)) text = text.slice(1);
        if (text.trim() !== '') rows.push({ ...at, ...parseLine(text) });
      } catch (error) {
        const isUtf8 = (error as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA';
        if (isUtf8 && !(error instanceof SyntaxError)) throw error;
        rows.push({ ...at, problem: isUtf8 ? (error as Error).message : 'not UTF-8' });
      }
    }
    yield rows;
  }
}

function parseLine(text: string): { key: KeyTuple; value: unknown; expiresAt?: Date } {
  const json = parseJson(text);
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new SyntaxError('expected {"key": …, "value": …}, found something else');
  for (const field of ['key', 'value'])
    if (!Object.hasOwn(json, field))
      throw new SyntaxError(`expected {"key": …, "value": …}, found no "${field}"`);
  // Two of them are what `list --json` adds.
  for (const field of Object.keys(json))
    if (!['key', 'value', 'version', 'versionstamp', 'expiresAt'].includes(field))
      throw new SyntaxError(
        `expected {"key": …, "value": …}, found a property ${JSON.stringify(field)} besides`,
      );
  const value = fromJson(json.value as Json);
  if (value === undefined) throw new SyntaxError("undefined can't be stored by itself");
  const key = keyFromJson(json.key as Json);
  return json.expiresAt === undefined ? { key, value } : { key, value, expiresAt: dateOf(json.expiresAt) };
}

function dateOf(json: Json): Date {
  const date = new Date(typeof json === 'string' ? json : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new SyntaxError('expected "expiresAt" to be a date such as "2026-11-22T15:00:00.000Z"');
}

export interface CsvOptions {
  /** The columns whose cells make the key, in this order. */
  readonly keyColumns: readonly string[];
  /** Cells that are numbers, true, false or null become those. */
  readonly infer: boolean;
  /** One character. */
  readonly delimiter: string;
}

/** With a header. A row's value is an object of the columns that are not in the key. */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  options: CsvOptions,
): AsyncGenerator<Row[], void, undefined> {
  let header: readonly string[] | undefined;
  let keyAt: number[] = [];
  for await (const records of readRecords(splitLines(chunks, LINE_BYTES_MAX), options.delimiter)) {
    const rows: Row[] = [];
    for (const record of records) {
      const { line, raw } = record;
      if (record.problem !== undefined) {
        // Without knowing the columns nothing can be made of the rest.
        if (header === undefined)
          throw new UsageError(`The header can't be read: line ${line}: ${record.problem}.`);
        rows.push(record);
      } else if (header === undefined) {
        header = record.cells;
        keyAt = columnsAt(header, options.keyColumns);
      } else if (record.cells.length === header.length)
        rows.push({ line, raw, ...rowOf(header, keyAt, record.cells, options.infer) });
      else
        rows.push({
          line,
          raw,
          problem: `expected ${header.length} cells, found ${record.cells.length}`,
        });
    }
    yield rows;
  }
}

function columnsAt(header: readonly string[], wanted: readonly string[]): number[] {
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UsageError(`Expected a header with distinct columns, found ${JSON.stringify(twice)} twice.`);
  return wanted.map((name) => {
    const at = header.indexOf(name);
    if (at < 0)
      throw new UsageError(
        `No column ${JSON.stringify(name)}: the header has ${header.map((column) => JSON.stringify(column)).join(', ')}.`,
      );
    return at;
  });
}

function rowOf(
  header: readonly string[],
  keyAt: readonly number[],
  record: readonly string[],
  infer: boolean,
): { key: KeyPart[]; value: unknown } {
  const read = (text: string): string | number | boolean | null => (infer ? inferred(text) : text);
  const cells = header.map((name, i): [string, unknown] => [name, read(record[i]!)]);
  return {
    key: keyAt.map((i) => read(record[i]!)),
    value: Object.fromEntries(cells.filter((_, i) => !keyAt.includes(i))),
  };
}

/** Only what is printed as the same text again: 007 and 1e400 stay text. */
function inferred(text: string): string | number | boolean | null {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === 'null') return null;
  return /^-?\d/.test(text) && String(Number(text)) === text ? Number(text) : text;
}
