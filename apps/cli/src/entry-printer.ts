/** Entries and keys as people and scripts read them. */
import type { Entry, KeyTuple } from 'holdfast';
import { printJson, printValue, toJson } from './json-values.js';
import { keyToJson, printKey } from './key-text.js';
import { cut, type Output } from './output.js';

/** On a terminal this many lines are aligned with each other. */
const PAGE_LINES = 50;
const KEY_COLUMNS_MAX = 48;

/** Aligned and cut to the width of a terminal; into a pipe, `key<tab>value`, nothing cut. Resolves to how many. */
export async function printEntries(
  out: Output,
  entries: AsyncIterable<Entry>,
  json = false,
): Promise<number> {
  const page = new Page(out);
  let count = 0;
  for await (const entry of entries) {
    count++;
    if (json) await out.json(entryToJson(entry));
    else await page.add(printKey(entry.key), printValue(entry.value));
  }
  await page.print();
  return count;
}

export async function printKeys(out: Output, keys: AsyncIterable<KeyTuple>, json = false): Promise<number> {
  let count = 0;
  for await (const key of keys) {
    count++;
    await out.line(json ? printJson({ key: keyToJson(key) }) : printKey(key));
  }
  return count;
}

export function entryToJson({
  key,
  value,
  version,
  versionstamp,
  expiresAt,
}: Entry): Record<string, ReturnType<typeof toJson>> {
  const expiry = expiresAt && { expiresAt: expiresAt.toISOString() };
  return { key: keyToJson(key), value: toJson(value), version, versionstamp, ...expiry };
}

class Page {
  readonly #out: Output;
  #rows: (readonly [string, string])[] = [];

  constructor(out: Output) {
    this.#out = out;
  }

  async add(key: string, value: string): Promise<void> {
    this.#rows.push([key, value]);
    if (!this.#out.isTerminal || this.#rows.length === PAGE_LINES) await this.print();
  }

  async print(): Promise<void> {
    const { columns } = this.#out;
    const rows = this.#rows;
    this.#rows = [];
    if (columns === undefined) for (const row of rows) await this.#out.line(row.join('\t'));
    else {
      const keyColumns = Math.min(KEY_COLUMNS_MAX, Math.max(8, Math.floor(columns / 2)));
      // Before aligning: a line is never wider than this, and a large value is not worth measuring.
      const shown = rows.map(([key, value]) => [cut(key, keyColumns), value.slice(0, columns * 2)]);
      const keyWidth = Math.max(0, ...shown.map(([key]) => [...key!].length));
      const valueColumns = Math.max(8, columns - Math.min(keyWidth, keyColumns) - 2);
      await this.#out.table(shown.map(([key, value]) => [key!, cut(value!, valueColumns)]));
    }
    if (columns !== undefined) await this.#out.flush();
  }
}
