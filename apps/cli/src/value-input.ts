/** The value of `set`: typed as an argument, or read from standard input or a file. */
import { UsageError } from './failure.js';
import { readInput } from './input.js';
import { fromJson, parseJson } from './json-values.js';

export interface ValueOptions {
  readonly file?: string | undefined;
  readonly text?: boolean | undefined;
  readonly bytes?: boolean | undefined;
  readonly bytesHex?: boolean | undefined;
}

/** A value of 16 MiB takes up to six times that in JSON, where it is all control characters. */
const INPUT_BYTES_MAX = 128 * 1024 * 1024;

export async function readValue(
  argument: string | undefined,
  options: ValueOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const kinds = (['text', 'bytes', 'bytesHex'] as const).filter((kind) => options[kind]);
  if (kinds.length > 1) throw new UsageError('Expected one of --text, --bytes, --bytes-hex, found several.');
  if ((argument === undefined) === (options.file === undefined))
    throw new UsageError(
      argument === undefined
        ? 'Expected a VALUE, - for standard input, or --file FILE; found none.'
        : `Expected a VALUE or --file FILE, found both.`,
    );
  const bytes = await read(argument, options.file, signal);
  if (kinds[0] === 'bytes') return new Uint8Array(bytes);
  return parseValue(decode(bytes), kinds[0]);
}

async function read(
  argument: string | undefined,
  file: string | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const path = file ?? (argument === '-' ? '-' : undefined);
  if (path !== undefined) return (await readInput(path, { bytesMax: INPUT_BYTES_MAX, signal })).bytes;
  return Buffer.from(argument!);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError('Expected UTF-8 text, found other bytes. For bytes as they are use --bytes.', {
      cause,
    });
  }
}

export function parseValue(text: string, kind: 'text' | 'bytesHex' | undefined): unknown {
  if (kind === 'text') return text;
  if (kind === 'bytesHex') {
    const hex = text.trim();
    if (!/^([0-9a-f]{2})*$/i.test(hex))
      throw new UsageError('--bytes-hex: expected pairs of hex digits, found something else.');
    return new Uint8Array(Buffer.from(hex, 'hex'));
  }
  try {
    const value = fromJson(parseJson(text));
    if (value !== undefined) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new UsageError(
      `Expected a value in JSON, found ${shown.trim() || 'nothing'} (${error.message}). For text as it is use --text.`,
      { cause: error },
    );
  }
  throw new UsageError("undefined can't be stored by itself; store null, or delete the key.");
}
