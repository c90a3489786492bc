/** One value, as `get` and `snapshot` print it. */
import type { Entry } from 'holdfast';
import { UsageError } from './failure.js';
import { printValue } from './json-values.js';
import type { Output } from './output.js';

export async function printEntry(out: Output, { value }: Entry, raw = false): Promise<void> {
  if (!raw) return out.line(printValue(value));
  if (typeof value === 'string') return out.text(value);
  if (value instanceof Uint8Array) return out.bytes(value);
  throw new UsageError(
    '--raw prints strings and bytes only; this value is neither. Leave --raw out to get JSON.',
  );
}
