/**
 * `first`, `list`, `keys` and `count`: the same over the newest state, a snapshot and a transaction. What they are given
 * is taken at the call.
 */
import type { KeyTuple } from '@holdfast/core';
import { takeOptions } from '../context/call-options.js';
import {
  type Entry,
  firstRange,
  type ListOptions,
  type ParsedRange,
  type Range,
  userRange,
} from './entry-reader.js';
import { countLive, ENTRIES, firstOf, type Guard, KEYS, type Listing, listing } from './listing.js';
import type { Scan, Walk } from './steps.js';

/** What is read. */
export interface RangeHost<O extends ListOptions> {
  /** The options that its calls take. */
  readonly takes: readonly (keyof O & string)[];
  readonly run: <T>(read: () => Promise<T>) => Promise<T>;
  readonly guard: Guard;
  readonly scan: (range: ParsedRange, options: O, keysOnly: boolean) => Scan | Promise<Scan>;
}

export class RangeReads<O extends ListOptions = ListOptions> {
  readonly #host: RangeHost<O>;

  constructor(host: RangeHost<O>) {
    this.#host = host;
  }

  first<V>(range?: Range, options?: Omit<O, 'limit'>): Promise<Entry<V> | undefined> {
    const { run, scan, takes } = this.#host;
    return run(async () => {
      const known = takes.filter((name) => name !== 'limit');
      const taken = takeOptions('first', options as O | undefined, known);
      const opened = scan(firstRange(range, taken), taken, false);
      // A transaction's begins at the call: what its body writes after that is not read.
      return firstOf('cursor' in opened ? opened : await opened) as Promise<Entry<V> | undefined>;
    });
  }

  list<V>(range?: Range, options?: O): Listing<Entry<V>> {
    return this.#listing('list', range, options, ENTRIES) as Listing<Entry<V>>;
  }

  keys(range?: Range, options?: O): Listing<KeyTuple> {
    return this.#listing('keys', range, options, KEYS);
  }

  count(range?: Range, options?: O): Promise<number> {
    const { run, scan } = this.#host;
    return run(async () => {
      const [parsed, taken] = this.#take('count', range, options);
      const opened = scan(parsed, taken, true);
      return countLive('cursor' in opened ? opened : await opened, parsed.limit);
    });
  }

  #listing<T>(
    call: string,
    range: Range | undefined,
    options: O | undefined,
    form: Pick<Walk<T>, 'keysOnly' | 'make'>,
  ): Listing<T> {
    const { guard, scan } = this.#host;
    const prepare = (): Walk<T> => {
      const [parsed, taken] = this.#take(call, range, options);
      return { ...form, range: parsed, open: async () => scan(parsed, taken, form.keysOnly) };
    };
    return listing(prepare, guard);
  }

  #take(call: string, range: Range | undefined, options: O | undefined): [ParsedRange, O] {
    const taken = takeOptions(call, options, this.#host.takes);
    return [userRange(range, taken), taken];
  }
}
