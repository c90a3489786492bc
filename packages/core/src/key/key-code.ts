/** Type codes of FoundationDB's tuple encoding (design/tuple.md), and what encoder and decoder agree on. */
export const NULL = 0x00;
export const BYTES = 0x01;
export const STRING = 0x02;
export const NESTED = 0x05;
export const BIG_NEGATIVE = 0x0b;
export const ZERO = 0x14;
export const BIG_POSITIVE = 0x1d;
export const DOUBLE = 0x21;
export const FALSE = 0x26;
export const TRUE = 0x27;
/** Magnitude of the longest integer. */
export const MAX_BIGINT_BYTES = 255;
/** The bits of a NaN are the engine's choice; a key needs one. */
export const NAN_BITS = 0x7ff8000000000000n;

/** Whether a number is encoded as an integer: safe, and not -0, which only a double can keep. */
export function isIntegerKey(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/** A double's bytes and its key's differ by this: a positive one's sign is flipped, a negative one's every bit. */
export function doubleMask(negative: boolean, index: number): number {
  return negative ? 0xff : index === 0 ? 0x80 : 0;
}
