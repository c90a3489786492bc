/**
 * What a contract is: named functions from a sealed state and some arguments to the next state and a result.
 *
 * A contract's function may look at the transaction, its arguments and its caller, and at nothing else: no clock,
 * no randomness, no network. The engine runs it again when another transaction was faster, and a run that does
 * the same with the same state is one that may be repeated.
 */
import type { Transaction } from 'holdfast';

/** The half of a transaction that a query gets: it can look and cannot touch. */
export type Reader = Pick<Transaction, 'get' | 'getMany' | 'has' | 'list' | 'keys' | 'count'>;

/** @param caller who asks, as the host has authenticated them; never taken from the arguments. */
export type Query<A, R> = (tx: Reader, args: A, caller: string) => Promise<R>;

/** May write. Its result is kept with its request id, so a refusal is returned, not thrown: see the README. */
export type Command<A, R> = (tx: Transaction, args: A, caller: string) => Promise<R> | R;

/** `never`: what the arguments are is each function's own business, and it checks them. */
export interface Contract {
  readonly queries: Readonly<Record<string, Query<never, unknown>>>;
  readonly commands: Readonly<Record<string, Command<never, unknown>>>;
}

const TEXT_CHARACTERS_MAX = 1000;

/** Arguments come from outside. @throws TypeError unless `value` is a string of 1 to `max` characters. */
export function checkText(name: string, value: unknown, max: number = TEXT_CHARACTERS_MAX): void {
  if (typeof value !== 'string' || value.length === 0 || value.length > max)
    throw new TypeError(
      `${name}: expected a text of 1 to ${max} characters, found ${typeof value === 'string' ? `${value.length} characters` : typeof value}.`,
    );
}

/** @throws RangeError unless `value` is a whole number from `min` to `max`. */
export function checkWhole(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw new RangeError(
      `${name}: expected a whole number from ${min} to ${max}, found ${typeof value === 'number' ? value : typeof value}.`,
    );
}
