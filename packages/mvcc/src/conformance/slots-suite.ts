/**
 * The contract of `Slots` as named cases that any test runner, or none, can run.
 *
 * Each case opens a log of its own, and looks at it through two `Slots`, as two processes would.
 */
import { type ConformanceCase, type ConformanceReport, runCases } from '@holdfast/object-store/conformance';
import type { Slots } from '../context/slots.js';
import type { Cases } from './cases.js';
import { callCases } from './slots-calls.js';
import { claimCases } from './slots-claims.js';
import { newestCases } from './slots-newest.js';
import { readCases } from './slots-reads.js';

export interface OpenedSlots {
  /** Of an empty log. */
  readonly slots: Slots;
  /** Of the same log, as another process has it: nothing is shared but what both reach. */
  readonly peer: Slots;
  /**
   * Leaves something under `name` among the records, as consoles and file managers do. Where nobody can, it is not
   * given, and the case that needs it passes at once.
   */
  readonly plant?: ((name: string) => Promise<void>) | undefined;
  readonly cleanup: () => Promise<void>;
}

/** Opens an empty log, and gives what removes it again. */
export type OpenSlots = () => Promise<OpenedSlots>;

export interface SlotsConformanceOptions {
  /** How many claims race. 50 unless given. */
  readonly racers?: number | undefined;
  /** How many races there are. 5 unless given. */
  readonly rounds?: number | undefined;
  /** How many slots the long log has. 40 unless given. */
  readonly length?: number | undefined;
}

/** All cases, for the loop of a test runner: `for (const { name, run } of slotsConformance(open)) test(name, run)`. */
export function slotsConformance(open: OpenSlots, options: SlotsConformanceOptions = {}): ConformanceCase[] {
  const { racers = 50, rounds = 5, length = 40 } = options;
  const all: Cases = { ...claimCases, ...readCases, ...newestCases, ...callCases };
  return Object.entries(all).map(([name, check]) => ({
    name,
    async run() {
      const { slots, peer, plant, cleanup } = await open();
      try {
        await check({ slots, peer, plant, racers, rounds, length });
      } finally {
        await cleanup();
      }
    },
  }));
}

/** Runs all cases, one after the other. */
export function runSlotsConformance(
  open: OpenSlots,
  options: SlotsConformanceOptions = {},
): Promise<ConformanceReport> {
  return runCases(slotsConformance(open, options));
}
