/**
 * What a measure is given, and what it yields.
 *
 * Invariant: each figure of a row was measured in the run that reports it; ours and the baseline's samples are
 * interleaved, so that what the machine does meanwhile happens to both.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ObjectStore } from '@holdfast/object-store';
import type { Target as Reached } from './location.js';
import type { Scale } from './scale.js';
import type { Summary } from './stats.js';

/** What the ratio (or, without a baseline, the value) should be. */
export type Target = { readonly atMost: number } | { readonly atLeast: number };

export type Unit = 'ms' | 'rows/ms' | 'tx/s' | 'MB/s' | 'MB' | 'KB';

export interface Row {
  readonly measure: string;
  /** What was done, in a few words. */
  readonly what: string;
  /** The network's name. */
  readonly network: string;
  readonly unit: Unit;
  readonly ours: Summary;
  readonly baseline?: { readonly what: string; readonly samples: Summary } | undefined;
  readonly target?: Target | undefined;
  /** Counts and sizes that explain the figures. */
  readonly facts?: Readonly<Record<string, number | string>> | undefined;
}

/** Ours over the baseline, by their medians. Undefined: there is no baseline. */
export function ratioOf({ ours, baseline }: Row): number | undefined {
  return baseline && ours.median / baseline.samples.median;
}

/** Undefined: no target was set. Judges the ratio, or the value where there is no baseline. */
export function meetsTarget(row: Row): boolean | undefined {
  if (row.target === undefined) return undefined;
  const figure = ratioOf(row) ?? row.ours.median;
  return 'atMost' in row.target ? figure <= row.target.atMost : figure >= row.target.atLeast;
}

/** A prefix of its own in the store, seen over two networks. Both are the same place to a database. */
export interface Place {
  /** Over the network that is measured. */
  readonly store: ObjectStore;
  /** Directly: for what comes before the measuring. */
  readonly direct: ObjectStore;
}

export interface Stage {
  readonly network: string;
  /** Whether that is the slow one. */
  readonly delayed: boolean;
  readonly scale: Scale;
  readonly signal: AbortSignal;
  /** How to get to the store over this network by oneself. What is written under the prefix is deleted. */
  readonly reach: Pick<Reached, 'url' | 'credentials'> & { readonly prefix: string };
  /** An empty place; it is deleted after the measure. */
  place(): Place;
  /** Says what is going on, on stderr. */
  progress(text: string): void;
}

export interface Measure {
  readonly name: string;
  /** `direct`: without a network in between only; `delayed`: only with one, where there is one. */
  readonly networks: 'both' | 'direct' | 'delayed';
  run(stage: Stage): Promise<Row[]>;
}

const collect = exposeCollector();

/** Collects garbage, so that one side's is not paid for in the other's sample. */
export function collectGarbage(): void {
  collect();
}

function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Milliseconds that `action` takes. */
export async function timed<T>(action: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedMs = performance.now();
  const result = await action();
  return { ms: performance.now() - startedMs, result };
}
