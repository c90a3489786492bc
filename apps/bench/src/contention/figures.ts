/**
 * What a cell came to, from what each process of writers tells. The names are those of the simulator's figures, which
 * are told in virtual time.
 *
 * Invariant: a round trip is the median PUT of the raw store over the same network in the same run. Without load for
 * `roundTripMs`; beside the writers, on the same processors, for `busyRoundTripMs`.
 */
import { quantile } from '../stats.js';
import type { CrewFigures } from './crew.js';

/** How evenly commits are spread over writers. */
export interface Fairness {
  /** Commits of the writer with the fewest, and with the most. */
  readonly least: number;
  readonly most: number;
  /** The one over the other: 1 is even, 0 leaves somebody with nothing. Where nobody has any, 0. */
  readonly ratio: number;
}

export interface Waits {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Requests {
  readonly all: number;
  readonly read: number;
  readonly write: number;
  readonly list: number;
}

export interface Figures {
  readonly workload: string;
  readonly network: string;
  readonly writers: number;
  readonly seconds: number;
  readonly roundTripMs: number;
  readonly busyRoundTripMs: number;
  readonly commits: number;
  readonly perSecond: number;
  readonly perRoundTrip: number;
  /** In round trips as they were beside the writers. */
  readonly perBusyRoundTrip: number;
  readonly fairness: Fairness;
  /** From the call to its acknowledgement. */
  readonly waitsMs: Waits;
  /** The same in round trips. */
  readonly waits: Waits;
  /** Of all writers together, for one commit; undefined without commits. */
  readonly requestsPerCommit: Requests | undefined;
  /** Requests at Amazon S3's list prices, without traffic that leaves the region; undefined without commits. */
  readonly dollarsPerMillion: number | undefined;
  /** Records in the log. */
  readonly records: number;
  readonly rebases: number;
  readonly conflicts: number;
  readonly flushes: number;
  /** Calls that failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly cpu: {
    /** Of all processes of writers, for one commit; undefined without commits. */
    readonly msPerCommit: number | undefined;
    /** How many processors the writers kept busy. */
    readonly writers: number;
    /** How many everything on this machine did: server and proxy are there too. */
    readonly machine: number;
  };
}

export interface Measured {
  readonly workload: string;
  readonly network: string;
  readonly seconds: number;
  readonly roundTripMs: number;
  readonly busyRoundTripMs: number;
  readonly crews: readonly CrewFigures[];
  /** Processors' time that was not idle, of the whole machine. */
  readonly machineMs: number;
}

export function figuresOf(measured: Measured): Figures {
  const { workload, network, seconds, roundTripMs, busyRoundTripMs, crews, machineMs } = measured;
  const writers = crews.flatMap((crew) => crew.writers);
  const each = writers.map(({ commits }) => commits);
  const commits = sum(each);
  const waitsMs = writers.flatMap((writer) => writer.waitsMs);
  const requests = (kind: 'read' | 'write' | 'list' | 'delete'): number =>
    sum(crews.map((crew) => crew.requests[kind]));
  const perCommit = (amount: number): number => rounded(amount / commits);
  const told = waitsOf(waitsMs, 1);
  const cpuMs = sum(crews.map((crew) => crew.cpuMs));
  return {
    workload,
    network,
    writers: writers.length,
    seconds,
    roundTripMs: rounded(roundTripMs),
    busyRoundTripMs: rounded(busyRoundTripMs),
    commits,
    perSecond: rounded(commits / seconds),
    perRoundTrip: rounded((commits * roundTripMs) / (seconds * 1000)),
    perBusyRoundTrip: rounded((commits * busyRoundTripMs) / (seconds * 1000)),
    fairness: fairnessOf(each),
    waitsMs: told,
    waits: waitsOf(waitsMs, roundTripMs),
    requestsPerCommit:
      commits === 0
        ? undefined
        : {
            all: perCommit(requests('read') + requests('write') + requests('list') + requests('delete')),
            read: perCommit(requests('read')),
            write: perCommit(requests('write')),
            list: perCommit(requests('list')),
          },
    dollarsPerMillion: commits === 0 ? undefined : perCommit(sum(crews.map((crew) => crew.dollars)) * 1e6),
    records: sum(crews.map((crew) => crew.records)),
    rebases: sum(crews.map((crew) => crew.rebases)),
    conflicts: sum(crews.map((crew) => crew.conflicts)),
    flushes: sum(crews.map((crew) => crew.flushes)),
    failures: failuresOf(crews),
    cpu: {
      msPerCommit: commits === 0 ? undefined : perCommit(cpuMs),
      writers: rounded(cpuMs / (seconds * 1000)),
      machine: rounded(machineMs / (seconds * 1000)),
    },
  };
}

/** @param commits of each writer. */
export function fairnessOf(commits: readonly number[]): Fairness {
  if (commits.length === 0) throw new RangeError('Fairness needs writers: found none.');
  const least = Math.min(...commits);
  const most = Math.max(...commits);
  return { least, most, ratio: most === 0 ? 0 : rounded(least / most) };
}

/** How many commits the state must show, and may: a call that failed may have happened. */
export function boundsOf(crews: readonly CrewFigures[]): { atLeast: number; atMost: number } {
  const writers = crews.flatMap((crew) => crew.writers);
  const atLeast = sum(writers.map(({ commits, late }) => commits + late));
  return { atLeast, atMost: atLeast + sum(Object.values(failuresOf(crews))) };
}

function waitsOf(waitsMs: readonly number[], unitMs: number): Waits {
  const told = (p: number): number => rounded(quantile(waitsMs, p) / unitMs);
  return { p50: told(0.5), p99: told(0.99), max: told(1) };
}

function failuresOf(crews: readonly CrewFigures[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { failures } of crews.flatMap((crew) => crew.writers))
    for (const [code, count] of Object.entries(failures)) sums[code] = (sums[code] ?? 0) + count;
  return sums;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
