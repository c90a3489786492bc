/** Versions, dates and lengths of time on a command line. */
import { UsageError } from './failure.js';

export const MOMENT_HELP = `A version is a number, as \`holdfast log\` shows it. A date is ISO 8601: 2026-11-22 (midnight UTC),
2026-11-22T15:00Z, 2026-11-22T16:00:00+01:00; it stands for the newest version up to then.`;

export function parseVersion(text: string): number {
  const version = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(version) && version >= 1) return version;
  throw new UsageError(`Expected a version, a number from 1, found ${JSON.stringify(text)}.`);
}

export function parseMoment(text: string): number | Date {
  if (/^\d+$/.test(text)) return parseVersion(text);
  const isIso = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i.test(text);
  const date = new Date(isIso ? text : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new UsageError(
    `Expected a version (a number) or a date such as 2026-11-22T15:00Z, found ${JSON.stringify(text)}.`,
  );
}

/** A whole number from 0, as `--limit` takes it. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`Expected a whole number from 0, found ${JSON.stringify(text)}.`);
}

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** A length of time such as 90s or 1.5h, as `--expire-in` takes it: whole milliseconds, 1 or more. */
export function parseDurationMs(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNITS_MS.get(unit ?? '') ?? Number.NaN));
  if (Number.isSafeInteger(ms) && ms >= 1) return ms;
  throw new UsageError(
    `Expected a length of time such as 500ms, 90s, 15m, 1.5h or 7d, found ${JSON.stringify(text)}.`,
  );
}
