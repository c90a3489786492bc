/**
 * The contract of `ObjectStore` as named cases that any test runner, or none, can run.
 *
 * Each case opens a store of its own. A case that a capability is needed for passes at once where the store says it
 * doesn't have it.
 */
import type { Capabilities, ObjectStore } from '../object-store.js';
import { callCases } from './calls.js';
import { createCases, swapCases } from './conditions.js';
import type { Cases } from './context.js';
import { deleteCases, listCases } from './listings.js';
import { readCases } from './reads.js';

/** Opens an empty store, and gives what removes it again. */
export type OpenStore = () => Promise<{ store: ObjectStore; cleanup: () => Promise<void> }>;

export interface ConformanceOptions {
  /** How many puts race. 50 unless given. */
  readonly racers?: number | undefined;
  /** How many races there are. 5 unless given. */
  readonly rounds?: number | undefined;
  /** How many keys the long listing has. 1,205 unless given, which is more than a page of S3. */
  readonly listedKeys?: number | undefined;
}

export interface ConformanceCase {
  readonly name: string;
  /** Rejects when the store breaks the contract, with what was expected and what was found. */
  run(): Promise<void>;
}

export interface ConformanceReport {
  readonly ok: boolean;
  readonly cases: readonly { readonly name: string; readonly ok: boolean; readonly error?: unknown }[];
}

/** All cases, for the loop of a test runner: `for (const { name, run } of conformance(open)) test(name, run)`. */
export function conformance(open: OpenStore, options: ConformanceOptions = {}): ConformanceCase[] {
  const { racers = 50, rounds = 5, listedKeys = 1_205 } = options;
  const withNeeds: [Cases, keyof Capabilities | undefined][] = [
    [readCases, undefined],
    [createCases, 'putIfAbsent'],
    [swapCases, 'putIfMatch'],
    [listCases, undefined],
    [deleteCases, undefined],
    [callCases, undefined],
  ];
  return withNeeds.flatMap(([cases, needed]) =>
    Object.entries(cases).map(([name, check]) => ({
      name,
      async run() {
        const { store, cleanup } = await open();
        try {
          if (needed === undefined || store.capabilities[needed])
            await check({ store, racers, rounds, listedKeys });
        } finally {
          await cleanup();
        }
      },
    })),
  );
}

/** Runs all cases, one after the other. */
export function runConformance(
  open: OpenStore,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  return runCases(conformance(open, options));
}

/** Runs the cases of any suite, one after the other, and tells what became of each. */
export async function runCases(cases: readonly ConformanceCase[]): Promise<ConformanceReport> {
  const ended: { name: string; ok: boolean; error?: unknown }[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
      ended.push({ name, ok: true });
    } catch (error) {
      ended.push({ name, ok: false, error });
    }
  }
  return { ok: ended.every((one) => one.ok), cases: ended };
}
