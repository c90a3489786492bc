/** The rows as text for a terminal. */
import type { Row } from '../measure.js';
import { ratioText, spread, targetText, verdict } from './figures.js';

const heads = ['network', 'what', 'ours', 'baseline', 'ratio', 'target', '', 'n'];
const rightAligned = new Set([2, 3, 4, 5, 7]);

export function tableOf(rows: readonly Row[]): string {
  const lines: string[] = [];
  const cells = rows.map((row) => [
    row.network,
    row.what,
    `${spread(row.ours)} ${row.unit}`,
    row.baseline ? `${spread(row.baseline.samples)} ${row.unit}` : '',
    ratioText(row),
    targetText(row.target),
    verdict(row),
    String(row.ours.n),
  ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...cells.map((line) => line[i]!.length)));
  const format = (line: readonly string[]): string =>
    line
      .map((cell, i) => (rightAligned.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  let measure = '';
  for (const [i, row] of rows.entries()) {
    if (row.measure !== measure) {
      measure = row.measure;
      lines.push('', measure, format(heads));
    }
    lines.push(format(cells[i]!));
    const facts = Object.entries(row.facts ?? {}).map(([name, value]) => `${name}: ${value}`);
    if (row.baseline) facts.unshift(`baseline: ${row.baseline.what}`);
    if (facts.length > 0) lines.push(`    ${facts.join('; ')}`);
  }
  lines.push(
    '',
    'Medians (10th–90th percentile). Ratio: ours over the baseline, both measured in turn in this run.',
  );
  return lines.join('\n');
}
