/**
 * Where the database is: the first argument, or HOLDFAST_LOCATION.
 *
 * The first argument is a location where it looks like one, so that a script with HOLDFAST_LOCATION set leaves it
 * out. A key that looks like one is written as a JSON array.
 */
import { registeredSchemes } from 'holdfast';
import { UsageError } from './failure.js';

export const LOCATION_HELP = `A LOCATION is file:./dir, s3://bucket/prefix?region=…, minio://host:port/bucket/prefix or
oss://bucket/prefix?region=…; it may be left out where HOLDFAST_LOCATION is set.`;

const BUILT_IN = ['memory', 'file', 's3', 'minio', 'oss'];

export function isLocation(text: string): boolean {
  const scheme = schemeOf(text);
  if (scheme === undefined) return false;
  return text.startsWith('//', scheme.length + 1) || isKnown(scheme);
}

/** @throws UsageError for a kind of location that nobody has added. */
export function checkKind(location: string): void {
  const scheme = schemeOf(location);
  if (scheme === undefined || isKnown(scheme)) return;
  throw new UsageError(
    `No such kind of location: expected ${[...BUILT_IN, ...registeredSchemes()].join(':, ')}:, found ${scheme}:. Other kinds come with --adapter MODULE.`,
  );
}

function schemeOf(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
}

function isKnown(scheme: string): boolean {
  return BUILT_IN.includes(scheme) || registeredSchemes().includes(scheme);
}

/** As it can be typed into a shell again. */
export function shellQuoted(text: string): string {
  return /^[\w.:/@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** What stands behind a command's name: its location, and the operands that it declares. */
export interface Operands {
  readonly location: string | undefined;
  readonly values: readonly (string | undefined)[];
}

/** The name of an operand that is a location itself: by itself it is that one, not the first. */
const SECOND_LOCATION = 'TARGET';

/**
 * @param declared such as `['KEY', '[VALUE]']`; brackets: may be missing.
 * @throws UsageError for too few or too many.
 */
export function takeOperands(
  args: readonly string[],
  declared: readonly string[],
  options: { takesLocation: boolean; env: Readonly<Record<string, string | undefined>> },
): Operands {
  const rest = [...args];
  let location: string | undefined;
  if (options.takesLocation) {
    location = options.env.HOLDFAST_LOCATION || undefined;
    const isOperand = location !== undefined && rest.length === 1 && declared[0] === SECOND_LOCATION;
    if (rest[0] !== undefined && !isOperand && isLocation(rest[0])) location = rest.shift();
    if (location === undefined)
      throw new UsageError(
        rest[0] === undefined
          ? 'Expected a location, found none. Write one first (file:./dir, s3://bucket/prefix …), or set HOLDFAST_LOCATION.'
          : `Expected a location first (file:./dir, s3://bucket/prefix …) or in HOLDFAST_LOCATION, found ${JSON.stringify(rest[0])}. For a folder write file:${rest[0]}.`,
      );
  }
  const missing = declared.slice(rest.length).find((name) => !name.startsWith('['));
  if (missing)
    throw new UsageError(`Expected ${list(declared)}, found ${found(rest)}: ${missing} is missing.`);
  if (rest.length > declared.length)
    throw new UsageError(
      `Expected ${declared.length === 0 ? 'nothing more' : list(declared)}, found ${found(rest)}. Quote an argument that holds spaces.`,
    );
  return { location, values: rest };
}

function list(names: readonly string[]): string {
  return names.join(' ');
}

function found(rest: readonly string[]): string {
  return rest.length === 0 ? 'nothing' : rest.map((arg) => JSON.stringify(arg)).join(' ');
}
