/**
 * Values as JSON, and back: what `get`, `set`, `list`, `export` and `import` print and read. README: "Values".
 *
 * Invariants:
 * - `fromJson(toJson(v))` is deeply equal to v, for every value that a database can hold.
 * - What JSON has is itself. The rest is an object with one property whose name begins with `$`; an object of the
 *   user's that looks like that is wrapped in `$object`.
 * - Nothing is rounded in silence: a number that a double can't hold is refused.
 */
import { StreamValue } from 'holdfast';
import { visible } from './visible.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((c) => [c.name, c]),
);

type BufferView = new (buffer: ArrayBuffer) => ArrayBufferView;

const VIEWS: ReadonlyMap<string, BufferView> = new Map<string, BufferView>(
  [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map((c) => [c.name, c as BufferView]),
);

/** Values nest 512 deep, and each level counts twice where it has a tag. */
const DEPTH_MAX = 1100;

export function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Object.is(value, -0)) return { $number: '-0' };
      return Number.isFinite(value) ? value : { $number: String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'undefined':
      return { $undefined: true };
    case 'object':
      return value === null ? null : objectToJson(value);
    default:
      throw new TypeError(`A ${typeof value} is no value.`);
  }
}

function objectToJson(value: object): Json {
  if (value instanceof Uint8Array) return { $bytes: base64(value) };
  if (value instanceof StreamValue) return { $stream: value.bytes };
  // From, not map: a hole is undefined.
  if (Array.isArray(value)) return Array.from(value, toJson);
  if (value instanceof Date)
    return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() };
  if (value instanceof Map) return { $map: Array.from(value, ([k, v]) => [toJson(k), toJson(v)]) };
  if (value instanceof Set) return { $set: Array.from(value, toJson) };
  if (value instanceof RegExp) return { $regexp: [value.source, value.flags] };
  if (value instanceof Error) return { $error: errorToJson(value) };
  if (value instanceof ArrayBuffer) return { $typed: ['ArrayBuffer', base64(new Uint8Array(value))] };
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { $typed: [value.constructor.name, base64(bytes)] };
  }
  const entries = Object.entries(value).map(([key, item]): [string, Json] => [key, toJson(item)]);
  // Defines properties, so that `__proto__` is a key like any other.
  const object = Object.fromEntries(entries);
  return entries.length === 1 && entries[0]![0].startsWith('$') ? { $object: object } : object;
}

function errorToJson(error: Error): Json {
  const kind = [...ERRORS].find(([, c]) => c.prototype === Object.getPrototypeOf(error))?.[0] ?? 'Error';
  return {
    class: kind,
    name: error.name,
    message: error.message,
    ...(Object.hasOwn(error, 'cause') && { cause: toJson(error.cause) }),
  };
}

/** @throws SyntaxError that says what was expected. */
export function fromJson(json: Json, depth = 0): unknown {
  if (depth > DEPTH_MAX) throw new SyntaxError(`the JSON nests deeper than ${DEPTH_MAX}`);
  if (typeof json === 'number' && !Number.isFinite(json))
    throw new SyntaxError('a number is too large for a double');
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map((item) => fromJson(item, depth + 1));
  const entries = Object.entries(json);
  const [only] = entries;
  if (only && entries.length === 1) {
    const read = TAGS.get(only[0]);
    if (read) return read(only[1], depth + 1);
  }
  return plain(entries, depth);
}

function plain(entries: [string, Json][], depth: number): unknown {
  return Object.fromEntries(entries.map(([key, item]) => [key, fromJson(item, depth + 1)]));
}

type Reader = (json: Json, depth: number) => unknown;

const TAGS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['$bytes', (json: Json) => fromBase64(json, '$bytes')],
  [
    '$bigint',
    (json) => {
      if (typeof json === 'string' && /^-?\d+$/.test(json)) return BigInt(json);
      throw expected('$bigint', 'a string of digits', json);
    },
  ],
  [
    '$number',
    (json) => {
      if (json === 'NaN' || json === 'Infinity' || json === '-Infinity' || json === '-0') return Number(json);
      throw expected('$number', '"NaN", "Infinity", "-Infinity" or "-0"', json);
    },
  ],
  [
    '$date',
    (json) => {
      if (json === 'invalid') return new Date(Number.NaN);
      const date = new Date(typeof json === 'string' ? json : Number.NaN);
      if (!Number.isNaN(date.getTime())) return date;
      throw expected('$date', 'a date as in "2026-11-22T15:00:00.000Z"', json);
    },
  ],
  [
    '$undefined',
    (json) => {
      if (json === true) return undefined;
      throw expected('$undefined', 'true', json);
    },
  ],
  [
    '$map',
    (json, depth) => {
      const isPairs = Array.isArray(json) && json.every((pair) => Array.isArray(pair) && pair.length === 2);
      if (!isPairs) throw expected('$map', '[[key, value], …]', json);
      return new Map((json as Json[][]).map(([k, v]) => [fromJson(k!, depth + 1), fromJson(v!, depth + 1)]));
    },
  ],
  [
    '$set',
    (json, depth) => {
      if (!Array.isArray(json)) throw expected('$set', '[value, …]', json);
      return new Set(json.map((item) => fromJson(item, depth + 1)));
    },
  ],
  [
    '$regexp',
    (json) => {
      const [source, flags] = strings(json, 2) ?? [];
      if (source === undefined) throw expected('$regexp', '[source, flags]', json);
      return new RegExp(source, flags);
    },
  ],
  ['$error', readError],
  [
    '$stream',
    () => {
      throw new SyntaxError(
        '{"$stream": …} says that a stream is there, and how long it is: its bytes are not in it; write them with set KEY --stream FILE',
      );
    },
  ],
  [
    '$typed',
    (json) => {
      const [name, text] = strings(json, 2) ?? [];
      const View = VIEWS.get(name ?? '');
      if (name !== 'ArrayBuffer' && !View)
        throw expected(
          '$typed',
          `[class, base64], class one of ArrayBuffer, ${[...VIEWS.keys()].join(', ')}`,
          json,
        );
      const { buffer } = fromBase64(text!, '$typed');
      try {
        return View ? new View(buffer) : buffer;
      } catch (cause) {
        throw new SyntaxError(`$typed: ${(cause as Error).message}`, { cause });
      }
    },
  ],
  [
    '$object',
    (json, depth) => {
      if (json === null || typeof json !== 'object' || Array.isArray(json))
        throw expected('$object', 'an object', json);
      return plain(Object.entries(json), depth);
    },
  ],
]);

