/**
 * What msgpackr alone would lose or change: a Map becomes an object, -0 becomes 0, the key `__proto__` is renamed,
 * a long string loses a leading byte order mark, an error's class is looked up by a name that could be any. Each
 * travels as an array that begins with its tag.
 */
export const TAG = {
  /** One string, behind a character that keeps its byte order mark from being first. */
  text: 0,
  negativeZero: 1,
  /** Key, value, key, value … */
  map: 2,
  /** As map: an object with a key that msgpackr would change. */
  object: 3,
  /** Class, name, message, and the cause if it has one. */
  error: 4,
  /** Source, flags. */
  regexp: 5,
} as const;

export class Tagged {
  /** `H`: extension type in MessagePack. */
  static readonly EXTENSION = 0x48;
  readonly content: readonly unknown[];

  /** @param content a tag, then what belongs to it. */
  constructor(content: readonly unknown[]) {
    this.content = content;
  }
}

export const NEGATIVE_ZERO: Tagged = new Tagged([TAG.negativeZero]);

/** The error classes that are kept. AggregateError is not: its errors would be lost. */
const ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((c) => [c.name, c]),
);

export function isErrorClass(name: string): boolean {
  return ERRORS.has(name);
}

/** The inverse of tagging. Throws whatever it likes for content that was not written by `encodeValue`. */
export function untag(content: unknown): unknown {
  const [tag, ...rest] = content as readonly [number, ...unknown[]];
  switch (tag) {
    case TAG.text:
      return String(rest[0]).slice(1);
    case TAG.negativeZero:
      return -0;
    case TAG.map: {
      const map = new Map<unknown, unknown>();
      for (let i = 0; i < rest.length; i += 2) map.set(rest[i], rest[i + 1]);
      return map;
    }
    case TAG.object: {
      const object: Record<string, unknown> = {};
      for (let i = 0; i < rest.length; i += 2) {
        // Defined, not assigned: `__proto__` becomes a key of this object and leaves its prototype alone.
        const property = { value: rest[i + 1], writable: true, enumerable: true, configurable: true };
        Object.defineProperty(object, rest[i] as string, property);
      }
      return object;
    }
    case TAG.error: {
      const [className, name, message] = rest as [string, string, string];
      const ErrorClass = ERRORS.get(className);
      if (ErrorClass === undefined) throw new TypeError(`${className} is no error class that values keep`);
      const error = new ErrorClass(message, rest.length > 3 ? { cause: rest[3] } : undefined);
      // The place it was decoded at is not where it happened.
      error.stack = `${name}: ${message}`;
      if (name !== className)
        Object.defineProperty(error, 'name', {
          value: name,
          writable: true,
          enumerable: false,
          configurable: true,
        });
      return error;
    }
    case TAG.regexp:
      return new RegExp(rest[0] as string, rest[1] as string);
    default:
      throw new TypeError(`${tag} is no tag`);
  }
}
