/**
 * One transaction by itself: whether it saw its own writes and kept to what it had read, and what it saw of
 * others (its external reads). All levels here read one snapshot, so each key has one external version.
 */
import { type Anomaly, showList } from './anomaly.js';
import { orMake, pushTo } from './grouping.js';
import type { Ledger } from './ledger.js';

/** What a read of a list showed. */
export interface ListSight {
  readonly index: number;
  readonly elements: readonly number[];
  /** How many elements at the beginning are from before this transaction. */
  readonly external: number;
  /** The first read of this list in the transaction. */
  readonly first: boolean;
}

export interface RegisterSight {
  readonly index: number;
  readonly value: number | null;
}

export interface Sights {
  readonly lists: Map<string, ListSight[]>;
  readonly registers: Map<string, RegisterSight[]>;
}

/** Gathers what the transactions that count saw of each other; contradictions within one go to `anomalies`. */
export function gatherSights(ledger: Ledger, anomalies: Anomaly[]): Sights {
  const sights: Sights = { lists: new Map(), registers: new Map() };
  for (let index = 0; index < ledger.history.length; index++)
    if (ledger.counts[index]) gatherFrom(ledger, index, sights, anomalies);
  return sights;
}

interface OwnList {
  /** The list as this transaction must see it; undefined: it has not read it yet. */
  known: readonly number[] | undefined;
  external: number;
  appended: number[];
}

function gatherFrom(ledger: Ledger, index: number, sights: Sights, anomalies: Anomaly[]): void {
  const lists = new Map<string, OwnList>();
  const registers = new Map<string, number | null>();
  const { id, operations } = ledger.transaction(index);
  const contradiction = (key: string, what: string): void => {
    anomalies.push({
      kind: 'internal',
      message: `T${id}, ${JSON.stringify(key)}: ${what}.`,
      transactions: [id],
    });
  };
  for (const operation of operations) {
    const { key } = operation;
    if (operation.op === 'append') {
      const own = ownList(lists, key);
      own.appended.push(operation.element);
      if (own.known) own.known = [...own.known, operation.element];
    } else if (operation.op === 'list') {
      const own = ownList(lists, key);
      const { elements } = operation;
      const problem = own.known
        ? contradictsKnown(own.known, elements)
        : contradictsOwn(ledger, index, key, own.appended, elements);
      if (problem) {
        contradiction(key, problem);
        continue;
      }
      const first = own.known === undefined;
      if (first) own.external = elements.length - own.appended.length;
      own.known = elements;
      pushTo(sights.lists, key, { index, elements, external: own.external, first });
    } else if (operation.op === 'write') {
      registers.set(key, operation.value);
    } else {
      const { value } = operation;
      const known = registers.get(key);
      if (known !== undefined) {
        if (known !== value)
          contradiction(key, `read ${value} where it had to see ${known} (its own write or read)`);
        continue;
      }
      registers.set(key, value);
      if (value !== null && ledger.writer(key, value)?.index === index)
        contradiction(key, `read ${value} before it wrote it itself`);
      else pushTo(sights.registers, key, { index, value });
    }
  }
}

function ownList(lists: Map<string, OwnList>, key: string): OwnList {
  return orMake(lists, key, () => ({ known: undefined, external: 0, appended: [] }));
}

function contradictsKnown(known: readonly number[], found: readonly number[]): string | undefined {
  if (known.length === found.length && known.every((element, i) => element === found[i])) return undefined;
  return `expected ${showList(known)} (what it had read, and its own appends), found ${showList(found)}`;
}

function contradictsOwn(
  ledger: Ledger,
  index: number,
  key: string,
  appended: readonly number[],
  found: readonly number[],
): string | undefined {
  const begin = found.length - appended.length;
  if (begin < 0 || appended.some((element, i) => element !== found[begin + i]))
    return `expected its own appends ${showList(appended)} at the end, found ${showList(found)}`;
  const early = writesOf(ledger, index, key).find(
    (element) => found.indexOf(element) < begin && found.includes(element),
  );
  return early === undefined
    ? undefined
    : `read ${showList(found)}, with its own ${early} from before it appended it`;
}

function writesOf(ledger: Ledger, index: number, key: string): number[] {
  const own: number[] = [];
  for (const operation of ledger.transaction(index).operations)
    if (operation.op === 'append' && operation.key === key) own.push(operation.element);
  return own;
}
