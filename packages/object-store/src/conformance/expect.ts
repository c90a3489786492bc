/** What the suite says when a store breaks the contract. No test runner is needed. */
import type { ObjectStore, StoredObject } from '../object-store.js';

export class ConformanceError extends Error {
  constructor(what: string, expected: unknown, found: unknown) {
    super(`${what}: expected ${show(expected)}, found ${show(found)}`);
    this.name = 'ConformanceError';
  }
}

export function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (!isEqual(found, expected)) throw new ConformanceError(what, expected, found);
}

/** Expects a rejection and gives its error. */
export async function expectFailure(what: string, call: Promise<unknown>): Promise<unknown> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new ConformanceError(what, 'a failure', outcome.value);
}

export async function expectObject(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
): Promise<StoredObject> {
  const found = await store.get(key);
  if (found === undefined) throw new ConformanceError(`get of ${key}`, bytes, undefined);
  expectEqual(`bytes of ${key}`, found.bytes, bytes);
  expectEqual(`size of ${key}`, found.size, bytes.length);
  if (typeof found.etag !== 'string' || found.etag === '') {
    throw new ConformanceError(`etag of ${key}`, 'a string that is not empty', found.etag);
  }
  return found;
}

export async function keysOf(objects: AsyncIterable<{ key: string }>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects) keys.push(key);
  return keys;
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    if (a.length !== b.length) return false;
    // A plain loop: 8 MiB of callbacks take most of a second.
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  return Object.is(a, b);
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${value.length} bytes (${hex}${value.length > 32 ? '…' : ''})`;
  }
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 400 ? `${shown.slice(0, 400)}…` : shown;
}
