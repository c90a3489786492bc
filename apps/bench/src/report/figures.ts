/** How figures are written in tables and charts. */
import { meetsTarget, type Row, ratioOf, type Target } from '../measure.js';
import type { Summary } from '../stats.js';

/** Three significant digits, without an exponent. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

/** The median, and where eight samples of ten lie. */
export function spread({ median, p10, p90, n }: Summary): string {
  return n === 1 ? figure(median) : `${figure(median)} (${figure(p10)}–${figure(p90)})`;
}

export function targetText(target: Target | undefined): string {
  if (target === undefined) return '';
  return 'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
}

export function verdict(row: Row): '' | 'PASS' | 'miss' {
  const meets = meetsTarget(row);
  return meets === undefined ? '' : meets ? 'PASS' : 'miss';
}

export function ratioText(row: Row): string {
  const ratio = ratioOf(row);
  return ratio === undefined ? '' : `${figure(ratio)}×`;
}
