/**
 * What one follower of the log has still to be told: the steps that this process takes anyway, kept for it, so that it
 * fetches none of them again.
 *
 * Invariants:
 * - What it gives is without a gap, in order. Where steps are missing (a jump, a follower too slow for what is kept),
 *   it gives none, and the follower reads the records.
 * - What it keeps is bounded, however slow its follower is.
 */
import { type Clock, onAbort } from '@holdfast/object-store';
import { inTime } from '../context/in-time.js';
import type { Step, Tip } from './tip.js';

const STEPS_MAX = 256;
const BYTES_MAX = 8 * 1024 * 1024;

export class Feed {
  readonly #leave: readonly (() => void)[];
  readonly #endings: readonly AbortSignal[];
  #steps: Step[] = [];
  #bytes = 0;
  #isNew = false;
  #wake: (() => void) | undefined;
  readonly #raise = (): void => {
    this.#isNew = true;
    this.#wake?.();
  };

  /** @param endings signals that end its waiting. Listened to until `close()`. */
  constructor(tip: Tip, endings: readonly (AbortSignal | undefined)[]) {
    this.#endings = endings.filter((signal) => signal !== undefined);
    this.#leave = [
      tip.onChange((step) => this.#add(step)),
      ...this.#endings.map((signal) => onAbort(signal, this.#raise)),
    ];
  }

  /** The oldest version that is kept. */
  get first(): number | undefined {
    return this.#steps[0]?.view.version;
  }

  /** The step to `version`, if it is kept; older ones are let go. */
  take(version: number): Step | undefined {
    while (this.#steps.length > 0 && this.#steps[0]!.view.version < version) this.#shift();
    return this.first === version ? this.#shift() : undefined;
  }

  /** Resolves at the next step, at an ending, or after `ms`; at once if there was one since the last wait. */
  async wait(clock: Clock, ms: number): Promise<void> {
    if (!this.#isNew && !this.#endings.some((signal) => signal.aborted)) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await inTime(clock, woken, ms);
      this.#wake = undefined;
    }
    this.#isNew = false;
  }

  close(): void {
    for (const leave of this.#leave) leave();
    this.#clear();
  }

  #add(step: Step | undefined): void {
    if (step === undefined || this.#steps.length >= STEPS_MAX || this.#bytes > BYTES_MAX) this.#clear();
    if (step) {
      this.#steps.push(step);
      this.#bytes += step.record.bytes;
    }
    this.#raise();
  }

  #shift(): Step {
    const step = this.#steps.shift()!;
    this.#bytes -= step.record.bytes;
    return step;
  }

  #clear(): void {
    this.#steps = [];
    this.#bytes = 0;
  }
}
