/**
 * Which of the language's own classes a value is of, whichever realm made it: a `Map` of a vm context, of a test
 * environment such as jsdom or of a frame is no `instanceof` ours, and is a Map all the same. (For bytes see
 * `isUint8Array`.)
 *
 * Invariant: only direct instances count. An instance of a subclass is of none of these classes.
 */

type ViewClass = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;

/** The views of memory that MessagePack has a type for; a Uint8Array is bytes and none of them. */
const VIEWS: ReadonlyMap<string, ViewClass> = new Map(
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
  ].map((c): [string, ViewClass] => [c.name, c]),
);
const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const CLASSES = [Array, ArrayBuffer, Date, Map, RegExp, Set, ...ERRORS, ...VIEWS.values()];

const NAMES: ReadonlySet<unknown> = new Set(CLASSES.map((c) => c.name));
/** By prototype, of every realm met; '' for those that are no class's of the language. */
const known = new WeakMap<object, string>(CLASSES.map((c) => [c.prototype, c.name]));

/** The name of the class whose prototype this is, in any realm. */
export function classOfPrototype(prototype: object): string | undefined {
  let name = known.get(prototype);
  if (name === undefined) {
    name = foreignClass(prototype) ?? '';
    known.set(prototype, name);
  }
  return name === '' ? undefined : name;
}

/** A class of another realm's own: its constructor is that realm's code, not anybody's who borrowed the name. */
function foreignClass(prototype: object): string | undefined {
  let root = prototype;
  for (let up = Object.getPrototypeOf(root); up !== null; up = Object.getPrototypeOf(root)) root = up;
  if (root === Object.prototype) return undefined;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof made !== 'function' || made.prototype !== prototype || !NAMES.has(made.name)) return undefined;
  return Function.prototype.toString.call(made).includes('[native code]') ? made.name : undefined;
}

/** A view as one of this realm over the same memory; undefined where it is not one of `VIEWS`. */
export function ownView(view: ArrayBufferView): ArrayBufferView | undefined {
  const name = classOfPrototype(Object.getPrototypeOf(view));
  const View = name === undefined ? undefined : VIEWS.get(name);
  if (View === undefined || Object.getPrototypeOf(view) === View.prototype) return View && view;
  const length = 'length' in view ? (view.length as number) : view.byteLength;
  return new View(view.buffer, view.byteOffset, length);
}
