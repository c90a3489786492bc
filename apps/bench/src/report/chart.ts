/**
 * The rows that have a target, as an SVG: a bar for each ratio on a logarithmic axis, a mark for its target.
 * Written by hand, because the libraries that draw without a browser weigh from 5 to 60 MB for what is a
 * hundred lines of rectangles.
 */
import { meetsTarget, type Row, ratioOf } from '../measure.js';
import { figure, targetText } from './figures.js';

const TITLE = 'Holdfast against the raw store: ratio, and its target';
const WIDTH = 900;
const LABEL_WIDTH = 430;
const RIGHT = 150;
const ROW_HEIGHT = 26;
const TOP = 56;
const AXIS = 34;
const GREEN = '#2f855a';
const RED = '#c05621';

export function chartOf(rows: readonly Row[], subtitle: string): string {
  const shown = rows.filter((row) => row.target !== undefined && ratioOf(row) !== undefined);
  const values = shown.flatMap((row) => [ratioOf(row)!, targetOf(row)]);
  const low = Math.min(-1, Math.floor(Math.log10(Math.min(...values, 1))));
  const high = Math.max(1, Math.ceil(Math.log10(Math.max(...values, 1))));
  const plot = WIDTH - LABEL_WIDTH - RIGHT;
  const x = (value: number): number => LABEL_WIDTH + (plot * (Math.log10(value) - low)) / (high - low);
  const bottom = TOP + shown.length * ROW_HEIGHT;
  const parts: string[] = [
    text(16, 24, TITLE, 'font-size="16" font-weight="600"'),
    text(16, 43, subtitle, 'font-size="11" fill="#666"'),
  ];
  for (let power = low; power <= high; power++) {
    const at = round(x(10 ** power));
    parts.push(
      `<line x1="${at}" y1="${TOP}" x2="${at}" y2="${bottom}" stroke="${power === 0 ? '#888' : '#ddd'}"/>`,
    );
    parts.push(text(at, bottom + 16, `${10 ** power}×`, 'text-anchor="middle" fill="#666"'));
  }
  for (const [i, row] of shown.entries()) {
    const y = TOP + i * ROW_HEIGHT;
    const ratio = ratioOf(row)!;
    const from = round(Math.min(x(1), x(ratio)));
    const width = round(Math.abs(x(ratio) - x(1)));
    const target = round(x(targetOf(row)));
    const meets = meetsTarget(row);
    parts.push(
      text(LABEL_WIDTH - 10, y + 17, `${row.what} · ${row.network}`, 'text-anchor="end"'),
      `<rect x="${from}" y="${y + 6}" width="${width}" height="14" fill="${meets ? GREEN : RED}"/>`,
      `<line x1="${target}" y1="${y + 2}" x2="${target}" y2="${y + 24}" stroke="#111" stroke-width="2"/>`,
      text(
        WIDTH - RIGHT + 12,
        y + 17,
        `${figure(ratio)}× (${targetText(row.target)}) ${meets ? 'PASS' : 'miss'}`,
        `fill="${meets ? GREEN : RED}"`,
      ),
    );
  }
  const height = bottom + AXIS;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-labelledby="title">
<title id="title">${TITLE}</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

function targetOf({ target }: Row): number {
  return 'atMost' in target! ? target!.atMost : target!.atLeast;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
