/**
 * What memory can't tell: the answer is in the store. From the registry of symbols, so that two copies of this
 * package mean the same.
 */
export const MISS: unique symbol = Symbol.for('holdfast.miss') as never;
