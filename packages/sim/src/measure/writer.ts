/**
 * A writer that commits, and commits again as soon as it has been told.
 *
 * Invariant: whoever waits when the time is over is counted among the waits, for as long as it has waited: a writer
 * that never got through is not left out of them.
 */
import { HoldfastError } from '@holdfast/core';
import type { World } from '../world/world.js';
import type { Turn, Workload } from './workload.js';

export class Writer {
  /** Acknowledged since `begin()`. */
  commits = 0;
  /** All of them. */
  acknowledged = 0;
  /** Of acknowledged commits since `begin()`, virtual milliseconds each. */
  readonly waitsMs: number[] = [];
  /** How long its very first one took. */
  firstWaitMs: number | undefined;
  /** Calls that failed since `begin()`, by code. */
  readonly failures: Map<string, number> = new Map();
  readonly #world: World;
  readonly #workload: Workload;
  readonly #around: Omit<Turn, 'turn'>;
  #sinceMs: number | undefined;
  #ended = false;
  #broken: unknown;

  constructor(world: World, workload: Workload, around: Omit<Turn, 'turn'>) {
    this.#world = world;
    this.#workload = workload;
    this.#around = around;
  }

  /** @param pauseMs after a call that failed. */
  async run(pauseMs: number): Promise<void> {
    for (let turn = 0; !this.#ended; turn++) {
      this.#sinceMs = this.#world.nowMs;
      try {
        await this.#workload.commit({ ...this.#around, turn });
        if (this.#ended) return;
        this.commits++;
        this.acknowledged++;
        this.waitsMs.push(this.#world.nowMs - this.#sinceMs);
        this.firstWaitMs ??= this.waitsMs.at(-1);
      } catch (error) {
        if (this.#ended) return;
        if (!(error instanceof HoldfastError)) {
          this.#broken = error;
          return;
        }
        this.failures.set(error.code, (this.failures.get(error.code) ?? 0) + 1);
        await this.#world.sleep(pauseMs);
      }
    }
  }

  /** From here on it counts. */
  begin(): void {
    this.commits = 0;
    this.waitsMs.length = 0;
    this.failures.clear();
  }

  /**
   * The time is over.
   * @returns how long it has been waiting, if it is.
   * @throws what ended its run: a mistake of the workload's.
   */
  end(): number | undefined {
    this.#ended = true;
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#sinceMs === undefined) return undefined;
    const waitedMs = this.#world.nowMs - this.#sinceMs;
    this.firstWaitMs ??= waitedMs;
    return waitedMs;
  }
}
