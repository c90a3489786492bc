/** One value, as `get` and `snapshot` print it. */
import { type Entry, type KeyTuple, StreamValue } from 'holdfast';
import { UsageError } from './failure.js';
import { printValue } from './json-values.js';
import type { Output } from './output.js';

/** @param open gives the bytes of a stream, as they come. */
export async function printEntry(
  out: Output,
  { key, value }: Entry,
  raw: boolean | undefined,
  open: (key: KeyTuple) => Promise<AsyncIterable<Uint8Array> | undefined>,
): Promise<void> {
  if (!raw) return out.line(printValue(value));
  if (value instanceof StreamValue) {
    for await (const chunk of (await open(key)) ?? []) await out.bytes(chunk);
    return;
  }
  if (typeof value === 'string') return out.text(value);
  if (value instanceof Uint8Array) return out.bytes(value);
  throw new UsageError(
    '--raw prints strings, bytes and streams only; this value is none of them. Leave --raw out to get JSON.',
  );
}
