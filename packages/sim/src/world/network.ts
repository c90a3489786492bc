/**
 * How long what is sent takes, one way.
 *
 * Invariant: a leg draws a fixed number of times, whatever it comes to: networks differ in how long things take, not in
 * who draws what.
 */
import { LatencyCurve, type Percentiles } from '../measure/latency.js';
import type { Random } from './random.js';

export type CallKind = 'get' | 'put' | 'delete' | 'list';

/** Milliseconds, one way. */
export interface Latency {
  readonly fastMs: number;
  /** Nine of ten take up to this, nearly all up to ten times, one in two hundred up to a hundred times. */
  readonly usualMs: number;
}

export interface Network {
  /** What a leg takes as a rule, milliseconds. */
  readonly usualMs: number;
  legMs(kind: CallKind, random: Random): number;
}

/** A store's latencies, there and back, in milliseconds. A listing takes as long as a read. */
export interface StoreLatencies {
  readonly read: Percentiles;
  readonly write: Percentiles;
}

/** One whose latencies have a tail without end. */
export function unevenNetwork({ fastMs, usualMs }: Latency): Network {
  return {
    usualMs,
    legMs(_, random) {
      const luck = random.fraction();
      const spread = luck < 0.9 ? 1 : luck < 0.995 ? 10 : 100;
      return random.between(fastMs, usualMs * spread);
    },
  };
}

/** One with the latencies of a store, so many times: nothing is slower than twice what it takes at p99. */
export function networkTo({ read, write }: StoreLatencies, multiple: number): Network {
  const [reads, writes] = [new LatencyCurve(read), new LatencyCurve(write)];
  return {
    usualMs: (write.p50 / 2) * multiple,
    legMs(kind, random) {
      const curve = kind === 'get' || kind === 'list' ? reads : writes;
      return (curve.draw(random) / 2) * multiple;
    },
  };
}
