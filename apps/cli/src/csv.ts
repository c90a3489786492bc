/**
 * CSV as in RFC 4180, line by line: cells may be quoted, hold the delimiter, doubled quotes and line breaks.
 *
 * Invariants:
 * - A bad record costs one line: reading goes on with the line after the one where it began, so an unclosed quote
 *   takes nothing with it. That is why it is not left to a library: those go on where they noticed.
 * - At most one record is held, up to RECORD_BYTES_MAX.
 */
import type { Line } from './lines.js';

export type CsvRecord = { readonly line: number; readonly raw: Uint8Array } & (
  | { readonly cells: readonly string[]; readonly problem?: undefined }
  | { readonly problem: string }
);

const RECORD_BYTES_MAX = 32 * 1024 * 1024;

export async function* readRecords(
  source: AsyncIterable<readonly Line[]>,
  delimiter: string,
): AsyncGenerator<CsvRecord[], void, undefined> {
  let waiting: Line[] = [];
  let open: OpenRecord | undefined;
  for await (const lines of source) {
    waiting.push(...lines);
    const records: CsvRecord[] = [];
    ({ waiting, open } = take(waiting, open, delimiter, records, false));
    yield records;
  }
  const records: CsvRecord[] = [];
  take(waiting, open, delimiter, records, true);
  yield records;
}

/** A record whose quote is open at the end of the lines it was fed: the first `fed` of those that wait. */
interface OpenRecord {
  readonly cells: CellReader;
  readonly fed: number;
  readonly bytes: number;
}

function take(
  lines: Line[],
  resumed: OpenRecord | undefined,
  delimiter: string,
  records: CsvRecord[],
  isEnd: boolean,
): { waiting: Line[]; open: OpenRecord | undefined } {
  let first = 0;
  let open = resumed;
  while (first < lines.length) {
    const cells = open?.cells ?? new CellReader(delimiter);
    let fed = open?.fed ?? 0;
    let bytes = open?.bytes ?? 0;
    open = undefined;
    let state: CellState = 'open';
    for (; state === 'open' && first + fed < lines.length && bytes <= RECORD_BYTES_MAX; fed++) {
      const line = lines[first + fed]!;
      bytes += line.bytes?.length ?? 0;
      state = cells.feed(line);
    }
    if (state === 'open' && !isEnd && bytes <= RECORD_BYTES_MAX)
      return { waiting: lines.slice(first), open: { cells, fed, bytes } };
    const { number, bytes: own = new Uint8Array(0) } = lines[first]!;
    if (state === 'closed') {
      const raw = fed === 1 ? own : join(lines.slice(first, first + fed));
      if (!isBlank(raw)) records.push({ line: number, raw, cells: cells.cells });
      first += fed;
    } else {
      const problem = state === 'open' ? 'a quote is opened and not closed' : state.problem;
      records.push({ line: number, raw: own, problem });
      first++;
    }
  }
  return { waiting: [], open: undefined };
}

function isBlank(raw: Uint8Array): boolean {
  return raw.length === 0 || (raw.length === 1 && raw[0] === 13);
}

function join(lines: readonly Line[]): Uint8Array {
  return Buffer.concat(lines.flatMap(({ bytes }, i) => (i === 0 ? [bytes!] : [Buffer.of(10), bytes!])));
}

type CellState = 'open' | 'closed' | { readonly problem: string };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class CellReader {
  readonly cells: string[] = [];
  readonly #delimiter: string;
  #cell = '';
  #quoted = false;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  feed({ number, bytes }: Line): CellState {
    if (bytes === undefined) return { problem: 'the line is too long' };
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      return { problem: 'not UTF-8' };
    }
    if (number === 1 && text.startsWith('\ufeff')) text = text.slice(1);
    const lineBreak = text.endsWith('\r') ? '\r\n' : '\n';
    if (lineBreak === '\r\n') text = text.slice(0, -1);
    for (let at = 0; ; ) {
      if (!this.#quoted && text[at] !== '"') {
        const end = text.indexOf(this.#delimiter, at);
        this.cells.push(text.slice(at, end < 0 ? undefined : end));
        if (end < 0) return 'closed';
        at = end + this.#delimiter.length;
        continue;
      }
      if (!this.#quoted) at++;
      this.#quoted = true;
      const end = text.indexOf('"', at);
      this.#cell += text.slice(at, end < 0 ? undefined : end);
      if (end < 0) {
        this.#cell += lineBreak;
        return 'open';
      }
      at = end + 1;
      if (text[at] === '"') {
        this.#cell += '"';
        at++;
        continue;
      }
      this.cells.push(this.#cell);
      this.#cell = '';
      this.#quoted = false;
      if (at === text.length) return 'closed';
      if (!text.startsWith(this.#delimiter, at))
        return {
          problem: `expected ${JSON.stringify(this.#delimiter)} or the line's end after a closing quote, found ${JSON.stringify(text.slice(at, at + 20))}`,
        };
      at += this.#delimiter.length;
    }
  }
}
