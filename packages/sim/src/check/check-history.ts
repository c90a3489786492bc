/**
 * Whether a history can be what its isolation level promises. Believes only what clients saw: it knows nothing of
 * the engine, its versions or its log.
 *
 * After Adya ("Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed
 * Transactions", 1999) and Kingsbury and Alvaro ("Elle: Inferring Isolation Anomalies from Experimental
 * Observations", VLDB 2020).
 */
import type { Anomaly } from './anomaly.js';
import { findCycles, type Level } from './cycles.js';
import { DependencyGraph } from './dependency-graph.js';
import type { History } from './history.js';
import { type FinalState, Ledger } from './ledger.js';
import { checkList } from './list-versions.js';
import { gatherSights } from './own-view.js';
import { addRealTime } from './real-time.js';
import { checkRegister } from './register-versions.js';

export interface CheckOptions {
  /**
   * `serializable`: some serial order explains every read. `strict-serializable`: one that agrees with the clock,
   * too. `snapshot`: snapshot isolation without a promise about the clock: write skew is allowed, the rest is not.
   */
  readonly level: Level;
  /** The state after all of the history, as one strong read of everything. A key that is missing has no value. */
  readonly final?: FinalState;
}

/**
 * The anomalies of a history, none for one that keeps its level's promise.
 * @throws RangeError if it is no history: ids, elements or values used twice, returns before invocations.
 */
export function checkHistory(history: History, { level, final }: CheckOptions): Anomaly[] {
  const ledger = new Ledger(history, final);
  const anomalies: Anomaly[] = [];
  const sights = gatherSights(ledger, anomalies);
  const graph = new DependencyGraph(history.length);
  const context = { ledger, graph, anomalies, realTime: level === 'strict-serializable' };
  for (const key of ledger.lists) checkList(context, key, sights.lists.get(key) ?? []);
  for (const key of ledger.registers) checkRegister(context, key, sights.registers.get(key) ?? []);
  if (level === 'strict-serializable') addRealTime(graph, ledger);
  anomalies.push(...findCycles(graph, ledger, level));
  return anomalies;
}
