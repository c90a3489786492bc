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

/**
 * The moment after which it has taken effect for certain. One of unknown outcome may do so long after its caller
 * gave up: a request may still be under way.
 */
export function latest({ outcome, returned }: Transaction): number {
  return outcome === 'unknown' || returned === null ? Number.POSITIVE_INFINITY : returned;
}

export function addRealTime(graph: DependencyGraph, ledger: Ledger): void {
  const { history, counts } = ledger;
  const returns: { index: number; time: number }[] = [];
  const begins: { index: number; time: number }[] = [];
  for (const [index, tx] of history.entries()) {
    if (!counts[index]) continue;
    returns.push({ index, time: latest(tx) });
    begins.push({ index, time: earliest(tx) });
  }
  returns.sort((a, b) => a.time - b.time || a.index - b.index);
  begins.sort((a, b) => a.time - b.time || a.index - b.index);
  let newest: number | undefined;
  let done = 0;
  for (const { index, time } of begins) {
    for (; done < returns.length && returns[done]!.time < time; done++) {
      const hub = graph.hub();
      if (newest !== undefined) graph.add(newest, hub, EDGE.pass);
      graph.add(returns[done]!.index, hub, EDGE.rt);
      newest = hub;
    }
    if (newest !== undefined) graph.add(newest, index, EDGE.pass);
  }
}
