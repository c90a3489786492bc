/**
 * Cycles in the dependency graph, by the names of Adya ("Weak Consistency", 1999). Of each knot of transactions
 * one cycle is told, of the strongest kind that is in it, as short as was found: what else is in the knot
 * follows from it as a rule.
 */
import type { Anomaly, AnomalyKind } from './anomaly.js';
import { ALL, type DependencyGraph, EDGE, type EdgeMask, type Layout, PLAIN } from './dependency-graph.js';
import type { Ledger } from './ledger.js';
import { findKnots, shortestWay } from './walks.js';

export type Level = 'strict-serializable' | 'serializable' | 'snapshot';

/** One kind of cycle: an edge of `pivot`, closed by a way of edges of `way`, inside a knot of edges of `knot`. */
interface Search {
  readonly kind: AnomalyKind;
  readonly knot: EdgeMask;
  readonly pivot: EdgeMask;
  readonly way: EdgeMask;
}

const WRITES: EdgeMask = EDGE.ww;
const READS: EdgeMask = EDGE.ww | EDGE.wr;
const TIMED: EdgeMask = EDGE.rt | EDGE.timedWw | EDGE.timedRw;

const G0: Search = { kind: 'G0', knot: WRITES, pivot: EDGE.ww, way: WRITES };
const G1C: Search = { kind: 'G1c', knot: READS, pivot: EDGE.wr, way: READS };
const G_SINGLE: Search = { kind: 'G-single', knot: PLAIN, pivot: EDGE.rw, way: READS | EDGE.pass };
const G2: Search = { kind: 'G2', knot: PLAIN, pivot: EDGE.rw, way: PLAIN };
const REAL_TIME: Search = { kind: 'real-time', knot: ALL, pivot: TIMED, way: ALL };

/** Edges looked at for one knot and kind, before the shortest cycle so far has to do. */
const EFFORT_MAX = 4_000_000;
const PIVOTS_MAX = 1_000;

export function findCycles(graph: DependencyGraph, ledger: Ledger, level: Level): Anomaly[] {
  const told = new Set<number>();
  const anomalies: Anomaly[] = [];
  const tell = (kind: AnomalyKind, cycle: readonly number[]): void => {
    const steps = stepsOf(graph, cycle);
    for (const { from } of steps) told.add(from);
    anomalies.push(describe(graph, ledger, kind, steps));
  };
  const searches = [G0, G1C];
  if (level !== 'snapshot') searches.push(G_SINGLE, G2);
  if (level === 'strict-serializable') searches.push(REAL_TIME);
  for (const search of searches) {
    const layout = graph.layout(search.knot);
    const way = search.way === search.knot ? layout : graph.layout(search.way);
    searchKnots(
      graph,
      layout,
      way,
      (edge) => (graph.kind[edge]! & search.pivot) !== 0,
      (state) => state,
      told,
      (cycle) => tell(search.kind, cycle),
    );
  }
  if (level === 'snapshot') {
    const layout = graph.layoutForSnapshot();
    searchKnots(
      graph,
      layout,
      layout,
      (edge) => graph.kind[edge] === EDGE.rw,
      (state) => state >> 1,
      told,
      (cycle) => {
        const reads = cycle.filter((edge) => graph.kind[edge] === EDGE.rw).length;
        tell(reads === 1 ? 'G-single' : 'G-nonadjacent', cycle);
      },
    );
  }
  return anomalies;
}

/** @param nodeOf the graph's node that a node of the layout stands for. */
function searchKnots(
  graph: DependencyGraph,
  layout: Layout,
  way: Layout,
  isPivot: (edge: number) => boolean,
  nodeOf: (state: number) => number,
  told: ReadonlySet<number>,
  found: (cycle: readonly number[]) => void,
): void {
  const { component, knots } = findKnots(layout);
  for (const knot of knots) {
    if (knot.some((state) => told.has(nodeOf(state)))) continue;
    const home = component[knot[0]!]!;
    const budget = { left: EFFORT_MAX };
    let shortest: { cycle: number[]; length: number } | undefined;
    let pivots = PIVOTS_MAX;
    for (const state of knot) {
      for (let i = layout.first[state]!; i < layout.first[state + 1]! && pivots > 0; i++) {
        const edge = layout.edge[i]!;
        const next = layout.target[i]!;
        if (component[next] !== home || !isPivot(edge)) continue;
        pivots--;
        const rest = shortestWay(
          way,
          next,
          state,
          (e) => graph.kind[e] === EDGE.pass,
          (n) => component[n] === home,
          budget,
        );
        if (!rest) continue;
        const cycle = [edge, ...rest];
        const length = cycle.filter((e) => graph.kind[e] !== EDGE.pass).length;
        if (!shortest || length < shortest.length) shortest = { cycle, length };
        if (length === 2) pivots = 0;
      }
      if (pivots <= 0 || budget.left <= 0) break;
    }
    if (shortest) found(shortest.cycle);
  }
}

/** An edge between two transactions, hubs left out. */
interface Step {
  readonly from: number;
  to: number;
  readonly kind: EdgeMask;
  readonly key: string | undefined;
  readonly before: number | null;
  after: number | null;
}

function stepsOf(graph: DependencyGraph, cycle: readonly number[]): Step[] {
  // A cycle may begin at a hub: turn it so that it begins at a transaction.
  const start = cycle.findIndex((edge) => graph.from[edge]! < graph.transactions);
  const steps: Step[] = [];
  for (const edge of [...cycle.slice(start), ...cycle.slice(0, start)]) {
    const last = steps.at(-1);
    if (graph.kind[edge] === EDGE.pass && last) {
      last.to = graph.to[edge]!;
      last.after = graph.after[edge]!;
    } else
      steps.push({
        from: graph.from[edge]!,
        to: graph.to[edge]!,
        kind: graph.kind[edge]!,
        key: graph.key[edge],
        before: graph.before[edge]!,
        after: graph.after[edge]!,
      });
  }
  return steps;
}

function describe(
  graph: DependencyGraph,
  ledger: Ledger,
  kind: AnomalyKind,
  steps: readonly Step[],
): Anomaly {
  const transactions = ledger.ids(
    ...steps.flatMap(({ from, to }) => [from, to]).filter((n) => n < graph.transactions),
  );
  const circle = steps.map(({ from }) => ledger.name(from));
  return {
    kind,
    message: `${[...circle, circle[0]!].join(' → ')}: ${steps.map((step) => sentence(ledger, step)).join('; ')}.`,
    transactions,
  };
}

function sentence(ledger: Ledger, { from, to, kind, key, before, after }: Step): string {
  const [a, b] = [ledger.name(from), ledger.name(to)];
  const at = JSON.stringify(key);
  const timed = kind === EDGE.timedWw || kind === EDGE.timedRw ? ', by real time' : '';
  switch (kind) {
    case EDGE.ww:
    case EDGE.timedWw:
      return `${b} wrote ${after} to ${at} after ${a}'s ${before} (ww${timed})`;
    case EDGE.wr:
      return `${b} read ${at} with ${a}'s ${before} (wr)`;
    case EDGE.rt: {
      const { invoked, stalenessMs } = ledger.transaction(to);
      const stale = stalenessMs === undefined ? '' : ` with a staleness of ${stalenessMs}`;
      return `${a} had returned at ${ledger.transaction(from).returned}, ${b} was invoked at ${invoked}${stale} (rt)`;
    }
    default:
      return `${a} read ${at} ${before === null ? 'without a value' : `as of ${before}`}, before ${b} wrote ${after} (rw${timed})`;
  }
}
