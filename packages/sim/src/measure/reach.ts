/**
 * What many writers at once are to come to, beside what was found: the worst cell that a line is about.
 *
 * Invariant: a line without its cells says nothing: no cell, no verdict.
 */
import type { Figures } from './contention.js';
import { profileOf } from './latency.js';

/** Workloads in which nothing conflicts with anything. */
const FREE = ['disjoint', 'add'];
/** Bodies that read what all of them write. */
const HOT = ['read-write', 'read-write-wait-0', 'read-write-wait-5', 'read-write-wait-50'];

interface Line {
  readonly what: string;
  /** Whether more is better: the worst cell is the lowest then. */
  readonly better: 'more' | 'less';
  /** Of writers that are all as far away, and of those that are not; undefined: nothing is asked for. */
  readonly evenly: number;
  readonly unevenly: number | undefined;
  readonly about: (figures: Figures) => boolean;
  readonly of: (figures: Figures) => number;
}

const free = ({ workload }: Figures): boolean => FREE.includes(workload);
const requests = ({ requestsPerCommit }: Figures): number =>
  requestsPerCommit?.all ?? Number.POSITIVE_INFINITY;

const lines: readonly Line[] = [
  ...[
    { writers: 4, evenly: 1.3 },
    { writers: 16, evenly: 5 },
    { writers: 64, evenly: 20 },
  ].map(
    ({ writers, evenly }): Line => ({
      what: `commits per round trip, disjoint or add, ${writers} writers`,
      better: 'more',
      evenly,
      unevenly: undefined,
      about: (figures) => free(figures) && figures.writers === writers,
      of: ({ perRoundTrip }) => perRoundTrip,
    }),
  ),
  {
    what: 'commits per round trip, read and write one key without a wait',
    better: 'more',
    evenly: 0.8,
    unevenly: 0.8,
    about: ({ workload }) => workload === HOT[0],
    of: ({ perRoundTrip }) => perRoundTrip,
  },
  {
    what: 'least over most commits, 2 to 64 writers, what conflicts with nothing',
    better: 'more',
    evenly: 0.5,
    unevenly: 0.1,
    about: (figures) => free(figures) && figures.writers > 1,
    of: ({ fairness }) => fairness.ratio,
  },
  {
    what: 'least over most commits, 2 to 64 writers, queue and bank',
    better: 'more',
    evenly: 0.5,
    unevenly: 0.1,
    about: ({ workload, writers }) => writers > 1 && (workload === 'queue' || workload === 'bank'),
    of: ({ fairness }) => fairness.ratio,
  },
  {
    what: 'least over most commits, 2 to 64 writers, read, wait or not, write one key',
    better: 'more',
    evenly: 0.5,
    unevenly: 0.1,
    about: ({ workload, writers }) => writers > 1 && HOT.includes(workload),
    of: ({ fairness }) => fairness.ratio,
  },
  {
    what: 'least over most commits, loops in one database',
    better: 'more',
    evenly: 0.5,
    unevenly: 0.5,
    about: ({ workload, writers }) => writers > 1 && workload.startsWith('loops'),
    of: ({ fairness }) => fairness.ratio,
  },
  {
    what: 'wait p99 in round trips, disjoint or add, 64 writers',
    better: 'less',
    evenly: 4,
    unevenly: undefined,
    about: (figures) => free(figures) && figures.writers === 64,
    of: ({ waits }) => waits.p99,
  },
  {
    what: 'wait max in round trips, disjoint or add, 64 writers',
    better: 'less',
    evenly: 8,
    unevenly: undefined,
    about: (figures) => free(figures) && figures.writers === 64,
    of: ({ waits }) => waits.max,
  },
  ...[16, 64].map(
    (writers): Line => ({
      what: `requests per commit, disjoint or add, ${writers} writers`,
      better: 'less',
      evenly: 8,
      unevenly: 8,
      about: (figures) => free(figures) && figures.writers === writers,
      of: requests,
    }),
  ),
  ...[16, 64].map(
    (writers): Line => ({
      what: `requests per commit, the dearest workload, ${writers} writers`,
      better: 'less',
      evenly: 8,
      unevenly: 8,
      about: (figures) => figures.writers === writers,
      of: requests,
    }),
  ),
];

export interface Reached {
  readonly what: string;
  readonly latency: string;
  /** `>= 5`; empty: nothing is asked for. */
  readonly reach: string;
  /** The worst. */
  readonly found: number;
  readonly met: boolean | undefined;
}

/** A verdict for each line and latency of which there are cells. */
export function reachOf(all: readonly Figures[]): Reached[] {
  const latencies = [...new Set(all.map(({ latency }) => latency))];
  return lines.flatMap(({ what, better, evenly, unevenly, about, of }) =>
    latencies.flatMap((latency): Reached[] => {
      const values = all.filter((figures) => figures.latency === latency && about(figures)).map(of);
      if (values.length === 0) return [];
      const found = better === 'more' ? Math.min(...values) : Math.max(...values);
      const asked = profileOf(latency)?.multipleOf(1) === 1 ? evenly : unevenly;
      if (asked === undefined) return [{ what, latency, reach: '', found, met: undefined }];
      const met = better === 'more' ? found >= asked : found <= asked;
      return [{ what, latency, reach: `${better === 'more' ? '>=' : '<='} ${asked}`, found, met }];
    }),
  );
}
