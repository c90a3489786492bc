import type { Meter, RequestClass } from './object-store.js';
import type { Prices } from './prices.js';

/** What has been counted, up to one moment or between two. */
export interface TrafficCounts {
  /** Requests sent, repetitions included. */
  readonly requests: Readonly<Record<RequestClass, number>>;
  /** Requests that repeated a failed one. */
  readonly retries: Readonly<Record<RequestClass, number>>;
  /** Bytes of objects that were uploaded. */
  readonly bytesOut: number;
  /** Bytes of objects and keys that were downloaded. */
  readonly bytesIn: number;
}

/** US dollars. */
export interface CostEstimate {
  readonly requests: number;
  readonly egress: number;
  readonly total: number;
  /** What was used and has no price in the table: the total is too low by it. */
  readonly unpriced: readonly ('read' | 'write' | 'list' | 'delete' | 'egress')[];
}

const classes = ['read', 'write', 'list', 'delete'] as const;

/** The account that ships: sums, and what they cost. */
export class Traffic implements Meter, TrafficCounts {
  readonly requests: Record<RequestClass, number> = { read: 0, write: 0, list: 0, delete: 0 };
  readonly retries: Record<RequestClass, number> = { read: 0, write: 0, list: 0, delete: 0 };
  bytesOut = 0;
  bytesIn = 0;

  request(kind: RequestClass, bytesOut: number): void {
    this.requests[kind]++;
    this.bytesOut += bytesOut;
  }

  response(_kind: RequestClass, bytesIn: number): void {
    this.bytesIn += bytesIn;
  }

  retry(kind: RequestClass): void {
    this.retries[kind]++;
  }

  /** The sums as they are now; they stay so. */
  snapshot(): TrafficCounts {
    return {
      requests: { ...this.requests },
      retries: { ...this.retries },
      bytesOut: this.bytesOut,
      bytesIn: this.bytesIn,
    };
  }

  /** What was counted after `earlier`. */
  since(earlier: TrafficCounts): TrafficCounts {
    const less = (now: TrafficCounts['requests'], then: TrafficCounts['requests']) =>
      Object.fromEntries(classes.map((kind) => [kind, now[kind] - then[kind]])) as Record<
        RequestClass,
        number
      >;
    return {
      requests: less(this.requests, earlier.requests),
      retries: less(this.retries, earlier.retries),
      bytesOut: this.bytesOut - earlier.bytesOut,
      bytesIn: this.bytesIn - earlier.bytesIn,
    };
  }

  /** What all of it costs. Storage is not in it: that depends on how long bytes stay. */
  estimateCost(prices: Prices): CostEstimate {
    return estimateCost(this, prices);
  }
}

/** What the counted traffic costs, if it all leaves the provider's network. */
export function estimateCost(counts: TrafficCounts, prices: Prices): CostEstimate {
  const unpriced: CostEstimate['unpriced'][number][] = [];
  let requests = 0;
  for (const kind of classes) {
    const price = prices.perMillion[kind];
    if (price === undefined && counts.requests[kind] > 0) unpriced.push(kind);
    requests += (counts.requests[kind] * (price ?? 0)) / 1e6;
  }
  if (prices.egressPerGB === undefined && counts.bytesIn > 0) unpriced.push('egress');
  const egress = (counts.bytesIn * (prices.egressPerGB ?? 0)) / 1e9;
  return { requests, egress, total: requests + egress, unpriced };
}
