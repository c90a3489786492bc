/**
 * Keys as people type and see them: a bare string, or a JSON array of parts.
 *
 * Invariant: what `printKey` prints, typed again as one argument, is the same key.
 */
import type { KeyPart, KeyTuple } from 'holdfast';
import { UsageError } from './failure.js';
import { fromJson, type Json, parseJson, printJson, toJson } from './json-values.js';
import { isLocation } from './location.js';

export const KEY_HELP = `A KEY is a bare string (users) or a JSON array of parts ('["users", 17]'): strings, numbers,
booleans, null, nested arrays, {"$bigint": "1"}, {"$bytes": "base64"}.`;

/** A command line's KEY. */
export function parseKeyArgument(text: string): KeyTuple {
  if (text === '')
    throw new UsageError(`Expected a key, found an empty argument. For the empty string write '[""]'.`);
  if (!text.startsWith('[')) return [text];
  try {
    return keyFromJson(parseJson(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `Expected a key that is a JSON array such as '["users", 17]', found ${text}: ${error.message}. A bare string that begins with [ is written as '["[…"]'.`,
      { cause: error },
    );
  }
}

/** @throws SyntaxError for what is neither a string nor an array of key parts. */
export function keyFromJson(json: Json): KeyTuple {
  if (typeof json === 'string') return [json];
  if (!Array.isArray(json))
    throw new SyntaxError(`expected a key, a string or an array, found ${printJson(json).slice(0, 60)}`);
  return json.map(partFromJson);
}

function partFromJson(json: Json): KeyPart {
  if (Array.isArray(json)) return json.map(partFromJson);
  const part = fromJson(json);
  if (part === null || typeof part !== 'object' || part instanceof Uint8Array) return part as KeyPart;
  throw new SyntaxError(
    `${printJson(json).slice(0, 60)} can't be part of a key; expected a string, number, boolean, null, array, {"$bigint": …} or {"$bytes": …}`,
  );
}

export function keyToJson(key: readonly KeyPart[]): Json {
  return toJson(key);
}

export function printKey(key: readonly KeyPart[]): string {
  const [only] = key;
  if (key.length === 1 && typeof only === 'string' && isPlain(only)) return only;
  return printJson(keyToJson(key));
}

/** Safe to show and to type: no invisible characters, and nothing that means something else on a command line. */
function isPlain(text: string): boolean {
  return (
    !text.includes('\ufffd') &&
    /^[^\s\p{C}[-]([^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}])?$/u.test(text) &&
    !isLocation(text)
  );
}
