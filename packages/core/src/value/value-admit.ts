/**
 * Decides whether a value can be kept, before anything is written, and gives it the form that msgpackr writes
 * without loss.
 *
 * Invariants:
 * - The value itself is never changed: a container with something to replace inside is copied.
 * - What another realm's own classes made is kept as what ours made is, and is given to msgpackr as ours.
 * - Time and memory are bounded by the size limit even for a small graph with exponentially many paths.
 */
import { isUint8Array } from '@holdfast/crypto';
import { HoldfastError } from '../object/errors.js';
import { classOfPrototype, ownView } from './realm.js';
import { isErrorClass, NEGATIVE_ZERO, TAG, Tagged } from './value-tag.js';

/** What leads from a container to what is in it: an index or a key. */
type Step = unknown;

/** msgpackr writes bytes as binary where they are of its own buffers' class: the same on every platform, then. */
const asBinary: (bytes: Uint8Array) => Uint8Array =
  typeof Buffer === 'undefined'
    ? (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const LONE_SURROGATE = /\p{Surrogate}/u;
const isWellFormed: (text: string) => boolean =
  'isWellFormed' in String.prototype
    ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
    : (text) => !LONE_SURROGATE.test(text);

/**
 * @param depthMax containers nest at most this deep.
 * @param bytesMax a value that takes more is refused here if that is plain already.
 * @throws TypeError, HoldfastError LIMIT_EXCEEDED; see `encodeValue`.
 */
export function admitValue(value: unknown, depthMax: number, bytesMax: number): unknown {
  return new Admission(depthMax, bytesMax).value(value, 0);
}

class Admission {
  readonly #depthMax: number;
  readonly #bytesMax: number;
  readonly #ancestors: object[] = [];
  readonly #steps: Step[] = [];
  /** A lower bound of the encoding's length. */
  #bytes = 0;

  constructor(depthMax: number, bytesMax: number) {
    this.#depthMax = depthMax;
    this.#bytesMax = bytesMax;
  }

  /** @param depth how many containers it is in. */
  value(value: unknown, depth: number): unknown {
    this.#spend(1);
    switch (typeof value) {
      case 'string':
        return this.#text(value, depth);
      case 'number':
        return Object.is(value, -0) ? NEGATIVE_ZERO : value;
      case 'object':
        return value === null ? null : this.#object(value, depth);
      case 'boolean':
      case 'undefined':
      case 'bigint':
        return value;
      default:
        throw this.#refuse(depth, `a ${typeof value}; expected data`);
    }
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `the value takes over ${this.#bytesMax} bytes encoded, which is the most allowed; split it over several keys`,
      );
  }

  #text(text: string, depth: number): string | Tagged {
    this.#spend(text.length);
    if (!isWellFormed(text))
      throw this.#refuse(
        depth,
        'a string with a lone surrogate; expected well-formed Unicode, or a Uint8Array',
      );
    return text.charCodeAt(0) === 0xfeff ? new Tagged([TAG.text, `-${text}`]) : text;
  }

  #object(value: object, depth: number): unknown {
    if (ArrayBuffer.isView(value)) return this.#view(value, depth);
    const prototype = Object.getPrototypeOf(value) as object | null;
    const name = prototype === null ? undefined : classOfPrototype(prototype);
    const isOurs = (own: object): boolean => prototype === own;
    switch (name) {
      case 'Date':
        return isOurs(Date.prototype) ? value : new Date((value as Date).getTime());
      case 'ArrayBuffer':
        this.#spend((value as ArrayBuffer).byteLength);
        return isOurs(ArrayBuffer.prototype) ? value : new Uint8Array(value as ArrayBuffer).slice().buffer;
      case 'RegExp': {
        const { source, flags } = value as RegExp;
        return new Tagged([TAG.regexp, this.#text(source, depth), flags]);
      }
    }
    if (depth === this.#depthMax) throw this.#tooDeep(value);
    this.#ancestors[depth] = value;
    if (name === 'Array' && Array.isArray(value))
      return this.#array(isOurs(Array.prototype) ? value : Array.from(value as unknown[]), depth);
    if (name === 'Map') return this.#map(value as Map<unknown, unknown>, depth);
    if (name === 'Set') return this.#set(value as Set<unknown>, isOurs(Set.prototype), depth);
    // Plain objects of another realm have another Object.prototype: it, too, is a root.
    if (!Array.isArray(value) && (prototype === null || Object.getPrototypeOf(prototype) === null))
      return this.#record(value as Record<string, unknown>, depth);
    if (isError(value)) return this.#error(value, name, depth);
    throw this.#refuse(
      depth,
      `an instance of ${className(prototype)}, whose class would be lost; expected plain data`,
    );
  }

  #view(value: ArrayBufferView, depth: number): unknown {
    this.#spend(value.byteLength);
    // A subclass (Node's Buffer) comes back as what it is underneath.
    if (isUint8Array(value)) return asBinary(value);
    const view = ownView(value);
    if (view !== undefined) return view;
    throw this.#refuse(
      depth,
      'a typed array of a kind that MessagePack has no type for; expected its ArrayBuffer',
    );
  }

  #array(array: readonly unknown[], depth: number): unknown {
    let copy: unknown[] | undefined;
    for (let i = 0; i < array.length; i++) {
      this.#steps[depth] = i;
      const item = array[i];
      const admitted = this.value(item, depth + 1);
      if (!Object.is(admitted, item)) {
        copy ??= array.slice();
        copy[i] = admitted;
      }
    }
    return copy ?? array;
  }

  #map(map: ReadonlyMap<unknown, unknown>, depth: number): Tagged {
    const content: unknown[] = [TAG.map];
    for (const [key, item] of map) {
      this.#steps[depth] = key;
      content.push(this.value(key, depth + 1), this.value(item, depth + 1));
    }
    return new Tagged(content);
  }

  #set(set: ReadonlySet<unknown>, isOurs: boolean, depth: number): unknown {
    const items = [...set];
    const admitted = this.#array(items, depth);
    return admitted === items && isOurs ? set : new Set(admitted as unknown[]);
  }

  #record(record: Record<string, unknown>, depth: number): unknown {
    const keys = Object.keys(record);
    let copy: Record<string, unknown> | undefined;
    let tagged: unknown[] | undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      this.#steps[depth] = key;
      const admittedKey = this.#text(key, depth + 1);
      const item = record[key];
      const admitted = this.value(item, depth + 1);
      if (tagged === undefined && (admittedKey !== key || key === '__proto__')) {
        tagged = [TAG.object];
        for (const before of keys.slice(0, i)) tagged.push(before, (copy ?? record)[before]);
      }
      if (tagged !== undefined) tagged.push(admittedKey, admitted);
      else if (!Object.is(admitted, item)) {
        copy ??= { ...record };
        copy[key] = admitted;
      }
    }
    if (Object.getOwnPropertySymbols(record).length > 0)
      throw this.#refuse(depth, 'an object with a symbol for a key; expected string keys');
    return tagged === undefined ? (copy ?? record) : new Tagged(tagged);
  }

  /** @param name of its own class; undefined where that is not one of the language's. */
  #error(error: Error, name: string | undefined, depth: number): Tagged {
    if (name === undefined || !isErrorClass(name))
      throw this.#refuse(
        depth,
        `an error of the class ${className(Object.getPrototypeOf(error))}; expected one of the language's own, or plain data`,
      );
    const own = Object.keys(error).filter((key) => key !== 'cause' && key !== 'name' && key !== 'message');
    if (own.length > 0)
      throw this.#refuse(
        depth,
        `an error with the property ${own[0]}, which would be lost; expected plain data`,
      );
    const content: unknown[] = [
      TAG.error,
      name,
      this.#text(String(error.name), depth),
      this.#text(String(error.message), depth),
    ];
    this.#steps[depth] = 'cause';
    if (Object.hasOwn(error, 'cause')) content.push(this.value(error.cause, depth + 1));
    return new Tagged(content);
  }

  #refuse(depth: number, found: string): TypeError {
    return new TypeError(`${this.#path(depth)} is ${found}`);
  }

  /** A cycle is met as depth without end: only then is it worth looking for. */
  #tooDeep(value: object): Error {
    const seen = new Map<object, number>();
    for (const [depth, ancestor] of [...this.#ancestors.slice(0, this.#depthMax), value].entries()) {
      const first = seen.get(ancestor);
      if (first !== undefined)
        return this.#refuse(depth, `${this.#path(first)} again, a cycle; expected a tree`);
      seen.set(ancestor, depth);
    }
    return new HoldfastError(
      'LIMIT_EXCEEDED',
      `the value nests deeper than ${this.#depthMax} at ${this.#path(8)}…; flatten it`,
    );
  }

  /** `value.items[3].get("ann")`, for what is in `depth` containers. */
  #path(depth: number): string {
    let path = 'value';
    for (let d = 0; d < depth; d++) {
      const step = this.#steps[d];
      const container = this.#ancestors[d];
      if (Array.isArray(container)) path += `[${String(step)}]`;
      else if (kindOf(container) === 'Set') path += `.values()[${String(step)}]`;
      else if (kindOf(container) === 'Map') path += `.get(${describeKey(step)})`;
      else if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(String(step))) path += `.${String(step)}`;
      else path += `[${JSON.stringify(step)}]`;
    }
    return path;
  }
}

/** Which of the language's own kinds an object is, a subclass's instance too. */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function isError(value: object): value is Error {
  return value instanceof Error || kindOf(value) === 'Error';
}

/** For messages. */
function className(prototype: object | null): string {
  return String((prototype as { constructor?: { name?: unknown } } | null)?.constructor?.name);
}

function describeKey(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key);
  return (typeof key === 'object' && key !== null) || typeof key === 'function' ? '…' : String(key);
}
