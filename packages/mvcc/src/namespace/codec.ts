/**
 * What a namespace does to keys and values on their way to the database and back.
 *
 * Invariants:
 * - A Standard Schema is asked as one, whatever other methods it has: Zod's have `encode` and `decode` too, which are
 *   not ours.
 * - Keys, and values inside a transaction, are translated synchronously: a write is recorded by its call.
 */
import { decodeKey, encodeKey, isUint8Array, type Key, type KeyPart, type KeyTuple } from '@holdfast/core';
import { checkKnown, kindOf } from '../context/call-options.js';
import type { Entry, Range } from '../reading/entry-reader.js';
import { StreamValue } from '../reading/stream-value.js';

/** Translates between what a user handles and what is stored. */
export interface Codec<T, S> {
  encode(value: T): S;
  decode(stored: S): T;
}

type Issue = {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
};
type Validated<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/**
 * A validator in the shape of Standard Schema v1 (standardschema.dev): Zod, Valibot, ArkType and others. What it
 * makes of a value is stored.
 */
export interface StandardSchema<Output = unknown, Input = Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor?: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export interface NamespaceOptions<V, In = V> {
  /**
   * Between this namespace's keys and key parts, or a schema that keys must fit; default: keys as everywhere.
   * Synchronous. The bounds of ranges go through it as keys do, and their order is that of the parts.
   */
  readonly key?: Codec<Key, readonly KeyPart[]> | StandardSchema<Key> | undefined;
  /** Between this namespace's values and what is stored, or a schema that values must fit to be written. */
  readonly value?: Codec<V, unknown> | StandardSchema<V, In> | undefined;
}

type AnyCodec = Codec<never, never> | StandardSchema<never>;

/** A namespace's keys and values, as the database's. */
export class NamespaceForm<V = unknown> {
  readonly prefix: readonly KeyPart[];
  readonly #key: AnyCodec | undefined;
  readonly #value: AnyCodec | undefined;

  /** @throws TypeError for what is no prefix, no codec and no schema. */
  constructor(prefix: Key, options: NamespaceOptions<V, never> = {}) {
    checkKnown('namespace', options, ['key', 'value']);
    this.prefix = ownTuple(prefix);
    this.#key = checkCodec('key', options.key);
    this.#value = checkCodec('value', options.value);
  }

  /** The whole key of one of this namespace's. */
  readonly keyOf = (key: Key): KeyTuple => {
    const whole = this.boundOf(key);
    if (whole.length === this.prefix.length)
      throw new TypeError(
        "expected a key of one part at least, found none: the namespace's prefix itself is not in the namespace",
      );
    return whole;
  };

  /** The same for a bound or a prefix, which may be this namespace's own. */
  boundOf(key: Key): KeyTuple {
    return [...this.prefix, ...this.#parts(key)];
  }

  #parts(key: Key): readonly KeyPart[] {
    const codec = this.#key;
    if (codec === undefined) return asTuple(key);
    if (isSchema(codec)) return asTuple(validated(codec, key, 'key'));
    const parts = (codec as Codec<Key, readonly KeyPart[]>).encode(key);
    if (!Array.isArray(parts))
      throw new TypeError(`key: expected its codec to encode to an array of parts, found ${kindOf(parts)}.`);
    return parts;
  }

  /** One of this namespace's keys, from its whole key. */
  shorten(key: KeyTuple): Key {
    const rest = key.slice(this.prefix.length);
    const codec = this.#key;
    return codec === undefined || isSchema(codec)
      ? rest
      : (codec as Codec<Key, readonly KeyPart[]>).decode(rest);
  }

  /** A range of this namespace's keys in whole keys: never beyond the prefix. */
  rangeOf<R extends Range>(range: R | undefined): R {
    // What is no range is left to the database to refuse.
    if (range !== undefined && (typeof range !== 'object' || range === null || Array.isArray(range)))
      return range;
    const { prefix, gt, gte, lt, lte, ...more } = range ?? ({} as R);
    const bound = (key: Key | undefined): KeyTuple | undefined =>
      key === undefined ? key : this.boundOf(key);
    const bounds = { gt: bound(gt), gte: bound(gte), lt: bound(lt), lte: bound(lte) };
    return {
      ...more,
      ...bounds,
      prefix: prefix === undefined ? this.prefix : this.boundOf(prefix),
    } as unknown as R;
  }

