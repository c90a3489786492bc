/** Waiting for what others do: looks at the next slot when a record is to be expected there. */
import { orAborted } from '@holdfast/object-store';
import type { Context } from '../context/context.js';
import { inTime } from '../context/in-time.js';
import type { Tip } from '../log/tip.js';
import type { View } from '../state/view.js';

interface Wait {
  /** By the monotonic clock. */
  readonly untilMs: number;
  /** Records of others that come before anything is to be learnt. */
  readonly ahead: number;
  /** Whether there is something else to do; asked again whenever somebody has joined the queue. */
  readonly isOver: () => boolean;
  readonly signal: AbortSignal | undefined;
}

export class Standby {
  readonly #context: Context;
  readonly #tip: Tip;
  #wake: () => void = () => {};
  #joins = 0;

  constructor(context: Context, tip: Tip) {
    this.#context = context;
    this.#tip = tip;
  }

  /** Somebody has joined the queue. */
  joined(): void {
    this.#joins++;
    this.#wake();
  }

  /** Resolves when there is a newer state than `view`, when it is over, or at `untilMs`. */
  async wait(view: View, { untilMs, ahead, isOver, signal }: Wait): Promise<void> {
    const { clock } = this.#context;
    const joins = this.#joins;
    // Others' turns may take long, and whoever has joined may have nothing to do with them.
    const isAwake = (): boolean => ahead > 0 && this.#joins !== joins;
    const isDone = (): boolean => this.#tip.view !== view || isOver() || isAwake();
    while (!isDone()) {
      const { waitMs, width } = this.#tip.cadence.next(clock.monotonic(), ahead);
      const pauseMs = Math.min(waitMs, untilMs - clock.monotonic());
      if (pauseMs > 0) await this.#pause(pauseMs, signal);
      if (isDone()) return;
      await orAborted(this.#tip.step(width), signal);
      if (clock.monotonic() >= untilMs) return;
    }
  }

  /** Waits until others may have taken up what was put at `sentMs`, or until it is `sent`; for as long as `untilMs`. */
  async untilSent(
    { sent, sentMs, roundTripMs }: { sent: Promise<unknown>; sentMs: number; roundTripMs: number },
    untilMs: number,
  ): Promise<void> {
    const dueMs = Math.min(untilMs, this.#tip.cadence.carriedFromMs(sentMs + roundTripMs / 2));
    await inTime(this.#context.clock, sent, dueMs - this.#context.clock.monotonic());
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const joined = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await orAborted(inTime(this.#context.clock, joined, ms), signal);
  }
}
