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
  const [scheme, rest] = /^([a-z][a-z0-9+.-]*):(?=(.*))/is.exec(text)?.slice(1) ?? [];
  if (scheme === undefined) return false;
  const known = [...BUILT_IN, ...registeredSchemes()];
  return rest!.startsWith('//') || known.includes(scheme.toLowerCase());
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
    if (rest[0] !== undefined && isLocation(rest[0])) location = rest.shift();
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
