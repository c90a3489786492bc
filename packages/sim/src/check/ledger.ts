/**
 * Who wrote what, and whose transactions count.
 *
 * Invariants:
 * - A transaction is known by its place in the history (`index`); ids are for people.
 * - Committed transactions count. Those of unknown outcome count if something that they wrote was seen, by one
 *   that counts or in the final state; what nobody saw may as well not have happened.
 */
import { orMake } from './grouping.js';
import type { History, Operation, Transaction } from './history.js';

/** The state after the last transaction. A key that is not in it is an empty list, or a register never written. */
export type FinalState = ReadonlyMap<string, readonly number[] | number>;

/** Stands for the final state where a transaction's place is asked for. */
export const FINAL = -1;

export interface Writer {
  readonly index: number;
  /** It wrote the key again: others must not see this value, or not this one alone. */
  readonly intermediate: boolean;
}

export class Ledger {
  readonly history: History;
  readonly final: FinalState | undefined;
  readonly counts: readonly boolean[];
  readonly lists: ReadonlySet<string>;
  readonly registers: ReadonlySet<string>;
  readonly #writers = new Map<string, Map<number, Writer>>();

  /** @throws RangeError for what is not a history: an id, an element or a value that was used twice, and such. */
  constructor(history: History, final: FinalState | undefined) {
    this.history = history;
    this.final = final;
    const ids = new Set<number>();
    const lists = new Set<string>();
    const registers = new Set<string>();
    for (const [index, tx] of history.entries()) {
      if (ids.has(tx.id)) throw malformed(`expected ids that are used once, found ${tx.id} twice`);
      ids.add(tx.id);
      if (tx.returned !== null && tx.returned < tx.invoked)
        throw malformed(
          `expected T${tx.id} to return after its invocation at ${tx.invoked}, found ${tx.returned}`,
        );
      const own = new Map<string, number>();
      for (const operation of tx.operations) {
        const isList = operation.op === 'append' || operation.op === 'list';
        (isList ? lists : registers).add(operation.key);
        this.#note(index, operation, own);
      }
    }
    for (const [key, value] of final ?? []) (typeof value === 'number' ? registers : lists).add(key);
    for (const key of lists)
      if (registers.has(key))
        throw malformed(`expected ${JSON.stringify(key)} to be a list or a register, found both`);
    this.lists = lists;
    this.registers = registers;
    this.counts = this.#decide();
  }

  transaction(index: number): Transaction {
    return this.history[index]!;
  }

  /** `T7`, or the final state. */
  name(index: number): string {
    return index === FINAL ? 'the final state' : `T${this.transaction(index).id}`;
  }

  ids(...indexes: readonly number[]): number[] {
    return [...new Set(indexes)]
      .filter((index) => index !== FINAL)
      .map((index) => this.transaction(index).id);
  }

  writer(key: string, value: number): Writer | undefined {
    return this.#writers.get(key)?.get(value);
  }

  writes(key: string): ReadonlyMap<number, Writer> {
    return this.#writers.get(key) ?? NO_WRITES;
  }

  /** @param own what this transaction wrote before, newest value by key. */
  #note(index: number, operation: Operation, own: Map<string, number>): void {
    if (operation.op !== 'append' && operation.op !== 'write') return;
    const { key } = operation;
    const value = operation.op === 'append' ? operation.element : operation.value;
    const values = orMake(this.#writers, key, () => new Map<number, Writer>());
    if (values.has(value))
      throw malformed(`expected ${value} to be written to ${JSON.stringify(key)} once, found it twice`);
    values.set(value, { index, intermediate: false });
    const before = own.get(key);
    if (before !== undefined) values.set(before, { index, intermediate: true });
    own.set(key, value);
  }

  #decide(): boolean[] {
    const counts = this.history.map(({ outcome }) => outcome === 'committed');
    const unknown = new Map<string, Map<number, number>>();
    for (const [key, values] of this.#writers)
      for (const [value, { index }] of values)
        if (this.transaction(index).outcome === 'unknown') {
          orMake(unknown, key, () => new Map<number, number>()).set(value, index);
        }
    if (unknown.size === 0) return counts;
    const reached: number[] = [];
    const see = (key: string, value: number | null): void => {
      const index = value === null ? undefined : unknown.get(key)?.get(value);
      if (index === undefined || counts[index]) return;
      counts[index] = true;
      reached.push(index);
    };
    const readBy = (index: number): void => {
      for (const operation of this.transaction(index).operations) {
        if (operation.op === 'read') see(operation.key, operation.value);
        else if (operation.op === 'list' && unknown.has(operation.key))
          for (const element of operation.elements) see(operation.key, element);
      }
    };
    for (const [key, value] of this.final ?? [])
      for (const element of typeof value === 'number' ? [value] : value) see(key, element);
    for (const [index, tx] of this.history.entries()) if (tx.outcome === 'committed') readBy(index);
    for (let index = reached.pop(); index !== undefined; index = reached.pop()) readBy(index);
    return counts;
  }
}

const NO_WRITES: ReadonlyMap<number, Writer> = new Map();

function malformed(what: string): RangeError {
  return new RangeError(`checkHistory: ${what}. This is a mistake of whoever recorded the history.`);
}
