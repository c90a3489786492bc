/**
 * Bytes are bytes, whichever realm made them: a `Uint8Array` of a vm context, of a test environment such as jsdom or
 * of a frame is no `instanceof` ours.
 */

// The getter reads an internal slot, so it knows subclasses (Node's Buffer) and can't be told lies.
const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get;

/** The class of a typed array, of whatever realm or subclass; undefined for anything else. */
export function typedArrayClass(value: unknown): string | undefined {
  return typedArrayName?.call(value) as string | undefined;
}

export function isUint8Array(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || typedArrayClass(value) === 'Uint8Array';
}
