/**
 * Registers: a write does not say what it replaced, so the order of their versions is known in part only. Used
 * is what is certain: absence comes first; what a transaction read is before what it then wrote; and, where the
 * level promises real time, what was there before something began is before what that something met.
 */
import { type Anomaly, showTransactions } from './anomaly.js';
import { type DependencyGraph, EDGE, type EdgeMask } from './dependency-graph.js';
import { pushTo } from './grouping.js';
import { FINAL, type Ledger } from './ledger.js';
import type { RegisterSight } from './own-view.js';
import { earliest, latest } from './real-time.js';

export interface RegisterContext {
  readonly ledger: Ledger;
  readonly graph: DependencyGraph;
  readonly anomalies: Anomaly[];
  readonly realTime: boolean;
}

interface Version {
  readonly value: number;
  readonly writer: number;
  readonly readers: number[];
  /** Versions that are known to be later, and by what. */
  readonly later: Map<Version, 'plain' | 'timed'>;
}

/** What one transaction did to one register: what it read of others (if it did), and left behind (if it did). */
interface Touch {
  read?: number | null;
  wrote?: number;
}

export function checkRegister(context: RegisterContext, key: string, sights: readonly RegisterSight[]): void {
  const { ledger } = context;
  const all = [...sights];
  const final = ledger.final?.get(key);
  if (ledger.final) all.push({ index: FINAL, value: typeof final === 'number' ? final : null });
  checkValues(context, key, all);
  const versions = new Map<number, Version>();
  const touches = new Map<number, Touch>();
  for (const [value, { index, intermediate }] of ledger.writes(key)) {
    if (!ledger.counts[index] || intermediate) continue;
    versions.set(value, { value, writer: index, readers: [], later: new Map() });
    touches.set(index, { wrote: value });
  }
  const readersOfNothing: number[] = [];
  for (const { index, value } of all) {
    if (index === FINAL) continue;
    const touch = touches.get(index) ?? {};
    touch.read = value;
    touches.set(index, touch);
    if (value === null) readersOfNothing.push(index);
    else versions.get(value)?.readers.push(index);
  }
  checkUpdates(context, key, touches);
  for (const { read, wrote } of touches.values())
    if (wrote !== undefined && typeof read === 'number')
      versions.get(read)?.later.set(versions.get(wrote)!, 'plain');
  if (context.realTime) orderByTime(ledger, touches, versions);
  checkFinal(context, key, versions);
  addEdges(context.graph, key, versions, readersOfNothing);
}

/** Garbage, and reads of what was aborted or replaced by its own writer. */
function checkValues(
  { ledger, anomalies }: RegisterContext,
  key: string,
  sights: readonly RegisterSight[],
): void {
  const told = new Set<number>();
  for (const { index, value } of sights) {
    if (value === null || told.has(value)) continue;
    const writer = ledger.writer(key, value);
    const found = `${ledger.name(index)} has ${value} in ${JSON.stringify(key)}`;
    const report = (kind: 'garbage' | 'G1a' | 'G1b', why: string): void => {
      told.add(value);
      anomalies.push({
        kind,
        message: `${found}; ${why}.`,
        transactions: ledger.ids(index, ...(writer ? [writer.index] : [])),
      });
    };
    if (!writer) report('garbage', 'nobody wrote it');
    else if (ledger.transaction(writer.index).outcome === 'aborted')
      report('G1a', `${ledger.name(writer.index)}, which wrote it, was aborted`);
    else if (writer.intermediate)
      report('G1b', `${ledger.name(writer.index)} wrote it, and then another value`);
  }
}

function checkUpdates(
  { ledger, anomalies }: RegisterContext,
  key: string,
  touches: ReadonlyMap<number, Touch>,
): void {
  const updates = new Map<number | null, number[]>();
  for (const [index, { read, wrote }] of touches) {
    if (read === undefined || wrote === undefined) continue;
    pushTo(updates, read, index);
  }
  for (const [read, indexes] of updates) {
    if (indexes.length < 2) continue;
    const ids = ledger.ids(...indexes);
    anomalies.push({
      kind: 'lost-update',
      message: `${showTransactions(ids)} all read ${read ?? 'nothing'} in ${JSON.stringify(key)}, and all wrote it.`,
      transactions: ids,
    });
  }
}

/**
 * Versions met by what had returned are before the version met by what was invoked later, unless it is the same
 * one. Only the newest are kept: a version with a later one that has been met is behind that.
 */
function orderByTime(
  ledger: Ledger,
  touches: ReadonlyMap<number, Touch>,
  versions: ReadonlyMap<number, Version>,
): void {
  const events: { time: number; begins: boolean; index: number; touch: Touch }[] = [];
  for (const [index, touch] of touches) {
    const tx = ledger.transaction(index);
    events.push({ time: earliest(tx), begins: true, index, touch });
    events.push({ time: latest(tx), begins: false, index, touch });
  }
  events.sort((a, b) => a.time - b.time || Number(b.begins) - Number(a.begins));
  const newest = new Set<Version>();
  const behind = new Map<number, readonly Version[]>();
  const find = (value: number | null | undefined): Version | undefined =>
    typeof value === 'number' ? versions.get(value) : undefined;
  for (const { begins, index, touch } of events) {
    const met = find(touch.read) ?? find(touch.wrote);
    if (begins) {
      behind.set(index, [...newest]);
      if (met)
        for (const older of newest) if (older !== met && !older.later.has(met)) older.later.set(met, 'timed');
    } else {
      const left = find(touch.wrote) ?? met;
      if (!met || !left) continue;
      for (const older of behind.get(index) ?? []) newest.delete(older);
      newest.add(left);
    }
  }
}

function checkFinal(
  { ledger, anomalies }: RegisterContext,
  key: string,
  versions: ReadonlyMap<number, Version>,
): void {
  if (!ledger.final) return;
  const held = ledger.final.get(key);
  const lost =
    typeof held === 'number' ? [...(versions.get(held)?.later.keys() ?? [])] : [...versions.values()];
  if (lost.length === 0) return;
  const ids = ledger.ids(...lost.map(({ writer }) => writer));
  anomalies.push({
    kind: 'lost-write',
    message: `The final state has ${held ?? 'nothing'} in ${JSON.stringify(key)}; ${showTransactions(ids)} committed later values: ${lost
      .slice(0, 8)
      .map(({ value }) => value)
      .join(', ')}.`,
    transactions: ids,
  });
}

function addEdges(
  graph: DependencyGraph,
  key: string,
  versions: ReadonlyMap<number, Version>,
  readersOfNothing: readonly number[],
): void {
  const writersOf = (later: Iterable<Version>): [number, number][] =>
    Array.from(later, ({ writer, value }) => [writer, value]);
  graph.addAntidependencies(readersOfNothing, writersOf(versions.values()), EDGE.rw, key, null);
  for (const { value, writer, readers, later } of versions.values()) {
    for (const reader of readers) graph.add(writer, reader, EDGE.wr, key, value);
    const kinds: ['plain' | 'timed', EdgeMask, EdgeMask][] = [
      ['plain', EDGE.ww, EDGE.rw],
      ['timed', EDGE.timedWw, EDGE.timedRw],
    ];
    for (const [how, ww, rw] of kinds) {
      const next = [...later].filter(([, known]) => known === how).map(([version]) => version);
      for (const version of next) graph.add(writer, version.writer, ww, key, value, version.value);
      graph.addAntidependencies(readers, writersOf(next), rw, key, value);
    }
  }
}
