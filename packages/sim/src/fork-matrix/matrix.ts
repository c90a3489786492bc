/** All cells, and the table of what each came to. */
import { type Cell, type CellResult, isMixed, runCell } from './cell.js';
import { makeHistories } from './histories.js';
import { type Row, SHOWINGS, type Showing } from './rows.js';

/** How many records of its own the process has seen that the store's other history does not have. 0: no fork. */
export const DEPTHS: readonly number[] = [0, 1, 2, 3, 7, 8, 16, 31, 33, 64];

export interface Played extends Cell, CellResult {}

export interface MatrixOptions {
  /** The last version before the fork. */
  readonly common: number;
  readonly rows: readonly Row[];
  readonly depths: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

export async function* playMatrix({
  common,
  rows,
  depths,
  signal,
}: MatrixOptions): AsyncGenerator<Played, void, undefined> {
  const deepest = Math.max(...depths);
  const furthest = Math.max(...rows.map(({ beyond }) => beyond));
  const histories = await makeHistories(common, { true: deepest, other: deepest + furthest + 16 });
  for (const showing of SHOWINGS)
    for (const row of rows)
      for (const depth of depths) {
        if (signal?.aborted) return;
        const cell: Cell = { row, depth, showing };
        yield { ...cell, ...(await runCell(histories, cell)) };
      }
}

/** One table for each way of showing; rows that say nothing in it are left out. */
export function tableOf(played: readonly Played[], showing: Showing): string[] {
  const depths = [...new Set(played.map(({ depth }) => depth))];
  const names = [...new Set(played.map(({ row }) => row.name))];
  const lines = [['', ...depths.map((depth) => (depth === 0 ? 'no fork' : String(depth)))]];
  for (const name of names) {
    const cells = depths.map((depth) =>
      played.find((cell) => cell.row.name === name && cell.depth === depth && cell.showing === showing),
    );
    if (cells.every((cell) => cell === undefined || cell.word === '–')) continue;
    lines.push([name, ...cells.map((cell) => (cell ? mark(cell) : ''))]);
  }
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** `!`: it is wrong, whatever it came to. */
function mark({ word, violations }: Played): string {
  if (violations.some(isMixed)) return '!MIXED';
  return violations.length === 0 ? word : `!${word}`;
}

/** What is wrong, each thing once, with the cells that have it. */
export function wrongOf(played: readonly Played[]): string[] {
  const cells = new Map<string, string[]>();
  for (const { row, depth, showing, violations } of played)
    for (const violation of violations) {
      const where = `${row.name} x ${depth === 0 ? 'no fork' : depth}, ${showing}`;
      // The versions in it are the cell's own.
      const what = violation.replace(/version \d+.*/, 'version …').replace(/wrote .* on/, 'wrote objects on');
      cells.set(what, [...(cells.get(what) ?? []), where]);
    }
  return [...cells].map(([what, where]) => `WRONG ${what}: ${where.length} cells, the first is ${where[0]}`);
}
