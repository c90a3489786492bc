/**
 * Lists: a read shows all that was appended before it, in order, so the longest read of a list is the order of
 * its versions (Kingsbury and Alvaro, "Elle", VLDB 2020). Whatever does not fit that order is an anomaly of its
 * own; what fits gives edges.
 */
import { type Anomaly, showList, showTransactions } from './anomaly.js';
import { type DependencyGraph, EDGE } from './dependency-graph.js';
import { pushTo } from './grouping.js';
import { FINAL, type Ledger } from './ledger.js';
import type { ListSight } from './own-view.js';
import { earliest, latest } from './real-time.js';

export interface ListContext {
  readonly ledger: Ledger;
  readonly graph: DependencyGraph;
  readonly anomalies: Anomaly[];
  /** Whether what returned before a read was invoked must be in it. */
  readonly realTime: boolean;
}

export function checkList(context: ListContext, key: string, sights: readonly ListSight[]): void {
  const { ledger } = context;
  const all = [...sights];
  if (ledger.final) all.push(finalSight(ledger.final.get(key)));
  const longest = all.reduce<ListSight | undefined>(
    (best, sight) => (best && best.elements.length >= sight.elements.length ? best : sight),
    undefined,
  );
  const order = new ListOrder(longest?.elements ?? []);
  const fitting = all.filter((sight) => order.fits(sight.elements));
  const list = { key, order, sights: fitting };
  if (longest) checkElements(context, key, longest);
  const odd = all.find((sight) => !order.fits(sight.elements));
  if (odd) checkOrder(context, key, longest!, odd);
  for (const sight of all) if (!order.fits(sight.elements)) checkElements(context, key, sight, order);
  checkParts(context, list);
  checkUpdates(context, list);
  addEdges(context, list, findLost(context, list));
}

function finalSight(value: readonly number[] | number | undefined): ListSight {
  const elements = typeof value === 'object' ? value : [];
  return { index: FINAL, elements, external: elements.length, first: true };
}

interface List {
  readonly key: string;
  readonly order: ListOrder;
  /** Those that are a beginning of the order. */
  readonly sights: readonly ListSight[];
}

/** The longest read; an element that stands in it twice counts where it stands first. */
class ListOrder {
  readonly #read: readonly number[];
  readonly elements: readonly number[];
  readonly places: ReadonlyMap<number, number>;
  /** For each length of a read, how many different elements that is. */
  readonly #lengths: readonly number[];

  constructor(read: readonly number[]) {
    this.#read = read;
    const places = new Map<number, number>();
    const lengths = [0];
    for (const element of read) {
      if (!places.has(element)) places.set(element, places.size);
      lengths.push(places.size);
    }
    this.places = places;
    this.elements = [...places.keys()];
    this.#lengths = lengths;
  }