function readError(json: Json, depth: number): Error {
  const fields = (json !== null && typeof json === 'object' && !Array.isArray(json) ? json : {}) as Record<
    string,
    Json
  >;
  const { class: kind, name, message } = fields;
  const ErrorClass = typeof kind === 'string' ? ERRORS.get(kind) : undefined;
  if (!ErrorClass || typeof name !== 'string' || typeof message !== 'string')
    throw expected('$error', `{class, name, message}, class one of ${[...ERRORS.keys()].join(', ')}`, json);
  const cause = Object.hasOwn(fields, 'cause') ? { cause: fromJson(fields.cause!, depth + 1) } : undefined;
  const error = new ErrorClass(message, cause);
  // Where it is read is not where it happened.
  error.stack = `${name}: ${message}`;
  if (name !== kind) {
    const property = { value: name, writable: true, enumerable: false, configurable: true };
    Object.defineProperty(error, 'name', property);
  }
  return error;
}

function strings(json: Json, length: number): string[] | undefined {
  const isStrings =
    Array.isArray(json) && json.length === length && json.every((item) => typeof item === 'string');
  return isStrings ? (json as string[]) : undefined;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function fromBase64(json: Json, tag: string): Uint8Array<ArrayBuffer> {
  // Buffer ignores what is not base64; a shortened value would be a lost one.
  const isBase64 =
    typeof json === 'string' && json.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(json.replace(/={1,2}$/, ''));
  if (!isBase64) throw expected(tag, 'base64', json);
  return new Uint8Array(Buffer.from(json, 'base64'));
}

function expected(tag: string, what: string, found: Json): SyntaxError {
  const text = JSON.stringify(found);
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new SyntaxError(
    `{"${tag}": …} expects ${what}, found ${shown}; for an object of that shape write {"$object": {"${tag}": …}}`,
  );
}

/** One line of JSON. What `visible` escapes is in strings only, where JSON has the same escapes. */
export function printJson(json: Json): string {
  return visible(JSON.stringify(json));
}

export function printValue(value: unknown): string {
  return printJson(toJson(value));
}

/** @throws SyntaxError for what is no JSON, or holds a number or a string that can't be kept. */
export function parseJson(text: string): Json {
  try {
    // Looks into every string only where one may have half a character.
    const json = JSON.parse(text, /\\u[dD][89a-fA-F]/.test(text) ? checkWellFormed : undefined) as Json;
    const lossy = /\d{16}/.test(text) ? lossyInteger(text) : undefined;
    if (lossy === undefined) return json;
    throw new SyntaxError(
      `${lossy} can't be kept exactly as a number; write {"$bigint": "${lossy}"} or a string`,
    );
  } catch (error) {
    // The stack's end.
    if (error instanceof RangeError) throw new SyntaxError(`the JSON nests deeper than ${DEPTH_MAX}`);
    throw error;
  }
}

/** The first integer outside strings that a double would round. `text` is valid JSON. */
function lossyInteger(text: string): string | undefined {
  const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') {
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = at;
      const [literal] = number.exec(text)!;
      if (/^-?\d+$/.test(literal) && isRounded(literal)) return literal;
      at += literal.length - 1;
    }
  }
  return undefined;
}

/** A double's own shortest form is not rounded, though its digits are not those of its exact value. */
function isRounded(integer: string): boolean {
  const double = Number(integer);
  return String(double) !== integer && !(Number.isFinite(double) && BigInt(double) === BigInt(integer));
}

function checkWellFormed(key: string, value: unknown): unknown {
  for (const part of [key, value])
    if (typeof part === 'string' && /\p{Surrogate}/u.test(part))
      throw new SyntaxError('a string has half of a surrogate pair (\\ud800 to \\udfff)');
  return value;
}
