/**
 * The options of a call, as they are when it is made.
 *
 * Invariants:
 * - An option that nobody knows is refused: a misspelt `maxRetries` must not be ignored.
 * - What a call works with is a copy: the caller may use its object again at once.
 */

/** What every call that may reach the store takes. */
export const CALL_OPTIONS = ['signal', 'meter'] as const;
export const READ_OPTIONS = ['maxStalenessMs', 'signal', 'meter'] as const;

const NONE: object = Object.freeze({});

/**
 * @param call how messages name it.
 * @throws TypeError for options that are none, or one of them that is not in `known`.
 */
export function checkKnown(call: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(
      `${call}: expected an object of options, found ${Array.isArray(options) ? 'an array' : kindOf(options)}.`,
    );
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw new TypeError(
      `${call}: unknown option ${JSON.stringify(name)}${near ? `; did you mean ${JSON.stringify(near)}?` : '.'} Expected ${known.length > 0 ? known.join(', ') : 'none'}. Nothing was done.`,
    );
  }
}

interface Common {
  readonly signal?: unknown;
  readonly meter?: unknown;
  readonly maxStalenessMs?: unknown;
  readonly reverse?: unknown;
}

/**
 * Checks what calls have in common, and copies.
 * @throws TypeError, RangeError.
 */
export function takeOptions<O extends object>(
  call: string,
  options: O | undefined,
  known: readonly (keyof O & string)[],
): O {
  if (options === undefined) return NONE as O;
  checkKnown(call, options, known);
  const taken = { ...options };
  const { signal, meter, maxStalenessMs, reverse } = taken as Common;
  if (signal !== undefined && !isSignal(signal))
    throw new TypeError(`${call}: signal: expected an AbortSignal, found ${kindOf(signal)}.`);
  if (meter !== undefined && !isMeter(meter))
    throw new TypeError(
      `${call}: meter: expected a Traffic, or another with request, response and retry, found ${kindOf(meter)}.`,
    );
  if (maxStalenessMs !== undefined && !(typeof maxStalenessMs === 'number' && maxStalenessMs >= 0))
    throw new RangeError(
      `${call}: maxStalenessMs: expected milliseconds from 0, found ${String(maxStalenessMs)}.`,
    );
  if (reverse !== undefined && typeof reverse !== 'boolean')
    throw new TypeError(`${call}: reverse: expected a boolean, found ${kindOf(reverse)}.`);
  return taken;
}

// By what they do, not by their class: one may come from another realm, or another copy of a package.

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, throwIfAborted } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof throwIfAborted === 'function'
  );
}

function isMeter(value: unknown): boolean {
  const { request, response, retry } = (value ?? {}) as Record<string, unknown>;
  return [request, response, retry].every((count) => typeof count === 'function');
}

/** For messages. */
export function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** The known name that it was likely meant to be; undefined: none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.min(3, Math.ceil(name.length / 3) + 1);
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's, of names: what is far longer than any is not looked at. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
