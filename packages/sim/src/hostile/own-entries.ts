/** The engine's own entries, as FORMAT.md, "Keys and values", has them. */
import { decodeKey, decodeValue } from '@holdfast/core';
import { NotInFormat } from './bytes.js';

const REQUEST = 'request';
const CHECKPOINT = 'checkpoint';
const SESSION = 'session';

/** FORMAT.md: a request's entry is `{ digest, result }` or `{ closed: true }`, a session's `{ settled, requests }`, a checkpoint's `{ version, timeMs, hash }`. */
export function checkOwn(key: Uint8Array, value: Uint8Array | undefined): void {
  if (value === undefined) return;
  let tuple: readonly unknown[];
  try {
    tuple = decodeKey(key.subarray(1));
  } catch {
    // Nobody's: it is in none of the ranges that are read.
    return;
  }
  const [kind, name, ...more] = tuple;
  if (kind !== CHECKPOINT && kind !== REQUEST && kind !== SESSION) return;
  // Nobody can ask for it, and only checkpoints are listed.
  if (kind !== CHECKPOINT && (typeof name !== 'string' || more.length > 0)) return;
  const found = orNot(() => decodeValue(value)) as Record<string, unknown> | null;
  const isObject = typeof found === 'object' && found !== null;
  must(isObject && typeof name === 'string' && more.length === 0, 'an entry of the engine that is none');
  const { closed, digest, version, timeMs, hash, settled, requests } = found ?? {};
  if (kind === REQUEST) must(closed === true || digest instanceof Uint8Array, 'a request that is none');
  else if (kind === SESSION)
    must(Number.isSafeInteger(settled) && Array.isArray(requests), 'a session that is none');
  else
    must(
      Number.isSafeInteger(version) &&
        (version as number) >= 1 &&
        !Number.isNaN(new Date(timeMs as number).getTime()) &&
        hash instanceof Uint8Array &&
        hash.length === 32,
      'a checkpoint that is none',
    );
}

function must(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new NotInFormat(otherwise);
}

function orNot<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new NotInFormat(String(error));
  }
}
