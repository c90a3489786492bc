/** Walks in a laid-out graph: its knots (Tarjan 1972, without recursion), and shortest ways inside one. */
import type { Layout } from './dependency-graph.js';

export interface Knots {
  /** For each node, the number of its strongly connected component. */
  readonly component: Int32Array;
  /** The components of more than one node. */
  readonly knots: readonly (readonly number[])[];
}

export function findKnots({ size, first, target }: Layout): Knots {
  const component = new Int32Array(size).fill(-1);
  const order = new Int32Array(size).fill(-1);
  const low = new Int32Array(size);
  const next = first.slice(0, size);
  const open: number[] = [];
  const path: number[] = [];
  const knots: number[][] = [];
  let visited = 0;
  let components = 0;
  const enter = (node: number): void => {
    order[node] = low[node] = visited++;
    open.push(node);
    path.push(node);
  };
  for (let root = 0; root < size; root++) {
    if (order[root] !== -1) continue;
    enter(root);
    while (path.length > 0) {
      const node = path[path.length - 1]!;
      if (next[node]! < first[node + 1]!) {
        const to = target[next[node]!++]!;
        if (order[to] === -1) enter(to);
        else if (component[to] === -1) low[node] = Math.min(low[node]!, order[to]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] !== order[node]) continue;
      const members = open.splice(open.lastIndexOf(node));
      for (const member of members) component[member] = components;
      components++;
      if (members.length > 1) knots.push(members);
    }
  }
  return { component, knots };
}

/**
 * A way of the fewest edges from one node to another, by the numbers of its edges.
 * @param isFree edges that do not count.
 * @param stays whether a node may be walked through.
 * @param budget is lowered by the edges looked at; an exhausted one ends the search.
 */
export function shortestWay(
  { first, target, edge }: Layout,
  from: number,
  to: number,
  isFree: (edge: number) => boolean,
  stays: (node: number) => boolean,
  budget: { left: number },
): number[] | undefined {
  const cameBy = new Map<number, { readonly node: number; readonly edge: number } | undefined>([
    [from, undefined],
  ]);
  const settled = new Set<number>();
  let now = [from];
  while (now.length > 0) {
    const later: { node: number; to: number; edge: number }[] = [];
    for (let node = now.pop(); node !== undefined; node = now.pop()) {
      if (node === to) return trace(cameBy, to);
      if (settled.has(node)) continue;
      settled.add(node);
      for (let i = first[node]!; i < first[node + 1]!; i++) {
        if (budget.left-- <= 0) return undefined;
        const next = target[i]!;
        if (settled.has(next) || !stays(next)) continue;
        if (!isFree(edge[i]!)) later.push({ node, to: next, edge: edge[i]! });
        else if (!cameBy.has(next)) {
          cameBy.set(next, { node, edge: edge[i]! });
          now.push(next);
        }
      }
    }
    now = [];
    for (const step of later) {
      if (cameBy.has(step.to)) continue;
      cameBy.set(step.to, { node: step.node, edge: step.edge });
      now.push(step.to);
    }
  }
  return undefined;
}

function trace(
  cameBy: ReadonlyMap<number, { readonly node: number; readonly edge: number } | undefined>,
  to: number,
): number[] {
  const way: number[] = [];
  for (let step = cameBy.get(to); step; step = cameBy.get(step.node)) way.push(step.edge);
  return way.reverse();
}
