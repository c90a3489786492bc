/**
 * What must come before what because the clock says so: T1 before T2 if T1 had returned before T2 was invoked.
 *
 * One hub for every moment at which something returned, each hub before the next: edges are as many as
 * transactions, not as many as pairs, whatever the concurrency.
 */
import { type DependencyGraph, EDGE } from './dependency-graph.js';
import type { Transaction } from './history.js';
import type { Ledger } from './ledger.js';

/** The earliest moment at which a transaction can have taken effect; a stale read may be older than its call. */
export function earliest({ invoked, stalenessMs = 0 }: Transaction): number {
  return invoked - stalenessMs;
}

export function addRealTime(graph: DependencyGraph, ledger: Ledger): void {
  const { history, counts } = ledger;
  const returns: number[] = [];
  const places: number[] = [];
  for (const [index, { returned }] of history.entries()) {
    if (!counts[index]) continue;
    places.push(index);
    // Nobody knows when the others took effect: maybe long after.
    if (returned !== null) returns.push(index);
  }
  const returnedOf = (index: number): number => history[index]!.returned!;
  returns.sort((a, b) => returnedOf(a) - returnedOf(b));
  places.sort((a, b) => earliest(history[a]!) - earliest(history[b]!));
  let newest: number | undefined;
  let done = 0;
  for (const index of places) {
    const begin = earliest(history[index]!);
    for (; done < returns.length && returnedOf(returns[done]!) < begin; done++) {
      const hub = graph.hub();
      if (newest !== undefined) graph.add(newest, hub, EDGE.pass);
      graph.add(returns[done]!, hub, EDGE.rt);
      newest = hub;
    }
    if (newest !== undefined) graph.add(newest, index, EDGE.pass);
  }
}