  fits(read: readonly number[]): boolean {
    if (read.length > this.#read.length) return false;
    for (let i = 0; i < read.length; i++) if (read[i] !== this.#read[i]) return false;
    return true;
  }

  /** The number of elements in a fitting read of `length`. */
  version(length: number): number {
    return this.#lengths[length]!;
  }
}

/** Duplicates, garbage, and elements of aborted transactions. @param known what was looked at before. */
function checkElements(
  { ledger, anomalies }: ListContext,
  key: string,
  { index, elements }: ListSight,
  known?: ListOrder,
): void {
  const reader = ledger.name(index);
  const at = JSON.stringify(key);
  const seen = new Set<number>();
  for (const element of elements) {
    const writer = ledger.writer(key, element);
    const ids = ledger.ids(index, ...(writer ? [writer.index] : []));
    if (seen.has(element)) {
      anomalies.push({
        kind: 'duplicate',
        message: `${element}, which ${writer ? ledger.name(writer.index) : 'nobody'} appended once, is in list ${at} twice as ${reader} has it: ${showList(elements)}.`,
        transactions: ids,
      });
      return;
    }
    seen.add(element);
    if (known?.places.has(element)) continue;
    if (!writer)
      anomalies.push({
        kind: 'garbage',
        message: `${element} is in list ${at} as ${reader} has it, and nobody appended it.`,
        transactions: ids,
      });
    else if (ledger.transaction(writer.index).outcome === 'aborted')
      anomalies.push({
        kind: 'G1a',
        message: `${element} is in list ${at} as ${reader} has it; ${ledger.name(writer.index)}, which appended it, was aborted.`,
        transactions: ids,
      });
  }
}

function checkOrder(
  { ledger, anomalies }: ListContext,
  key: string,
  longest: ListSight,
  odd: ListSight,
): void {
  const without = (elements: readonly number[]): number[] => [...new Set(elements)];
  const [a, b] = [without(longest.elements), without(odd.elements)];
  // A doubled element is reported as such.
  if (b.every((element, i) => element === a[i])) return;
  anomalies.push({
    kind: 'incompatible-order',
    message: `List ${JSON.stringify(key)}: ${ledger.name(longest.index)} has ${showList(longest.elements)}, ${ledger.name(odd.index)} has ${showList(odd.elements)}; neither is the beginning of the other.`,
    transactions: ledger.ids(longest.index, odd.index),
  });
}

/** G1b: a read that ends between two appends of one transaction. */
function checkParts({ ledger, anomalies }: ListContext, { key, order, sights }: List): void {
  const spans = new Map<number, { first: number; last: number }>();
  for (const [element, { index }] of ledger.writes(key)) {
    if (!ledger.counts[index]) continue;
    const place = order.places.get(element) ?? Number.POSITIVE_INFINITY;
    const span = spans.get(index);
    if (!span) spans.set(index, { first: place, last: place });
    else [span.first, span.last] = [Math.min(span.first, place), Math.max(span.last, place)];
  }
  const parts: { writer: number; first: number; last: number }[] = [];
  for (const [writer, { first, last }] of spans) if (first < last) parts.push({ writer, first, last });
  if (parts.length === 0) return;
  const cutAt = new Map<number, number>();
  for (const { writer, first, last } of parts)
    for (let version = first + 1; version <= Math.min(last, order.elements.length); version++)
      if (!cutAt.has(version)) cutAt.set(version, writer);
  const told = new Set<number>();
  for (const { index, external } of sights) {
    const writer = cutAt.get(order.version(external));
    if (writer === undefined || told.has(writer)) continue;
    told.add(writer);
    anomalies.push({
      kind: 'G1b',
      message: `${ledger.name(index)} read list ${JSON.stringify(key)} with a part only of what ${ledger.name(writer)} appended to it: ${showList(order.elements.slice(0, order.version(external)))}.`,
      transactions: ledger.ids(index, writer),
    });
  }
}

function checkUpdates({ ledger, anomalies }: ListContext, { key, order, sights }: List): void {
  const writing = new Set([...ledger.writes(key).values()].map(({ index }) => index));
  const byVersion = new Map<number, number[]>();
  for (const { index, external, first } of sights) {
    if (!first || !writing.has(index)) continue;
    const version = order.version(external);
    pushTo(byVersion, version, index);
  }
  for (const [version, indexes] of byVersion) {
    if (indexes.length < 2) continue;
    const ids = ledger.ids(...indexes);
    anomalies.push({
      kind: 'lost-update',
      message: `${showTransactions(ids)} all read list ${JSON.stringify(key)} as ${showList(order.elements.slice(0, version))}, and all appended to it.`,
      transactions: ids,
    });
  }
}

/** Elements that a state must have and has not. They are told of, and give no edges. */
function findLost(context: ListContext, { key, order, sights }: List): ReadonlySet<number> {
  const { ledger, anomalies, realTime } = context;
  const lost = new Map<number, { writer: number; missedBy: number }>();
  const final = ledger.final && finalSight(ledger.final.get(key));
  const held = new Set(final?.elements);
  let newest: ListSight | undefined;
  for (const sight of sights)
    if (sight.index !== FINAL && (!newest || earliestOf(ledger, sight) > earliestOf(ledger, newest)))
      newest = sight;
  for (const [element, { index }] of ledger.writes(key)) {
    if (!ledger.counts[index]) continue;
    if (final && !held.has(element)) lost.set(element, { writer: index, missedBy: FINAL });
    else if (
      !final &&
      realTime &&
      newest &&
      !order.places.has(element) &&
      latest(ledger.transaction(index)) < earliestOf(ledger, newest)
    )
      lost.set(element, { writer: index, missedBy: newest.index });
  }
  if (lost.size > 0) {
    const [{ missedBy }] = lost.values() as unknown as [{ missedBy: number }];
    const ids = ledger.ids(...[...lost.values()].map(({ writer }) => writer));
    anomalies.push({
      kind: 'lost-write',
      message: `List ${JSON.stringify(key)}: ${showList([...lost.keys()])}, appended by ${showTransactions(ids)} and committed, ${missedBy === FINAL ? 'not in the final state' : `not in any read, not even ${ledger.name(missedBy)}'s, which came later`}.`,
      transactions: ids,
    });
  }
  return new Set(lost.keys());
}

function earliestOf(ledger: Ledger, { index }: ListSight): number {
  return earliest(ledger.transaction(index));
}

function addEdges(
  { ledger, graph }: ListContext,
  { key, order, sights }: List,
  lost: ReadonlySet<number>,
): void {
  const { elements } = order;
  // Elements without a writer that counts have been told of; the order of the others is what it is.
  const writers = elements.map((element) => {
    const index = ledger.writer(key, element)?.index;
    return index !== undefined && ledger.counts[index] ? index : undefined;
  });
  const before: (number | undefined)[] = [];
  let newest: number | undefined;
  for (const [place, writer] of writers.entries()) {
    before.push(newest);
    if (writer === undefined) continue;
    if (newest !== undefined)
      graph.add(writers[newest]!, writer, EDGE.ww, key, elements[newest], elements[place]);
    newest = place;
  }
  before.push(newest);
  const after: (number | undefined)[] = new Array(elements.length + 1);
  let next: number | undefined;
  for (let place = elements.length; place >= 0; place--) {
    if (writers[place] !== undefined) next = place;
    after[place] = next;
  }
  const unseen: [index: number, element: number][] = [];
  for (const [element, { index }] of ledger.writes(key))
    if (ledger.counts[index] && !order.places.has(element) && !lost.has(element))
      unseen.push([index, element]);
  if (newest !== undefined)
    for (const [index, element] of unseen)
      graph.add(writers[newest]!, index, EDGE.ww, key, elements[newest], element);
  const last: number[] = [];
  for (const { index, external, first } of sights) {
    if (index === FINAL || !first) continue;
    const version = order.version(external);
    const read = before[version];
    if (read !== undefined) graph.add(writers[read]!, index, EDGE.wr, key, elements[read]);
    const replaced = after[version];
    if (replaced !== undefined)
      graph.add(index, writers[replaced]!, EDGE.rw, key, elements[version - 1] ?? null, elements[replaced]);
    else last.push(index);
  }
  graph.addAntidependencies(last, unseen, EDGE.rw, key, elements.at(-1) ?? null);
}