  /** What is stored for a value; a promise only where its schema is asynchronous. */
  encode(value: unknown): unknown {
    const codec = this.#value;
    if (codec === undefined) return value;
    if (!isSchema(codec)) return (codec as Codec<unknown, unknown>).encode(value);
    const checked = codec['~standard'].validate(value);
    return isThenable(checked)
      ? Promise.resolve(checked).then((later) => outputOf(later, 'value'))
      : outputOf(checked, 'value');
  }

  /** The same inside a transaction. @throws TypeError where the schema is asynchronous. */
  readonly encodeNow = (value: unknown): unknown => {
    const encoded = this.encode(value);
    if (encoded === value || !isThenable(encoded)) return encoded;
    // Handled: the refusal below is what the caller hears.
    Promise.resolve(encoded).catch(() => {});
    throw new TypeError(
      'value: expected a schema that validates synchronously, found a promise: a transaction records its writes at once. Validate before it, and write with the transaction itself: tx.set(keyOf(key), value).',
    );
  };

  decode(stored: unknown): V {
    const codec = this.#value;
    // A stream's bytes are as they are.
    if (stored === undefined || stored instanceof StreamValue) return stored as V;
    if (codec === undefined || isSchema(codec)) return stored as V;
    return (codec as Codec<V, unknown>).decode(stored);
  }

  entry<E extends Pick<Entry, 'key' | 'value'>>(entry: E): Omit<E, 'key' | 'value'> & { key: Key; value: V } {
    return { ...entry, key: this.shorten(entry.key), value: this.decode(entry.value) };
  }
}

function checkCodec(name: string, codec: unknown): AnyCodec | undefined {
  if (codec === undefined) return undefined;
  if (isSchema(codec)) return codec;
  const { encode, decode } = (codec ?? {}) as Record<string, unknown>;
  if (typeof encode === 'function' && typeof decode === 'function') return codec as AnyCodec;
  throw new TypeError(
    `namespace: ${name}: expected a Standard Schema or a codec { encode, decode }, found ${kindOf(codec)}.`,
  );
}

/** ArkType's are functions. */
function isSchema(codec: unknown): codec is StandardSchema<never> {
  if ((typeof codec !== 'object' && typeof codec !== 'function') || codec === null) return false;
  const standard = (codec as { '~standard'?: { validate?: unknown } | undefined })['~standard'];
  return typeof standard?.validate === 'function';
}

function validated(schema: StandardSchema<Key>, value: unknown, what: string): Key {
  const checked = schema['~standard'].validate(value);
  if (!isThenable(checked)) return outputOf(checked, what);
  Promise.resolve(checked).catch(() => {});
  throw new TypeError(`${what}: expected a schema that validates synchronously, found a promise.`);
}

function outputOf<T>(checked: Validated<T>, what: string): T {
  if (!checked.issues) return checked.value;
  const issues = checked.issues.map(({ message, path }) => {
    const steps = (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
    return steps.length > 0 ? `${steps.join('.')}: ${message}` : message;
  });
  throw new TypeError(
    `The ${what} does not fit this namespace's schema: ${issues.join('; ')}. Nothing was changed.`,
  );
}

function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function asTuple(key: Key): readonly KeyPart[] {
  if (typeof key === 'string' || isUint8Array(key)) return [key];
  // Says what a key must be, where this is none.
  if (!Array.isArray(key)) encodeKey(key);
  return key as readonly KeyPart[];
}

/** The prefix as it is now, bytes and nested tuples too. */
function ownTuple(key: Key): readonly KeyPart[] {
  return decodeKey(encodeKey(asTuple(key)));
}
